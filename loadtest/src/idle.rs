//! Connections that only stay.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::task::JoinSet;

use crate::client::{Kind, Scanner, Scratch, Socket, attach, hello, keep_alive, number, shown, source};
use crate::faults::Faults;
use crate::people::{self, Visitor};
use crate::report::{Report, mib};
use crate::site::{Site, Snapshot};
use crate::wait;

/// Connections opened at a time.
const AT_ONCE: usize = 32;
/// Visitors made and connected before memory is first read.
const FIRST: usize = 50;
/// Longer nothing may happen while connections attach.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time for what the opening left behind to be given back.
const SETTLE: Duration = Duration::from_secs(5);
/// How often each connection pings.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// Options of `idle`.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Connections of visitors who have authenticated and follow their conversations.
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// How long they stay while the processor is watched, in seconds; each pings every 30 s.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

#[derive(Debug, Default)]
struct Watch {
    attached: Cell<usize>,
    pongs: Cell<u64>,
    faults: Faults,
    scanner: Scanner,
}

/// Runs it; whether all went well.
pub async fn run(site: &mut Site, options: &Options) -> anyhow::Result<bool> {
    wait::room_for(options.connections)?;
    let mut report = Report::new("idle", site);
    report.setting("connections", options.connections);
    report.setting("seconds", options.seconds);
    let (watch, scratch) = (Rc::new(Watch::default()), Scratch::default());
    let (mut tasks, mut sockets) = (JoinSet::new(), Vec::new());

    // What the first connections cost once belongs to none of them.
    let first = FIRST.min(options.connections / 2);
    open(site, 0..first, &watch, &scratch, &mut tasks, &mut sockets).await?;
    tokio::time::sleep(SETTLE).await;
    let before = site.resident_bytes();
    println!("resident with {first} connections: {}", mib(before));
    open(site, first..options.connections, &watch, &scratch, &mut tasks, &mut sockets).await?;
    tasks.spawn_local(keep_alive(sockets, HEARTBEAT));
    tokio::time::sleep(SETTLE).await;
    let opened = site.resident_bytes();
    println!("resident with {} connections: {}", options.connections, mib(opened));

    let start = Snapshot::take(site);
    for second in 1..=options.seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if second % 10 == 0 {
            println!("  {second} s, resident {}, {} pongs", mib(site.resident_bytes()), watch.pongs.get());
        }
        if watch.faults.total() > 0 {
            break;
        }
    }
    let costs = Snapshot::take(site).costs_since(&start);
    let more = (options.connections - first).max(1) as f64;
    let each = opened.saturating_sub(before) as f64 / more;
    report.number("connections", options.connections, options.connections.to_string());
    report.number("resident before", before, format!("{} with {first} connections", mib(before)));
    report.number("resident after", opened, mib(opened));
    report.number("per connection", each, format!("{:.2} KiB", each / 1024.0));
    report.number("pongs", watch.pongs.get(), watch.pongs.get().to_string());
    report.costs(&costs);
    report.finish(&watch.faults)
}

async fn open(
    site: &Site,
    range: std::ops::Range<usize>,
    watch: &Rc<Watch>,
    scratch: &Scratch,
    tasks: &mut JoinSet<()>,
    sockets: &mut Vec<Rc<Socket>>,
) -> anyhow::Result<()> {
    let all = range.end;
    let visitors = people::visitors(site, range.len()).await?;
    let come = async |(index, visitor)| Ok::<_, anyhow::Error>((index, come(site, index, visitor, scratch).await?));
    let mut coming = futures::stream::iter(range.zip(&visitors).map(come)).buffer_unordered(AT_ONCE);
    while let Some((index, socket)) = coming.try_next().await? {
        tasks.spawn_local(listen(watch.clone(), index, socket.clone()));
        sockets.push(socket);
        if sockets.len().is_multiple_of(1_000) {
            println!("  {} connections", sockets.len());
        }
    }
    wait::until_all("attached", all, PATIENCE, || watch.attached.get()).await
}

async fn come(site: &Site, index: usize, visitor: &Visitor, scratch: &Scratch) -> anyhow::Result<Rc<Socket>> {
    let socket = Socket::open(site.address(), source(index), scratch).await?;
    socket.queue(&hello(&visitor.token, "idle"));
    socket.send(&attach(&visitor.conversation, None));
    Ok(Rc::new(socket))
}

async fn listen(watch: Rc<Watch>, index: usize, socket: Rc<Socket>) {
    loop {
        if let Err(ended) = socket.read(|message| watch.hear(message)).await {
            return watch.faults.add("connections ended", || format!("visitor {index}: {ended}"));
        }
    }
}

impl Watch {
    fn hear(&self, message: &[u8]) {
        for frame in self.scanner.frames(message) {
            match frame.kind {
                Kind::Attached if number(frame.body, r#""error":"#).is_none() => {
                    self.attached.set(self.attached.get() + 1);
                }
                Kind::Pong => self.pongs.set(self.pongs.get() + 1),
                Kind::Attached | Kind::Error | Kind::Rejected | Kind::Goaway => {
                    self.faults.add("refused", || shown(frame.body));
                }
                _ => {}
            }
        }
    }
}
