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
    /// The agents, and what they were promised.
    pub agents: Vec<Agent>,
    /// How long an agent may be gone before sessions are given back, in milliseconds.
    pub grace_ms: u64,
    /// Whom allocation and a conversation named as a session's agent, where they never came to name the same one.
    pub disputed: Vec<Disputed>,
}

/// An agent.
#[derive(Debug, Clone, Default)]
pub struct Agent {
    /// `kefu:…`.
    pub user: String,
    /// Most sessions at a time.
    pub capacity: usize,
    /// When they were connected, by their own client, one after the other.
    pub connected: Vec<Span>,
}

/// A stretch of time, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from_ms: u64,
    /// None while it lasts.
    pub until_ms: Option<u64>,
}

/// A session whose agent allocation and its conversation do not agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disputed {
    pub conversation: String,
    /// The agents of whom allocation says that they have it.
    pub allocation: Vec<String>,
    /// The agent of whom the conversation says so.
    pub told: Option<String>,
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
    /// What it says of the session's agent.
    pub turn: Option<Turn>,
    /// All that every observer must see alike.
    pub print: String,
}

/// A session gets an agent, or loses them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// When, as its owner stamped it, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    pub change: Change,
}

/// How.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Assigned {
        agent: String,
    },
    Transferred {
        from: String,
        agent: String,
    },
    /// It waits again.
    Requeued {
        /// Because the agent was gone for too long.
        gone: bool,
    },
    Ended,
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
