//! Outcomes: what was decided. Facts; they are applied, never decided again.

use crate::command::{CommandHash, Identity};
use crate::content::Content;
use crate::ids::{At, ConversationId, Name, TenantId, User};
use crate::refusal::Refusal;

/// Who sees an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Every member.
    All,
    /// Agents only: a private note.
    Staff,
}

/// Why a session waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueueReason {
    /// It was just opened.
    Opened,
    /// Its agent went away.
    AgentGone,
    /// Its agent gave it back.
    Released,
}

impl QueueReason {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::AgentGone => "agent_gone",
            Self::Released => "released",
        }
    }
}

/// What happened in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The conversation exists, with its first members.
    Created {
        /// Members and their names.
        members: Vec<(User, Option<Name>)>,
    },
    /// Somebody said something.
    Message {
        /// Who; absent for the system.
        by: Option<User>,
        /// Their name then.
        by_name: Option<Name>,
        /// What.
        content: Content,
        /// To whom.
        audience: Audience,
    },
    /// A message's content was replaced.
    Edited {
        /// Which message.
        message: u64,
        /// By whom.
        by: User,
        /// The new content.
        content: Content,
    },
    /// A message was taken back.
    Recalled {
        /// Which message.
        message: u64,
        /// By whom.
        by: User,
    },
    /// High-water marks went up. The only event without a `rev`.
    Marked {
        /// Whose.
        user: User,
        /// Read up to.
        read: u64,
        /// Delivered up to.
        delivered: u64,
    },
    /// A member came in.
    MemberAdded {
        /// Who.
        user: User,
    },
    /// A member went out.
    MemberRemoved {
        /// Who.
        user: User,
    },
    /// A session began.
    SessionOpened {
        /// Its ordinal, from 1.
        session: u64,
    },
    /// The session waits for an agent.
    SessionQueued {
        /// Its ordinal.
        session: u64,
        /// Why.
        reason: QueueReason,
        /// When the session was opened: its place in the queue.
        opened_at: At,
        /// Whose session it is.
        customer: User,
        /// Their name.
        name: Option<Name>,
    },
    /// An agent has it.
    SessionAssigned {
        /// Its ordinal.
        session: u64,
        /// Who.
        agent: User,
        /// Their name.
        name: Option<Name>,
        /// Why this agent.
        reason: String,
    },
    /// Another agent has it.
    SessionTransferred {
        /// Its ordinal.
        session: u64,
        /// Who had it.
        from: User,
        /// Who has it.
        agent: User,
        /// Their name.
        name: Option<Name>,
        /// Why.
        reason: String,
    },
    /// It is over.
    SessionEnded {
        /// Its ordinal.
        session: u64,
        /// Who ended it; absent for the system.
        by: Option<User>,
        /// Why.
        reason: Option<String>,
    },
    /// The customer rated it.
    SessionRated {
        /// Its ordinal.
        session: u64,
        /// 1 to 5.
        score: u8,
        /// In their words.
        comment: Option<String>,
    },
}

impl Event {
    /// Whether it takes a `rev`. Marks do not.
    #[must_use]
    pub fn takes_rev(&self) -> bool {
        !matches!(self, Self::Marked { .. })
    }

    /// Whether it takes a `seq`: messages to all do.
    #[must_use]
    pub fn takes_seq(&self) -> bool {
        matches!(self, Self::Message { audience: Audience::All, .. })
    }

    /// Who sees it.
    #[must_use]
    pub fn audience(&self) -> Audience {
        match self {
            Self::Message { audience, .. } => *audience,
            _ => Audience::All,
        }
    }
}

/// An event with its numbers in the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// Dense from 1; the conversation's `rev` at that time for marks, which take none.
    pub rev: u64,
    /// Dense from 1 over messages to all; for every other event the last one taken before it.
    pub seq: u64,
    /// What happened.
    pub event: Event,
}

/// What was decided about a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Accepted, with the events that followed; none when nothing had to change.
    Accepted(Vec<Numbered>),
    /// Refused.
    Refused(Refusal),
}

/// A decided command, as the log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The tenant.
    pub tenant: TenantId,
    /// The conversation.
    pub conversation: ConversationId,
    /// The command's identity.
    pub identity: Option<Identity>,
    /// The command's hash.
    pub hash: CommandHash,
    /// When it was decided, by the owner's clock, never before the previous outcome of the partition.
    pub at: At,
    /// The conversation's `rev` after it.
    pub rev: u64,
    /// What was decided.
    pub verdict: Verdict,
}

impl Outcome {
    /// Its events; none for a refusal.
    #[must_use]
    pub fn events(&self) -> &[Numbered] {
        match &self.verdict {
            Verdict::Accepted(events) => events,
            Verdict::Refused(_) => &[],
        }
    }

    /// The answer that the command gets, now and whenever it is sent again.
    #[must_use]
    pub fn answer(&self) -> crate::command::Answer {
        match &self.verdict {
            Verdict::Refused(refusal) => crate::command::Answer::refused(*refusal),
            Verdict::Accepted(events) => crate::command::Answer::Accepted {
                rev: self.rev,
                seq: events.iter().find(|numbered| numbered.event.takes_seq()).map(|numbered| numbered.seq),
                at: self.at,
            },
        }
    }
}
