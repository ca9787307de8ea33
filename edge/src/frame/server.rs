//! Frames from the server.

use kefu_model::allocation as alloc;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::event::Event;
use super::numbers::Code;
use super::time::Time;

/// A frame from the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The answer to `hello`.
    Welcome(Box<Welcome>),
    /// The answer to (some items of) an `attach`. `id` 0 comes unasked: continuity was lost.
    Attached {
        /// The id of the `attach`.
        id: u64,
        /// One for each conversation.
        items: Vec<Attached>,
    },
    /// The command was accepted.
    Ack {
        /// Its conversation.
        conversation: String,
        /// Its number.
        n: u64,
        /// The `rev` of its (last) event.
        rev: u64,
        /// The message's `seq`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seq: Option<u64>,
        /// When.
        at: Time,
    },
    /// The command was refused.
    Rejected {
        /// Its conversation.
        conversation: String,
        /// Its number.
        n: u64,
        /// Why.
        code: u16,
        /// In words, for developers.
        title: String,
        /// For 1001: the number that would be accepted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected_n: Option<u64>,
        /// Whether the same may be sent again later.
        retryable: bool,
    },
    /// New events.
    Deliver {
        /// Of which conversation.
        conversation: String,
        /// The log's epoch.
        epoch: u64,
        /// In order of `rev`, without holes.
        events: Vec<Event>,
    },
    /// A member's marks.
    Marks {
        /// In which conversation.
        conversation: String,
        /// Whose.
        user: User,
        /// Read up to.
        read: u64,
        /// Delivered up to.
        delivered: u64,
    },
    /// Somebody types.
    Typing {
        /// In which conversation.
        conversation: String,
        /// Who.
        user: User,
        /// Whether.
        on: bool,
        /// What they are about to send; agents only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        preview: Option<String>,
    },
    /// Somebody's status.
    Presence {
        /// Whose.
        user: User,
        /// The status.
        status: AgentStatus,
    },
    /// You were added to a conversation.
    Added {
        /// Which.
        conversation: String,
    },
    /// Your place in the queue.
    Queue {
        /// Your conversation.
        conversation: String,
        /// From 1.
        position: u64,
        /// How many wait.
        waiting: u64,
        /// How long it may still take, in seconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        estimate_s: Option<u64>,
    },
    /// How many sessions wait.
    Waiting {
        /// The number.
        waiting: u64,
    },
    /// The answer to `ping`.
    Pong {
        /// The id of the ping.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<u64>,
        /// The server's time.
        now: Time,
    },
    /// Finish and reconnect.
    Goaway {
        /// Why.
        code: u16,
        /// When, in milliseconds from now.
        reconnect_after_ms: u64,
    },
    /// Something is wrong with what was sent.
    Error {
        /// What.
        code: u16,
        /// In words, for developers.
        title: String,
        /// Whether the connection ends.
        fatal: bool,
    },
}

impl ServerFrame {
    /// An error that the connection survives.
    #[must_use]
    pub fn error(code: Code) -> Self {
        Self::Error { code: code.number(), title: code.title().to_owned(), fatal: false }
    }
}

/// The answer to `hello`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Welcome {
    /// Version of the protocol.
    pub v: u32,
    /// This connection.
    pub connection_id: String,
    /// Whose.
    pub user: User,
    /// Their display name; empty when they have none.
    pub name: String,
    /// An agent's role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// An agent's status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<AgentStatus>,
    /// A customer's one support conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_conversation: Option<String>,
    /// How often to send something, in seconds.
    pub heartbeat_s: u64,
    /// The server's time.
    pub now: Time,
    /// What the client has to keep to.
    pub limits: Limits,
    /// A renewed visitor token: store it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

/// What a client has to keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// Most bytes of a message.
    pub frame_bytes: u64,
    /// Most characters of a text.
    pub text_chars: u64,
    /// Most unanswered commands per conversation.
    pub in_flight: u64,
}

/// How a conversation was attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Attached {
    /// It is followed.
    State(AttachedState),
    /// It is not.
    Error {
        /// Which.
        conversation: String,
        /// Why.
        error: u16,
    },
}

/// A conversation as it was attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttachedState {
    /// Which.
    pub conversation: String,
    /// The log's epoch.
    pub epoch: u64,
    /// Number of the last event.
    pub rev: u64,
    /// Number of the last message.
    pub seq: u64,
    /// Whether what was missed follows; true without a cursor.
    pub recovered: bool,
    /// Its members with their marks.
    pub members: Vec<Member>,
    /// The last session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
}

/// A member of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
pub struct Member {
    /// Who.
    pub user: User,
    /// Read up to.
    pub read: u64,
    /// Delivered up to.
    pub delivered: u64,
    /// Whether they are in now.
    pub active: bool,
}

/// A session of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[schema(as = ConversationSession)]
pub struct Session {
    /// From 1 in its conversation.
    pub ordinal: u64,
    /// Where it stands.
    pub status: SessionStatus,
    /// When it was opened.
    pub opened_at: Time,
    /// Who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<User>,
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_name: Option<String>,
    /// When they got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_at: Option<Time>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// Who ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<User>,
    /// The customer's score, 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<u8>,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// It waits for an agent.
    Waiting,
    /// An agent has it.
    Active,
    /// It is over.
    Ended,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[schema(as = UserRef)]
pub struct User {
    /// Agent or customer.
    pub r#type: UserType,
    /// The id within that type.
    pub id: String,
}

/// Agent or customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserType {
    /// 客服, an agent.
    Kefu,
    /// 客户, a customer.
    Kehu,
}

/// What an agent may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers visitors.
    Agent,
    /// Sees and corrects every support conversation.
    Supervisor,
    /// Administers the tenant.
    Admin,
}

/// An agent's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentStatus {
    /// Takes new sessions.
    Online,
    /// Keeps theirs, takes no new ones.
    Away,
    /// Keeps theirs, takes no new ones.
    Busy,
    /// Gone.
    Offline,
}

impl From<alloc::AgentStatus> for AgentStatus {
    fn from(status: alloc::AgentStatus) -> Self {
        match status {
            alloc::AgentStatus::Online => Self::Online,
            alloc::AgentStatus::Away => Self::Away,
            alloc::AgentStatus::Busy => Self::Busy,
            alloc::AgentStatus::Offline => Self::Offline,
        }
    }
}

impl From<AgentStatus> for alloc::AgentStatus {
    fn from(status: AgentStatus) -> Self {
        match status {
            AgentStatus::Online => Self::Online,
            AgentStatus::Away => Self::Away,
            AgentStatus::Busy => Self::Busy,
            AgentStatus::Offline => Self::Offline,
        }
    }
}
