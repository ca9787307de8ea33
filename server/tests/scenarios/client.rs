//! A small client of docs/protocol.md. It reads all the time, so a scenario waits on what the client knows.

mod commands;
mod socket;
mod stream;
mod transcript;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::harness::scene::Person;
use crate::harness::wait::WITHIN;

pub use commands::{message, note};
use view::Shared;
pub use view::View;

/// What carries the frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Json,
    Msgpack,
    /// Server-Sent Events and POST.
    Sse,
}

/// One client instance: a device with its outbox and what it has seen. It survives its connections.
pub struct Client {
    pub person: Person,
    pub device: String,
    address: String,
    protocol: Protocol,
    shared: Arc<Shared>,
    up: Up,
    outbox: BTreeMap<(String, u64), Value>,
    attaches: u64,
}

/// The way up.
enum Up {
    Socket(socket::Socket),
    Stream(stream::Stream),
    Nowhere,
}

impl Client {
    /// Connects with a new device and waits for `welcome`.
    pub async fn connect(address: &str, person: &Person, protocol: Protocol) -> Self {
        let mut client = Self::new(address, person, protocol);
        client.reconnect().await;
        client
    }

    /// A client without a connection.
    pub fn new(address: &str, person: &Person, protocol: Protocol) -> Self {
        Self {
            person: person.clone(),
            device: format!("d{:016x}", rand::random::<u64>()),
            address: address.to_owned(),
            protocol,
            shared: Arc::new(Shared::default()),
            up: Up::Nowhere,
            outbox: BTreeMap::new(),
            attaches: 0,
        }
    }

    /// Opens a connection and waits for `welcome`.
    pub async fn reconnect(&mut self) {
        self.dial().await;
        self.until("welcome", |view| view.welcome.clone()).await;
    }

    /// Opens a connection and says `hello`.
    pub async fn dial(&mut self) {
        self.dial_at("/ws").await;
    }

    /// Opens a connection at this address, if it is a socket, and says `hello`.
    pub async fn dial_at(&mut self, path: &str) {
        self.shared.update(View::begin);
        let shared = Arc::clone(&self.shared);
        self.up = match self.protocol {
            Protocol::Sse => {
                let stream = format!("/api/stream?device={}", self.device);
                Up::Stream(stream::Stream::open(&self.person.api, &stream, shared).await)
            }
            protocol => Up::Socket(socket::Socket::open(&self.address, path, protocol, shared).await),
        };
        if self.protocol != Protocol::Sse {
            let token = Some(&self.person.token).filter(|token| !token.is_empty());
            self.send(json!({"t": "hello", "v": 1, "token": token, "device": self.device,
                "client": "scenarios", "batch": true}));
        }
    }

    /// Opens a socket and says nothing.
    pub async fn open_silently(&mut self) {
        self.shared.update(View::begin);
        let shared = Arc::clone(&self.shared);
        self.up = Up::Socket(socket::Socket::open(&self.address, "/ws", self.protocol, shared).await);
    }

    /// Reconnects, goes on from the cursors, and sends again what was not answered. Should what was missed be more than
    /// can be told, it is read from the history.
    pub async fn resume(&mut self) {
        self.reconnect().await;
        let followed: Vec<String> = self.look(|view| view.conversations.keys().cloned().collect());
        for conversation in followed {
            if self.attach(&conversation).await["recovered"] == false {
                self.attach_from_history(&conversation).await;
            }
        }
        self.send_unanswered();
    }

    /// Loads the history and goes on from its `rev`, as often as it takes.
    pub async fn attach_from_history(&mut self, conversation: &str) {
        let api = self.person.api.clone();
        loop {
            // The page first: what is read afterwards covers at least its rev.
            let page = api.get(&format!("/api/v1/chat/messages?conversation_id={conversation}")).await.ok();
            let items = api.whole_history(conversation).await;
            self.shared.update(|view| view.expect_from_history(conversation, &page, &items));
            let item = json!({"conversation": conversation, "epoch": page["epoch"], "rev": page["rev"]});
            let attached = self.attach_item(item).await;
            if attached["recovered"] == true {
                return self.until_rev(conversation, attached["rev"].as_u64().expect("a rev")).await;
            }
        }
    }

    /// The connection breaks off, without a word.
    pub async fn cut(&mut self) {
        match std::mem::replace(&mut self.up, Up::Nowhere) {
            Up::Socket(socket) => socket.cut().await,
            Up::Stream(stream) => stream.cut(),
            Up::Nowhere => {}
        }
    }

    /// Stops or goes on reading the socket.
    pub fn read_on(&self, on: bool) {
        match &self.up {
            Up::Socket(socket) => socket.read_on(on),
            _ => panic!("only a socket can be left unread"),
        }
    }

