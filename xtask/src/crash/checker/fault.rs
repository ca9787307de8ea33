//! What can be wrong.

use std::fmt;

use crate::crash::observed::{Answer, Command, Disputed};

/// Something that contradicts a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A client met something that must not happen.
    Complaint(String),
    /// A command was never answered (G1).
    Unanswered { command: String },
    /// A command sent again got another answer (G2).
    AnswersDiffer { command: String, first: Answer, other: Answer },
    /// Two commands were acked with one number (G3).
    SharedNumber { one: String, other: String },
    /// A sender's later command came before an earlier one (G3).
    OutOfOrder { earlier: String, later: String },
    /// A `rev` or `seq` is missing between two that were seen (G3, G4).
    Hole { observer: String, conversation: String, number: &'static str, after: u64, next: u64 },
    /// An observer that was following did not get to the end (G4).
    Behind { observer: String, conversation: String, at: u64, head: u64 },
    /// Two observers were told different things under one number (G3).
    Disagreement { conversation: String, number: &'static str, at: u64, one: String, other: String },
    /// One message has two places (G2).
    Doubled { conversation: String, text: String, one: u64, other: u64 },
    /// An acked message is not there (G1).
    Lost { observer: String, command: String, rev: u64 },
    /// An acked message is at another place than the ack said (G3).
    Misplaced { command: String, acked: String, found: String },
    /// Something was seen live that the history does not have (G1, G3).
    NotInHistory { source: String, conversation: String, rev: u64, text: String },
    /// A message was seen that nobody sent, or whose command was refused.
    Unknown { observer: String, conversation: String, rev: u64, text: String },
    /// A private note was shown to a customer (G7).
    Leaked { observer: String, conversation: String, rev: u64 },
    /// Unread is not head minus read mark, or a mark went down (G5).
    WrongUnread { observer: String, conversation: String, seq: u64, read: u64, unread: u64, read_at_least: u64 },
    /// A session was given to an agent while it had one, or taken from one who did not have it (G6).
    TwoAgents { conversation: String, rev: u64, one: String, other: String },
    /// An agent had more sessions at a time than their capacity (G6).
    AboveCapacity { agent: String, capacity: usize, at_ms: u64, conversations: Vec<String> },
    /// A session was given back because its agent was gone, who had been connected all the time (G6).
    TakenForGone { conversation: String, rev: u64, agent: String },
    /// Allocation and a conversation name other agents, though all has been quiet (G6).
    Disputed(Disputed),
    /// A planned restart made a client load the history again.
    Reloaded { observer: String, times: u64 },
    /// A connection ended in a planned restart without a goaway before.
    EndedUntold { observer: String, why: String },
    /// A client lost more connections than edges were stopped.
    ReconnectedTooOften { observer: String, reconnects: u64, edges_stopped: u64 },
}

/// A command in words.
pub fn named(command: &Command) -> String {
    let what = command.wanted.text().unwrap_or("end of session");
    format!("{what:?} (number {} of {} by {} in {})", command.order, command.lane, command.sender, command.conversation)
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Complaint(words) => write!(f, "{words}"),
            Self::Unanswered { command } => write!(f, "never answered: {command}"),
            Self::AnswersDiffer { command, first, other } => {
                write!(f, "sent again and answered otherwise: {command}: first {first:?}, then {other:?}")
            }
            Self::SharedNumber { one, other } => write!(f, "acked with the same number: {one} and {other}"),
            Self::OutOfOrder { earlier, later } => write!(f, "out of order: {later} came before {earlier}"),
            Self::Hole { observer, conversation, number, after, next } => {
                write!(f, "hole: {observer} in {conversation}: after {number} {after} came {next}")
            }
            Self::Behind { observer, conversation, at, head } => {
                write!(f, "behind: {observer} in {conversation} ended at rev {at} of {head}")
            }
            Self::Disagreement { conversation, number, at, one, other } => {
                write!(f, "disagreement: {conversation} {number} {at}: {one} against {other}")
            }
            Self::Doubled { conversation, text, one, other } => {
                write!(f, "doubled: {text:?} in {conversation} is at rev {one} and at rev {other}")
            }
            Self::Lost { observer, command, rev } => {
                write!(f, "lost: {command} was acked with rev {rev}; {observer} does not have it")
            }
            Self::Misplaced { command, acked, found } => {
                write!(f, "misplaced: {command} was acked as {acked}, and is {found}")
            }
            Self::NotInHistory { source, conversation, rev, text } => {
                write!(f, "not in the history: {text:?}, rev {rev} of {conversation}, was seen live; {source} lacks it")
            }
            Self::Unknown { observer, conversation, rev, text } => {
                write!(
                    f,
                    "nobody's: {observer} saw {text:?}, rev {rev} of {conversation}, which no accepted command made"
                )
            }
            Self::Leaked { observer, conversation, rev } => {
                write!(f, "leaked: {observer} saw a private note, rev {rev} of {conversation}")
            }
            Self::Reloaded { observer, times } => {
                write!(f, "reloaded: {observer} could not go on where it was and loaded the history, {times} times")
            }
            Self::EndedUntold { observer, why } => write!(f, "not told before: {observer}: {why}"),
            Self::ReconnectedTooOften { observer, reconnects, edges_stopped } => {
                write!(f, "{observer} had to reconnect {reconnects} times while {edges_stopped} edges were stopped")
            }
            Self::TwoAgents { conversation, rev, one, other } => {
                write!(f, "two agents: the session of {conversation} is {one}'s, and rev {rev} names {other}")
            }
            Self::AboveCapacity { agent, capacity, at_ms, conversations } => {
                let (count, names) = (conversations.len(), conversations.join(", "));
                write!(f, "above capacity: {agent} had {count} sessions for {capacity} places at {at_ms} ms: {names}")
            }
            Self::TakenForGone { conversation, rev, agent } => {
                write!(f, "taken for gone: {agent} was connected, and lost the session of {conversation} at rev {rev}")
            }
            Self::Disputed(Disputed { conversation, allocation, told }) => {
                let told = told.as_deref().unwrap_or("nobody");
                write!(f, "disputed: {conversation} says that {told} has its session, allocation says {allocation:?}")
            }
            Self::WrongUnread { observer, conversation, seq, read, unread, read_at_least } => write!(
                f,
                "unread: {observer} in {conversation}: {unread} unread with head {seq} and read mark {read} \
                 (told before: {read_at_least})"
            ),
        }
    }
}
