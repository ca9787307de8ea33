//! What a console does first.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context as _, bail};
use memchr::memmem;
use serde_json::json;

use crate::client::{Kind, Scanner, Scratch, Socket, hello, number, shown, source};
use crate::clock;
use crate::latency::Latency;
use crate::people::{self, Agent};
use crate::report::Report;
use crate::site::Site;

/// Conversations that a console follows, and most of one `attach`.
const NEWEST: usize = 200;
/// Longer a console may not take to attach.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open console with what each step took, in nanoseconds.
#[derive(Debug)]
pub struct Console {
    login_ns: u64,
    conversations_ns: u64,
    sessions_ns: u64,
    attach_ns: u64,
    whole_ns: u64,
    /// Conversations that it follows.
    pub attached: usize,
    _socket: Socket,
}

/// How long steps took.
#[derive(Debug, Default)]
pub struct Times {
    login: Latency,
    conversations: Latency,
    sessions: Latency,
    attach: Latency,
    whole: Latency,
}

impl Times {
    /// Takes those of a console.
    pub fn add(&mut self, console: &Console) {
        self.login.record_ns(console.login_ns);
        self.conversations.record_ns(console.conversations_ns);
        self.sessions.record_ns(console.sessions_ns);
        self.attach.record_ns(console.attach_ns);
        self.whole.record_ns(console.whole_ns);
    }

    /// For the report.
    pub fn report(&self, report: &mut Report) {
        report.latency("login", &self.login);
        report.latency("conversations", &self.conversations);
        report.latency("sessions", &self.sessions);
        report.latency("connect and attach", &self.attach);
        report.latency("whole", &self.whole);
    }
}

/// Logs in, loads the first lists, connects and follows the newest conversations.
pub async fn open(site: &Site, index: usize, agent: &Agent) -> anyhow::Result<Console> {
    let began = clock::now_ns();
    let token = people::login(site.rest(), index, &agent.username, &agent.password).await?;
    let logged_in = clock::now_ns();
    let list = site.rest().get(index, &format!("/api/v1/chat/conversations?limit={NEWEST}"), &token).await?;
    let listed = clock::now_ns();
    for query in [format!("status=active&agent_id={}", agent.username), "status=waiting".to_owned()] {
        site.rest().bytes(index, &format!("/api/sessions?{query}"), &token).await?;
    }
    let looked = clock::now_ns();
    let items = list["items"].as_array().context("a list without items")?;
    let newest: Vec<_> = items.iter().map(|item| json!({"conversation": item["conversation_id"]})).collect();
    let socket = Socket::open(site.address(), source(index), &Scratch::default()).await?;
    socket.queue(&hello(&token, "console"));
    socket.send(json!({"t": "attach", "id": 1, "items": newest}).to_string().as_bytes());
    tokio::time::timeout(PATIENCE, attached(&socket, newest.len())).await.context("attaching takes too long")??;
    let done = clock::now_ns();
    Ok(Console {
        login_ns: logged_in - began,
        conversations_ns: listed - logged_in,
        sessions_ns: looked - listed,
        attach_ns: done - looked,
        whole_ns: done - began,
        attached: newest.len(),
        _socket: socket,
    })
}

/// Waits until so many conversations are followed.
async fn attached(socket: &Socket, all: usize) -> anyhow::Result<()> {
    let scanner = Scanner::default();
    let (done, refused) = (Cell::new(0), Cell::new(None));
    while done.get() < all {
        socket
            .read(|message| {
                for frame in scanner.frames(message) {
                    match frame.kind {
                        Kind::Attached if memmem::find(frame.body, br#""error":"#).is_some() => {
                            refused.set(Some(shown(frame.body)));
                        }
                        Kind::Attached if number(frame.body, r#""id":"#) == Some(1) => {
                            done.set(done.get() + memmem::find_iter(frame.body, br#""recovered":"#).count());
                        }
                        Kind::Error => refused.set(Some(shown(frame.body))),
                        _ => {}
                    }
                }
            })
            .await?;
        if let Some(refused) = refused.take() {
            bail!("{refused}");
        }
    }
    Ok(())
}
