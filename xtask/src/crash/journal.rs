//! What one client notes down while it runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::continuity::Continuity;
use super::observed::{Answer, Command, History, Span, Transcript};

/// Shared by the client, which writes, and the round, which looks whether all is quiet.
#[derive(Debug, Clone, Default)]
pub struct SharedJournal(Arc<Mutex<Journal>>);

/// The notes.
#[derive(Debug, Default)]
pub struct Journal {
    pub commands: Vec<Command>,
    /// Of each command.
    pub times: Vec<Times>,
    /// Those that are over; each of the present ones is with its cursor.
    pub transcripts: Vec<Transcript>,
    /// Last pages that were loaded after a resume that was not possible.
    pub pages: Vec<History>,
    pub complaints: Vec<String>,
    /// Why the last connection ended, or could not be made.
    pub trouble: String,
    /// Messages as they came.
    pub deliveries: Vec<Delivery>,
    pub continuity: Continuity,
    /// When it was connected.
    pub connected: Vec<Span>,
    /// Commands without an answer.
    pub unanswered: usize,
    /// Where the client stands in the conversations that it follows; none while it is not up to date.
    pub positions: BTreeMap<String, Option<u64>>,
    /// The highest read mark told, by conversation and user.
    pub marks: BTreeMap<(String, String), u64>,
    pub counts: Counts,
}

/// When a command was due, first sent, and first answered for good.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub due: Instant,
    pub sent: Option<Instant>,
    pub answered: Option<Instant>,
}

/// A message that came.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub at: Instant,
    /// It names the message.
    pub text: String,
}

/// What is merely interesting.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub repeats: u64,
    pub gaps: u64,
    pub pages_loaded: u64,
    pub resent: u64,
    pub asked_again: u64,
    pub renumbered: u64,
    pub stalls: u64,
}

impl SharedJournal {
    /// The notes, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, Journal> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Journal {
    /// Notes a command that is about to be sent, or should have been at that time; gives its index.
    pub fn note_command(&mut self, command: Command, due: Instant) -> usize {
        self.commands.push(command);
        self.times.push(Times { due, sent: None, answered: None });
        self.commands.len() - 1
    }

    /// Notes that a command is sent, maybe again.
    pub fn note_sent(&mut self, command: usize, now: Instant) {
        if let Some(times) = self.times.get_mut(command) {
            times.sent.get_or_insert(now);
        }
    }

    /// Notes a final answer.
    pub fn note_answer(&mut self, command: usize, answer: Answer) {
        if let Some(command) = self.commands.get_mut(command) {
            command.answers.push(answer);
        }
        if let Some(times) = self.times.get_mut(command) {
            times.answered.get_or_insert_with(Instant::now);
        }
    }

    /// Notes that a connection is ready.
    pub fn note_connected(&mut self) {
        self.continuity.connections += 1;
        self.connected.push(Span { from_ms: now_ms(), until_ms: None });
    }

    /// Notes that there is no connection.
    pub fn note_disconnected(&mut self) {
        if let Some(last) = self.connected.last_mut() {
            last.until_ms.get_or_insert_with(now_ms);
        }
    }

    /// Notes messages that came just now.
    pub fn note_deliveries(&mut self, texts: impl IntoIterator<Item = String>) {
        let at = Instant::now();
        self.deliveries.extend(texts.into_iter().map(|text| Delivery { at, text }));
    }

    /// Notes a read mark that was told.
    pub fn note_mark(&mut self, conversation: &str, user: String, read: u64) {
        let mark = self.marks.entry((conversation.to_owned(), user)).or_default();
        *mark = read.max(*mark);
    }
}

/// By the clock that the owners of logs stamp with.
fn now_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

impl Counts {
    /// Adds another client's.
    pub fn add(&mut self, other: Self) {
        self.repeats += other.repeats;
        self.gaps += other.gaps;
        self.pages_loaded += other.pages_loaded;
        self.resent += other.resent;
        self.asked_again += other.asked_again;
        self.renumbered += other.renumbered;
        self.stalls += other.stalls;
    }
}
