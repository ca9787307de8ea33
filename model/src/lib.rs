//! Kefu's vocabulary and its two deciders.
//!
//! A **command** is what somebody wants, an **outcome** is what was decided about it. `decide` and `apply` are pure: no
//! I/O, no async, no clock. The types here are never written to a wire or a row as they are; the crates that do so have
//! types of their own.

pub mod allocation;
pub mod command;
pub mod content;
pub mod conversation;
pub mod event;
pub mod ids;
pub mod limits;
pub mod reader;
pub mod refusal;

pub use command::{Actor, Body, Command, CommandHash, Identity, Parties};
pub use content::Content;
pub use conversation::Conversation;
pub use event::{Audience, Event, Numbered, Outcome, Verdict};
pub use ids::{
    At, ConversationId, ConversationKind, DeviceId, MessageId, Name, Partition, Role, TenantId, User, UserId, UserKind,
};
pub use refusal::Refusal;
