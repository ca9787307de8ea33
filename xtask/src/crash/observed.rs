//! What was sent, answered and seen: the input of the checker. Nothing here knows how it was collected.

use super::continuity::Continuity;

/// Everything that was collected.
#[derive(Debug, Clone, Default)]
pub struct Observations {
    /// Every command that was sent, with all its answers.
    pub commands: Vec<Command>,
    /// What clients saw live and on resume.
    pub transcripts: Vec<Transcript>,
    /// What the history API told.
    pub histories: Vec<History>,
    /// Read marks and counts of unread messages.
    pub unread: Vec<Unread>,
    /// What a client saw go wrong by itself, in words.
    pub complaints: Vec<String>,
    /// If nothing but planned restarts was done: what they meant to the clients.
    pub planned: Option<Planned>,
}

/// Planned restarts, and the connections of everybody meanwhile.
#[derive(Debug, Clone, Default)]
pub struct Planned {
    /// How many edges were stopped, one after the other.
    pub edges_stopped: u64,
    /// Each client by name.
    pub clients: Vec<(String, Continuity)>,
}

/// A command and what it was answered, each time.
#[derive(Debug, Clone)]
pub struct Command {
    pub conversation: String,
    /// `kefu:…` or `kehu:…`.
    pub sender: String,
    /// The device, or the sequence of REST calls, in which the order counts.
    pub lane: String,
    /// Its place in the lane.
    pub order: u64,
    pub wanted: Wanted,
    pub answers: Vec<Answer>,
}

/// What a command wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// A message; its text is unique in the run and so names it.
    Message { text: String },
    /// A private note, named like a message.
    Note { text: String },
    /// The session's end.
    End,
}

impl Wanted {
    /// The text that names it.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Message { text } | Self::Note { text } => Some(text),
            Self::End => None,
        }
    }
}

/// A final answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Accepted { rev: u64, seq: Option<u64> },
    Refused { code: u64 },
}

impl Command {
    /// Where it was accepted.
    pub fn accepted(&self) -> Option<(u64, Option<u64>)> {
        self.answers.iter().find_map(|answer| match answer {
            Answer::Accepted { rev, seq } => Some((*rev, *seq)),
            Answer::Refused { .. } => None,
        })
    }
}

/// An event as one observer saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub rev: u64,
    pub seq: Option<u64>,
    /// `message`, `session_opened`, …; `hidden` is a placeholder.
    pub kind: String,
    pub text: Option<String>,
    /// All that every observer must see alike.
    pub print: String,
}

impl Entry {
    /// Whether it only keeps `rev` dense.
    pub fn is_hidden(&self) -> bool {
        self.kind == "hidden"
    }
}

/// Events that one client took in one after the other, from a cursor on.
#[derive(Debug, Clone)]
pub struct Transcript {
    pub observer: String,
    pub conversation: String,
    /// Whether private notes are for this observer.
    pub staff: bool,
    /// The cursor before the first entry.
    pub from: u64,
    pub entries: Vec<Entry>,
    /// Whether the client was still following at the end, so that it must have got everything.
    pub to_the_end: bool,
}

/// A conversation's messages as the history API tells them, all pages, ascending.
#[derive(Debug, Clone)]
pub struct History {
    /// Who asked, and how.
    pub source: String,
    pub conversation: String,
    /// Whether private notes are for this reader.
    pub staff: bool,
    /// The conversation's numbers that the answer carried.
    pub rev: u64,
    pub seq: u64,
    pub entries: Vec<Entry>,
    /// Whether these are all pages, or only the last one.
    pub complete: bool,
}

/// A member's mark and count as the API tells them.
#[derive(Debug, Clone)]
pub struct Unread {
    pub observer: String,
    pub conversation: String,
    pub seq: u64,
    pub read: u64,
    pub unread: u64,
    /// The highest read mark of this member that anybody was told before.
    pub read_at_least: u64,
}
