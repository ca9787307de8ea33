//! Commands: what somebody wants of a conversation.

use crate::content::Content;
use crate::event::{Audience, QueueReason};
use crate::ids::{At, CommandKey, ConversationId, DeviceId, Name, Role, TenantId, User};

/// The first 16 bytes of a SHA-256 over a command's content, computed by the edge over its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CommandHash(pub [u8; 16]);

/// What makes a command the same command when it is sent again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Identity {
    /// From a socket: the n-th of a device in a conversation, dense from 1.
    Device {
        /// The client instance.
        device: DeviceId,
        /// Its number.
        n: u64,
    },
    /// From REST or a worker: a key, remembered for [`crate::limits::KEY_RETENTION_MS`].
    Key(CommandKey),
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Actor {
    /// A user with the role that their credential gives.
    User {
        /// The user.
        user: User,
        /// The role.
        role: Role,
        /// The display name.
        name: Option<Name>,
    },
    /// One of our own roles.
    Worker,
}

impl Actor {
    /// The user, unless a worker asks.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        match self {
            Self::User { user, .. } => Some(user),
            Self::Worker => None,
        }
    }
}

/// Who a conversation with a computed id belongs to; needed to open it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parties {
    /// The customer of a support conversation.
    Support {
        /// The customer.
        customer: User,
        /// Their display name, if known.
        name: Option<Name>,
    },
    /// The two agents of a direct conversation.
    Direct(User, User),
}

/// A command to a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// From the credential.
    pub tenant: TenantId,
    /// The conversation.
    pub conversation: ConversationId,
    /// Who asks.
    pub actor: Actor,
    /// Makes it unique; marks have none.
    pub identity: Option<Identity>,
    /// Hash of the content.
    pub hash: CommandHash,
    /// Opens the conversation if it does not exist yet.
    pub parties: Option<Parties>,
    /// What is wanted.
    pub body: Body,
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Say something.
    Message {
        /// What.
        content: Content,
        /// To whom.
        audience: Audience,
    },
    /// Replace a message's content.
    Edit {
        /// Which.
        seq: u64,
        /// By what.
        content: Content,
    },
    /// Take a message back.
    Recall {
        /// Which.
        seq: u64,
    },
    /// Raise the sender's high-water marks.
    Mark {
        /// Read up to this seq.
        read: Option<u64>,
        /// Delivered up to this seq.
        delivered: Option<u64>,
    },
    /// Add a member to a room.
    AddMember {
        /// Whom.
        user: User,
    },
    /// Remove a member from a room; anyone may remove themselves.
    RemoveMember {
        /// Whom.
        user: User,
    },
    /// The visitor of a support conversation turned out to be a person with an id of their own, who comes in. The sender
    /// is the visitor; whoever sends it for them has seen the proof of both.
    Link {
        /// Who the visitor is.
        person: User,
    },
    /// Open a session, or be told of the open one.
    OpenSession,
    /// A worker gives the waiting session to an agent.
    Assign {
        /// Whom.
        agent: User,
        /// The agent's display name.
        name: Option<Name>,
        /// The `rev` of the queueing that this answers.
        queued_rev: u64,
        /// Why this agent.
        reason: String,
    },
    /// A worker gives the active session to another agent.
    Transfer {
        /// Who has it.
        from: User,
        /// Who gets it.
        agent: User,
        /// That agent's display name.
        name: Option<Name>,
        /// Why.
        reason: String,
    },
    /// A worker puts the session back into the queue.
    Requeue {
        /// Who has it.
        from: User,
        /// Why.
        reason: QueueReason,
    },
    /// End the open session.
    EndSession {
        /// Why, in the ender's words.
        reason: Option<String>,
    },
    /// Rate an ended session.
    Rate {
        /// Which session.
        session: u64,
        /// 1 (bad) to 5 (good).
        score: u8,
        /// In the customer's words.
        comment: Option<String>,
    },
}

/// The answer to a command: the same one every time it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Accepted, with its numbers.
    Accepted {
        /// The `rev` of its (last) event; the conversation's `rev` when nothing had to change.
        rev: u64,
        /// The message's `seq`, if it made one.
        seq: Option<u64>,
        /// When it was decided.
        at: At,
    },
    /// Refused.
    Refused {
        /// Why.
        refusal: crate::refusal::Refusal,
        /// For [`crate::refusal::Refusal::NotNext`]: the number that would be accepted.
        expected_n: Option<u64>,
    },
}

impl Answer {
    /// A refusal without further detail.
    #[must_use]
    pub fn refused(refusal: crate::refusal::Refusal) -> Self {
        Self::Refused { refusal, expected_n: None }
    }
}
