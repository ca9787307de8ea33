//! The shapes of docs/http-api.md.

use serde::Serialize;
use utoipa::ToSchema;

use crate::frame::{AgentStatus, Audience, Content, Member, Role, Session, SessionStatus, Time, User, UserType};

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// Their number without paging.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total: Option<u64>,
    /// Cursor of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// A message, or an event of a session (then without `message_id`).
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Message)]
pub(crate) struct MessageItem {
    /// Address of the message; absent for notes and session events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<String>,
    pub(crate) conversation_id: String,
    /// Number of the message; absent for notes and session events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seq: Option<u64>,
    /// Number among all events.
    pub(crate) rev: u64,
    #[schema(value_type = Time)]
    pub(crate) at: Option<Time>,
    /// Who; absent for the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by_name: Option<String>,
    /// `message`, `session_opened`, … as in docs/protocol.md.
    pub(crate) r#type: &'static str,
    /// Absent after a recall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<Content>,
    /// `staff` for a private note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) audience: Option<Audience>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) edited_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recalled_at: Option<Time>,
    /// Ordinal of the session, of its events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) score: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) comment: Option<String>,
}

/// A page of history, ascending.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HistoryAnswer {
    /// The items.
    pub(crate) items: Vec<MessageItem>,
    /// Number of messages in the conversation.
    pub(crate) total: u64,
    /// Cursor of newer items, for `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
    /// Cursor of older items, for `before`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prev: Option<String>,
    pub(crate) conversation_id: String,
    /// The log's epoch: attach with it and `rev`.
    pub(crate) epoch: u64,
    /// Every event up to this one is in the history.
    pub(crate) rev: u64,
    /// Number of the last message.
    pub(crate) seq: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<Session>,
    pub(crate) members: Vec<Member>,
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserInfo {
    pub(crate) id: String,
    pub(crate) r#type: UserType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<Role>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) capacity: Option<u16>,
    /// An agent's; absent while nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<AgentStatus>,
    pub(crate) disabled: bool,
    /// Absent while nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) online: Option<bool>,
}

/// A customer in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CustomerRef {
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
}

/// A session of a customer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionInfo {
    /// The conversation and the ordinal: `{conversation_id}.{ordinal}`.
    pub(crate) id: String,
    pub(crate) conversation_id: String,
    pub(crate) ordinal: u64,
    pub(crate) customer: CustomerRef,
    pub(crate) status: SessionStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<CustomerRef>,
    pub(crate) opened_at: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) assigned_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_by: Option<User>,
    /// Place in the queue, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) estimate_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rating: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) comment: Option<String>,
}

/// The other party of a conversation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OtherParty {
    pub(crate) r#type: UserType,
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) online: Option<bool>,
}

/// A conversation in a user's list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConversationItem {
    pub(crate) conversation_id: String,
    /// `support`, `direct` or `room`.
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) other: Option<OtherParty>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_message: Option<MessageItem>,
    pub(crate) seq: u64,
    pub(crate) rev: u64,
    pub(crate) epoch: u64,
    pub(crate) read: u64,
    /// Exactly `seq` − `read`.
    pub(crate) unread: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<Session>,
    pub(crate) updated_at: Time,
}
