//! Brings everybody together.

use std::rc::Rc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use tokio::task::JoinSet;

use super::{Hall, Load};
use crate::client::{Scratch, Socket, attach, hello, keep_alive, source};
use crate::people::{self, Agent, Visitor};
use crate::site::Site;
use crate::wait;

/// Connections opened at a time.
const AT_ONCE: usize = 32;
/// Longer nothing may happen while everybody arrives.
const PATIENCE: Duration = Duration::from_secs(20);
/// A client sends something at least this often.
const HEARTBEAT: Duration = Duration::from_secs(25);

/// Who takes part.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Visitors, each with a conversation.
    pub conversations: usize,
    /// Agents; none leaves all visitors waiting.
    pub agents: usize,
    /// Agents write too.
    pub both: bool,
    /// Visitors follow their conversations.
    pub echo: bool,
}

/// The tasks that keep everybody there: when this is dropped, all connections end.
#[derive(Debug, Default)]
pub struct Crowd(JoinSet<()>);

impl Crowd {
    /// Runs a task as long as everybody is there.
    pub fn spawn(&mut self, task: impl Future<Output = ()> + 'static) {
        self.0.spawn_local(task);
    }
}

/// Makes agents and visitors, connects them, and opens every conversation with its first message; returns when each has
/// its agent, who follows it.
pub async fn prepare(site: &Site, plan: Plan) -> anyhow::Result<(Rc<Hall>, Crowd)> {
    wait::room_for(plan.conversations + plan.agents)?;
    let scratch = Scratch::default();
    // Room for twice as many: whom the assigner chooses is its own affair.
    let capacity = (2 * plan.conversations).div_ceil(plan.agents.max(1)).min(1_000);
    let agents = people::agents(site, plan.agents, capacity).await?;
    let visitors = people::visitors(site, plan.conversations).await?;
    let hall = Rc::new(Hall::new(visitors, plan.both));

    let (mut crowd, mut sockets) = (Crowd::default(), Vec::new());
    for (index, agent) in agents.iter().enumerate() {
        let socket = seat_agent(site, index, agent, &scratch).await?;
        crowd.spawn(listen_as_agent(hall.clone(), index, socket.clone()));
        sockets.push(socket);
    }
    let come_in = async |(index, visitor)| {
        let socket = come_in(site, index, visitor, &scratch, plan.echo).await?;
        Ok::<_, anyhow::Error>((index, socket))
    };
    let mut arriving = futures::stream::iter(hall.visitors().iter().enumerate().map(come_in)).buffer_unordered(AT_ONCE);
    while let Some((index, socket)) = arriving.try_next().await? {
        hall.visitors_flow(index).sent_on(&socket);
        crowd.spawn(listen_as_visitor(hall.clone(), index, socket.clone()));
        sockets.push(socket);
    }
    drop(arriving);
    crowd.spawn(keep_alive(sockets, HEARTBEAT));

    if plan.echo {
        // Who follows from the first message on gets every one.
        wait::until_all("visitors", plan.conversations, PATIENCE, || hall.counts().followed.get()).await?;
    }
    hall.begin(Load::Window { size: 1, each: 1, until_ns: u64::MAX });
    let opened = || usize::try_from(hall.counts().acked.get()).unwrap_or(usize::MAX);
    wait::until_all("conversations opened", plan.conversations, PATIENCE, opened).await?;
    hall.quiet();
    if plan.agents > 0 {
        wait::until_all("conversations with an agent", plan.conversations, PATIENCE, || hall.counts().attached.get())
            .await?;
    }
    Ok((hall, crowd))
}

async fn seat_agent(site: &Site, index: usize, agent: &Agent, scratch: &Scratch) -> anyhow::Result<Rc<Socket>> {
    let socket = Socket::open(site.address(), source(index), scratch).await?;
    socket.queue(&hello(&agent.token, "load"));
    socket.send(br#"{"t":"status","status":"online"}"#);
    Ok(Rc::new(socket))
}

async fn come_in(
    site: &Site,
    index: usize,
    visitor: &Visitor,
    scratch: &Scratch,
    echo: bool,
) -> anyhow::Result<Rc<Socket>> {
    let socket = Socket::open(site.address(), source(index), scratch).await?;
    socket.queue(&hello(&visitor.token, "load"));
    if echo {
        socket.queue(&attach(&visitor.conversation, None));
    }
    socket.flush();
    Ok(Rc::new(socket))
}

async fn listen_as_agent(hall: Rc<Hall>, index: usize, socket: Rc<Socket>) {
    loop {
        if let Err(ended) = socket.read(|message| hall.agent_hears(&socket, message)).await {
            return hall.faults().add("connections ended", || format!("agent {index}: {ended}"));
        }
    }
}

async fn listen_as_visitor(hall: Rc<Hall>, index: usize, socket: Rc<Socket>) {
    loop {
        if let Err(ended) = socket.read(|message| hall.visitor_hears(index, message)).await {
            return hall.faults().add("connections ended", || format!("visitor {index}: {ended}"));
        }
    }
}