    /// Sends any frame.
    pub fn send(&self, frame: Value) {
        match &self.up {
            Up::Socket(socket) => socket.send(frame),
            Up::Stream(stream) => stream.send(frame),
            Up::Nowhere => panic!("there is no connection"),
        }
    }

    /// Sends any text as a message.
    pub fn send_text(&self, text: &str) {
        match &self.up {
            Up::Socket(socket) => socket.send_text(text),
            _ => panic!("only a socket takes any text"),
        }
    }

    /// Follows a conversation, from the cursor if there is one, and answers the item of `attached`.
    pub async fn attach(&mut self, conversation: &str) -> Value {
        let cursor = self.look(|view| view.conversations.get(conversation).map(|known| (known.epoch, known.rev())));
        let item = match cursor {
            Some((epoch, rev)) => json!({"conversation": conversation, "epoch": epoch, "rev": rev}),
            None => json!({"conversation": conversation}),
        };
        self.attach_item(item).await
    }

    /// Follows a conversation as the item says.
    pub async fn attach_item(&mut self, item: Value) -> Value {
        self.attaches += 1;
        let id = self.attaches;
        let conversation = item["conversation"].as_str().expect("a conversation").to_owned();
        self.send(json!({"t": "attach", "id": id, "items": [item]}));
        self.until("attached", |view| view.attached(id, &conversation)).await
    }

    /// Follows a conversation from its beginning, with everything in it. A deployment's first epoch is 1.
    pub async fn attach_from_start(&mut self, conversation: &str) -> Value {
        let start = json!({"conversation": conversation, "epoch": 1, "rev": 0});
        self.shared.update(|view| view.expect_from_start(conversation, &start));
        self.attach_item(start).await
    }

    /// Waits until the user was added to a conversation, and follows it from its beginning.
    pub async fn attach_added(&mut self, conversation: &str) {
        self.until("added", |view| view.was_added(conversation).then_some(())).await;
        self.attach_from_start(conversation).await;
    }

    /// Sets the agent's status and waits until allocation and everybody know.
    pub async fn set_status(&self, status: &str) {
        let before = self.look(|view| view.frames.len());
        self.send(json!({"t": "status", "status": status}));
        let own = json!({"type": self.person.kind, "id": self.person.id});
        let told = json!({"t": "presence", "user": own, "status": status});
        self.until("presence", |view| view.frames[before..].contains(&told).then_some(())).await;
    }

    /// Waits until allocation knows that this agent is online. Whether it knew already cannot be seen, so it is told
    /// something else first.
    pub async fn until_online(&self) {
        self.set_status("busy").await;
        self.set_status("online").await;
    }

    /// Waits until the conversation's session has an agent, and answers their id.
    pub async fn until_assigned(&self, conversation: &str) -> String {
        self.until("an agent", |view| view.agent_of(conversation)).await
    }

    /// Waits until these texts, in this order, are all the messages that are seen of a conversation.
    pub async fn until_texts(&self, conversation: &str, texts: &[&str]) {
        let what = match texts.len() {
            0..10 => format!("the texts {texts:?}"),
            many => format!("{many} texts, the last {:.60?}", texts.last()),
        };
        self.until(&what, |view| (view.texts(conversation) == texts).then_some(())).await;
    }

    /// Waits until the client has this event.
    pub async fn until_rev(&self, conversation: &str, rev: u64) {
        self.until(&format!("rev {rev}"), |view| (view.conversations.get(conversation)?.rev() >= rev).then_some(()))
            .await;
    }

    /// Waits until the connection is over, and answers with which number.
    pub async fn until_closed(&self) -> u16 {
        self.until("the close", |view| view.closed).await
    }

    /// The client's support conversation.
    pub fn support(&self) -> String {
        assert!(!self.person.support.is_empty(), "only customers have one");
        self.person.support.clone()
    }

    /// Looks at what is known.
    pub fn look<T>(&self, look: impl FnOnce(&View) -> T) -> T {
        self.shared.look(look)
    }

    /// Waits until something is known.
    pub async fn until<T>(&self, what: &str, look: impl FnMut(&View) -> Option<T>) -> T {
        self.until_within(WITHIN, what, look).await
    }

    /// Waits until something is known, for so long at most.
    pub async fn until_within<T>(&self, limit: Duration, what: &str, mut look: impl FnMut(&View) -> Option<T>) -> T {
        let mut changes = self.shared.changes();
        let deadline = Instant::now() + limit;
        loop {
            changes.mark_unchanged();
            if let Some(found) = self.look(|view| view.checked(&mut look)) {
                return found;
            }
            if tokio::time::timeout_at(deadline, changes.changed()).await.is_err() {
                let summary = self.look(View::summary);
                panic!("{}: not within {limit:?}: {what}. The last frames:\n{summary}", self.person.id);
            }
        }
    }
}
