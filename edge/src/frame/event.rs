//! Events of a conversation, as one viewer sees them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::content::{Audience, Content};
use super::server::User;
use super::time::Time;

/// An event with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// Dense from 1.
    pub rev: u64,
    /// When.
    pub at: Time,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// Somebody said something.
    Message {
        /// Address of the message; absent for notes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message_id: Option<String>,
        /// Its number; absent for notes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// Who; absent for the system.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<User>,
        /// Their name then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by_name: Option<String>,
        /// What.
        content: Content,
        /// `staff` for a private note.
        #[serde(default, skip_serializing_if = "Audience::is_all")]
        audience: Audience,
        /// The device that sent it: only to that device.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<String>,
        /// Its number there: only to that device.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        n: Option<u64>,
    },
    /// A message's content was replaced.
    Edited {
        /// Which.
        seq: u64,
        /// By whom.
        by: User,
        /// The new content.
        content: Content,
    },
    /// A message was taken back.
    Recalled {
        /// Which.
        seq: u64,
        /// By whom.
        by: User,
    },
    /// A session began.
    SessionOpened {
        /// Its ordinal.
        session: u64,
    },
    /// It waits for an agent.
    SessionQueued {
        /// Its ordinal.
        session: u64,
    },
    /// An agent has it.
    SessionAssigned {
        /// Its ordinal.
        session: u64,
        /// Who.
        agent: User,
        /// Their name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent_name: Option<String>,
        /// Why this agent; agents only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
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
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent_name: Option<String>,
        /// Why; agents only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// It waits again.
    SessionRequeued {
        /// Its ordinal.
        session: u64,
        /// `agent_gone` or `released`.
        reason: String,
    },
    /// It is over.
    SessionEnded {
        /// Its ordinal.
        session: u64,
        /// Who ended it; absent for the system.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<User>,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The customer rated it.
    SessionRated {
        /// Its ordinal.
        session: u64,
        /// 1 to 5.
        score: u8,
        /// In their words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        comment: Option<String>,
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
    /// Nothing that you may or need see; it keeps `rev` dense.
    Hidden,
}
