//! Conversations that agents have had.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::json;
use tokio::task::JoinSet;

use crate::client::{Kind, Scanner, Scratch, Socket, hello, keep_alive, source};
use crate::people::{self, Agent, Visitor};
use crate::site::Site;
use crate::wait;

/// Sessions that each agent may have at a time, and conversations of each that are made at a time: those of the last
/// wave stay open.
pub const CAPACITY: usize = 100;
const WAVE: usize = 20;
/// Calls at a time.
const AT_ONCE: usize = 16;
const PATIENCE: Duration = Duration::from_secs(60);
const HEARTBEAT: Duration = Duration::from_secs(25);

/// What was made. The agents stay online, as with another tab, until this is dropped.
#[derive(Debug)]
pub struct Filled {
    /// Conversations of all agents.
    pub conversations: usize,
    _online: JoinSet<()>,
}

/// Gives each agent so many conversations, evenly: visitors write once, get an agent, and leave; the last few stay.
pub async fn fill(site: &Site, agents: &[Agent], each: usize) -> anyhow::Result<Filled> {
    let added = Rc::new(Cell::new(0));
    let mut online = JoinSet::new();
    let (scratch, mut sockets) = (Scratch::default(), Vec::new());
    for (index, agent) in agents.iter().enumerate() {
        let socket = Rc::new(Socket::open(site.address(), source(index), &scratch).await?);
        socket.queue(&hello(&agent.token, "other-tab"));
        socket.send(br#"{"t":"status","status":"online"}"#);
        online.spawn_local(count_added(socket.clone(), added.clone()));
        sockets.push(socket);
    }
    online.spawn_local(keep_alive(sockets, HEARTBEAT));
    let (all, mut made) = (agents.len() * each, 0);
    while made < all {
        let wave = (agents.len() * WAVE).min(all - made);
        let visitors = people::visitors(site, wave).await?;
        each_of(&visitors, |index, visitor| write(site, index, visitor)).await?;
        made += wave;
        wait::until_all("conversations with an agent", made, PATIENCE, || added.get()).await?;
        if made < all {
            each_of(&visitors, |index, visitor| leave(site, index, visitor)).await?;
        }
        println!("  {made} of {all} conversations");
    }
    Ok(Filled { conversations: made, _online: online })
}

async fn each_of<'a, F: Future<Output = anyhow::Result<()>>>(
    visitors: &'a [Visitor],
    act: impl Fn(usize, &'a Visitor) -> F,
) -> anyhow::Result<()> {
    let acts = visitors.iter().enumerate().map(|(index, visitor)| act(index, visitor));
    futures::stream::iter(acts).buffer_unordered(AT_ONCE).try_collect().await
}

async fn write(site: &Site, index: usize, visitor: &Visitor) -> anyhow::Result<()> {
    let body = json!({"content": "Hello, I have a question about my order.", "client_msg_id": "1"});
    site.rest().post(index, "/api/messages/send", Some(&visitor.token), &body).await.map(drop)
}

async fn leave(site: &Site, index: usize, visitor: &Visitor) -> anyhow::Result<()> {
    let path = format!("/api/sessions/{}.1/end", visitor.conversation);
    site.rest().post(index, &path, Some(&visitor.token), &json!({})).await.map(drop)
}

/// Counts the conversations that an agent is added to, as long as the connection holds.
async fn count_added(socket: Rc<Socket>, added: Rc<Cell<usize>>) {
    let scanner = Scanner::default();
    let hear = |message: &[u8]| {
        let more = scanner.frames(message).filter(|frame| frame.kind == Kind::Added).count();
        added.set(added.get() + more);
    };
    while socket.read(hear).await.is_ok() {}
}
