//! The server is killed, started again, and everybody comes back at once.

mod client;
mod verify;

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use tokio::task::JoinSet;

use client::Client;

use crate::chat::{Pacer, Schedule};
use crate::client::{Rest, Scanner, Scratch, keep_each_alive};
use crate::clock;
use crate::faults::Faults;
use crate::latency::Latency;
use crate::people;
use crate::report::{Report, mib};
use crate::site::Site;
use crate::wait;

/// Longer nothing may happen while clients arrive or come back.
const PATIENCE: Duration = Duration::from_secs(30);
/// A client sends something about this often.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// How long clients write before the server is killed.
const WRITING: Duration = Duration::from_secs(2);

/// Options of `storm`.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Clients, each a visitor who follows their conversation.
    #[arg(long, default_value_t = 10_000)]
    clients: usize,
    /// Messages of each before the storm.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=32))]
    messages: u32,
    /// Messages per second of all together while the server is killed, so that some are unanswered then.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// The first retry of each comes within this time, in milliseconds, evenly spread.
    #[arg(long, default_value_t = 1_000)]
    first_retry_ms: u64,
}

/// What all clients share.
#[derive(Debug)]
struct Storm {
    server: SocketAddr,
    rest: Rest,
    scratch: Scratch,
    scanner: Scanner,
    faults: Faults,
    first_retry: Duration,
    /// The server was killed: ends of connections are expected.
    killed: Cell<bool>,
    acked: Cell<usize>,
    attached: Cell<usize>,
    resumed: Cell<usize>,
    /// Who was too long away for the tail, and loaded a page.
    reloaded: Cell<u64>,
    attempts: Cell<u64>,
}

/// Runs it; whether all went well.
pub async fn run(site: &mut Site, options: &Options) -> anyhow::Result<bool> {
    site.own()?;
    wait::room_for(options.clients)?;
    let mut report = Report::new("storm", site);
    report.setting("clients", options.clients);
    report.setting("messages", options.messages);
    report.setting("rate", options.rate);
    report.setting("first_retry_ms", options.first_retry_ms);
    let storm = Rc::new(Storm::new(site, options));
    let (clients, tasks) = gather(site, &storm, options).await?;

    write(&storm, &clients, options.rate).await;
    // One message of each is on its way when it happens.
    clients.iter().for_each(|client| client.write());
    tokio::task::yield_now().await;
    let owed: u64 = clients.iter().map(|client| client.unanswered()).sum();
    storm.killed.set(true);
    let kefu = site.own()?;
    kefu.kill().await?;
    println!("killed with {owed} messages unanswered; starting again");
    let killed_ns = clock::now_ns();
    let started = kefu.start_again().await?;
    let ready_ns = clock::now_ns();
    println!("ready {:.2} s after its start", started.as_secs_f64());
    wait::until_all("resumed", clients.len(), PATIENCE, || storm.resumed.get()).await?;
    let sent: usize = clients.iter().map(|client| client.sent() as usize).sum();
    wait::until_all("answered", sent, PATIENCE, || storm.acked.get()).await?;

    let mut times = Latency::default();
    clients.iter().for_each(|client| times.record_ns(client.resumed_ns().saturating_sub(ready_ns)));
    let last_ns = clients.iter().map(|client| client.resumed_ns()).max().unwrap_or(ready_ns);
    report.number("ready s", started.as_secs_f64(), format!("{:.3} s after its start", started.as_secs_f64()));
    let all = clock::seconds(ready_ns, last_ns);
    report.number(
        "all resumed s",
        all,
        format!("{all:.2} s after readiness, {:.2} s after the kill", clock::seconds(killed_ns, last_ns)),
    );
    report.latency("resumed after readiness", &times);
    report.number("attempts", storm.attempts.get(), format!("{} connections tried", storm.attempts.get()));
    report.number("reloaded", storm.reloaded.get(), format!("{} had to load a page", storm.reloaded.get()));
    report.number("unanswered at the kill", owed, owed.to_string());
    report.number("resident", site.resident_bytes(), mib(site.resident_bytes()));
    let checked = verify::histories(&storm, &clients).await?;
    report.number("checked", checked, format!("{checked} messages in {} histories", clients.len()));
    drop(tasks);
    report.finish(&storm.faults)
}

/// Brings the clients in, and lets each write its first messages.
async fn gather(site: &Site, storm: &Rc<Storm>, options: &Options) -> anyhow::Result<(Rc<[Rc<Client>]>, JoinSet<()>)> {
    let visitors = people::visitors(site, options.clients).await?;
    println!("{} visitors", visitors.len());
    let clients: Rc<[Rc<Client>]> =
        visitors.into_iter().enumerate().map(|(index, visitor)| Rc::new(Client::new(index, visitor))).collect();
    let mut tasks = JoinSet::new();
    let theirs = clients.clone();
    tasks.spawn_local(async move {
        keep_each_alive(theirs.len(), |index| theirs[index].socket(), HEARTBEAT).await;
    });
    for (index, client) in clients.iter().enumerate() {
        tasks.spawn_local(client::live(storm.clone(), client.clone()));
        if index % 64 == 63 {
            wait::until_all("attached", index.saturating_sub(256), PATIENCE, || storm.attached.get()).await?;
        }
    }
    wait::until_all("attached", clients.len(), PATIENCE, || storm.attached.get()).await?;
    for (index, client) in clients.iter().enumerate() {
        (0..options.messages).for_each(|_| client.write());
        let begun = (index + 1) * options.messages as usize;
        wait::until_all("messages", begun.saturating_sub(2_000), PATIENCE, || storm.acked.get()).await?;
    }
    wait::until_all("messages", clients.len() * options.messages as usize, PATIENCE, || storm.acked.get()).await?;
    Ok((clients, tasks))
}

/// Clients write in turn for a while.
async fn write(storm: &Storm, clients: &[Rc<Client>], rate: u32) {
    let (start, mut written) = (clock::now_ns(), 0);
    let end = start + clock::ns(WRITING);
    let pacer = Pacer::start(Schedule::new(start, rate), end);
    while clock::now_ns() < end && storm.faults.total() == 0 {
        let Ok(due) = tokio::time::timeout(WRITING, pacer.next()).await else { return };
        for arrival in written..due {
            clients[(arrival % clients.len() as u64) as usize].write();
        }
        written = due;
    }
}

impl Storm {
    fn new(site: &Site, options: &Options) -> Self {
        Self {
            server: site.address(),
            rest: site.rest().clone(),
            scratch: Scratch::default(),
            scanner: Scanner::default(),
            faults: Faults::default(),
            first_retry: Duration::from_millis(options.first_retry_ms),
            killed: Cell::new(false),
            acked: Cell::new(0),
            attached: Cell::new(0),
            resumed: Cell::new(0),
            reloaded: Cell::new(0),
            attempts: Cell::new(0),
        }
    }
}
