//! What a client knows.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;

use super::transcript::Transcript;

/// Frames shown of a failure.
const LAST_FRAMES: usize = 12;

/// A view, shared between the reader of a connection and the scenario.
pub struct Shared {
    view: Mutex<View>,
    changed: watch::Sender<()>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { view: Mutex::default(), changed: watch::Sender::new(()) }
    }
}

impl Shared {
    /// Changes it.
    pub fn update(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.view.lock());
        self.changed.send_replace(());
    }

    /// Looks at it.
    pub fn look<T>(&self, look: impl FnOnce(&View) -> T) -> T {
        look(&self.view.lock())
    }

    /// Changes of it.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Takes a frame or an array of frames.
    pub fn take(&self, message: Value) {
        self.update(|view| match message {
            Value::Array(frames) => frames.into_iter().for_each(|frame| view.take(frame)),
            frame => view.take(frame),
        });
    }
}

/// What a client has received.
#[derive(Default)]
pub struct View {
    /// All frames of all its connections.
    pub frames: Vec<Value>,
    /// Where the frames of this connection begin.
    connection: usize,
    pub conversations: BTreeMap<String, Transcript>,
    /// Of this connection.
    pub welcome: Option<Value>,
    /// The number that this connection was closed with; 1006 when it just ended.
    pub closed: Option<u16>,
    /// By conversation and number.
    pub answers: BTreeMap<(String, u64), Value>,
    /// What must not have happened.
    violations: Vec<String>,
}

impl View {
    /// A new connection.
    pub fn begin(&mut self) {
        self.connection = self.frames.len();
        self.welcome = None;
        self.closed = None;
    }

    fn take(&mut self, frame: Value) {
        match frame["t"].as_str().unwrap_or_default() {
            "welcome" => self.welcome = Some(frame.clone()),
            "attached" => self.take_attached(&frame),
            "deliver" => self.take_events(&frame),
            "ack" | "rejected" => self.take_answer(&frame),
            _ => {}
        }
        self.frames.push(frame);
    }

    fn take_attached(&mut self, frame: &Value) {
        for item in frame["items"].as_array().into_iter().flatten() {
            let conversation = item["conversation"].as_str().unwrap_or_default();
            if item["error"].is_null() {
                self.conversations
                    .entry(conversation.to_owned())
                    .and_modify(|known| known.attached(item))
                    .or_insert_with(|| Transcript::begin(item));
            }
        }
    }

    fn take_events(&mut self, frame: &Value) {
        let conversation = frame["conversation"].as_str().unwrap_or_default();
        let taken = match self.conversations.get_mut(conversation) {
            Some(known) => known.deliver(frame),
            None => Err("events before attached".to_owned()),
        };
        if let Err(wrong) = taken {
            self.violations.push(format!("{conversation}: {wrong}"));
        }
    }

    fn take_answer(&mut self, frame: &Value) {
        let conversation = frame["conversation"].as_str().unwrap_or_default().to_owned();
        let key = (conversation, frame["n"].as_u64().unwrap_or_default());
        let before = self.answers.insert(key, frame.clone());
        if let Some(before) = before.filter(|before| before["t"] == "ack" && before != frame) {
            self.violations.push(format!("another answer: {before}, then {frame}"));
        }
    }

    /// A conversation is about to be followed from its beginning.
    pub fn expect_from_start(&mut self, conversation: &str, state: &Value) {
        self.conversations.insert(conversation.to_owned(), Transcript::from_start(state));
    }

    /// What is known of a conversation is its history up to a `rev`.
    pub fn expect_from_history(&mut self, conversation: &str, page: &Value, items: &[Value]) {
        let lost = self.conversations.get(conversation).map_or(0, |known| known.lost);
        let known = Transcript::from_history(page, items, lost);
        self.conversations.insert(conversation.to_owned(), known);
    }

    /// Looks, after checking that nothing happened that must not.
    pub fn checked<T>(&self, look: impl FnOnce(&Self) -> T) -> T {
        assert!(self.violations.is_empty(), "{:#?}\n{}", self.violations, self.summary());
        look(self)
    }

    /// The answer to an attach of this connection.
    pub fn attached(&self, id: u64, conversation: &str) -> Option<Value> {
        let answers = self.current().iter().filter(|frame| frame["t"] == "attached" && frame["id"] == id);
        let mut items = answers.filter_map(|frame| frame["items"].as_array()).flatten();
        items.find(|item| item["conversation"] == conversation).cloned()
    }

    /// Frames of this connection.
    pub fn current(&self) -> &[Value] {
        &self.frames[self.connection..]
    }

    /// The last frame of a kind that concerns a conversation.
    pub fn last(&self, kind: &str, conversation: &str) -> Option<&Value> {
        self.current().iter().rfind(|frame| frame["t"] == kind && frame["conversation"] == conversation)
    }

    /// Whether the user was added to that conversation.
    pub fn was_added(&self, conversation: &str) -> bool {
        self.last("added", conversation).is_some()
    }

    /// Texts of the messages of a conversation, in order; those of edited ones as they are now, without recalled ones.
    pub fn texts(&self, conversation: &str) -> Vec<String> {
        let mut texts = BTreeMap::new();
        for event in self.conversations.get(conversation).map_or(&[][..], |known| &known.events) {
            let place = (event["seq"].as_u64().unwrap_or_default(), event["rev"].as_u64());
            match event["type"].as_str() {
                Some("message") => drop(texts.insert(place, event["content"]["text"].clone())),
                Some("edited") => {
                    texts.retain(|(seq, _), text| {
                        if *seq == place.0 {
                            *text = event["content"]["text"].clone();
                        }
                        true
                    });
                }
                Some("recalled") => texts.retain(|(seq, _), _| *seq != place.0),
                _ => {}
            }
        }
        let mut ordered: Vec<_> = texts.into_iter().collect();
        ordered.sort_by_key(|((_, rev), _)| *rev);
        ordered.into_iter().filter_map(|(_, text)| text.as_str().map(str::to_owned)).collect()
    }

    /// The agent who has the session now.
    pub fn agent_of(&self, conversation: &str) -> Option<String> {
        let session = |event: &&Value| event["type"].as_str().is_some_and(|kind| kind.starts_with("session_"));
        let known = self.conversations.get(conversation)?;
        match known.events.iter().rfind(session) {
            Some(event) => event["agent"]["id"].as_str().map(str::to_owned),
            None => known.state["session"]["agent"]["id"].as_str().map(str::to_owned),
        }
    }

    /// For people who look into a failure.
    pub fn summary(&self) -> String {
        let shown = |frame: &Value| frame.to_string().chars().take(400).collect::<String>();
        let skipped = self.frames.len().saturating_sub(LAST_FRAMES);
        let mut lines: Vec<String> = self.frames[skipped..].iter().map(shown).collect();
        for (id, known) in &self.conversations {
            lines.push(format!("({id}: {known}; {} texts)", self.texts(id).len()));
        }
        lines.push(format!("({} frames; closed: {:?})", self.frames.len(), self.closed));
        lines.join("\n")
    }

    /// The connection ended.
    pub fn ended(&mut self, code: u16) {
        self.closed.get_or_insert(code);
    }
}
