//! Frames: what a client and an edge say to each other, as docs/protocol.md describes it.
//!
//! These are wire types. They are converted to and from `kefu_model` explicitly, and they are the same in JSON and
//! msgpack.

mod client;
mod codec;
mod content;
mod convert;
mod event;
mod guard;
mod numbers;
mod server;
mod time;

pub use client::{AttachItem, ClientFrame, CommandBody};
pub use codec::{Codec, Parsed, parse};
pub use content::{Attachment, Audience, Card, CardField, Content};
pub use event::{Event, EventKind};
pub use guard::json_depth_ok;
pub use numbers::Code;
pub use server::{
    AgentStatus, Attached, AttachedState, Limits, Member, Role, ServerFrame, Session, SessionStatus, User, UserType,
    Welcome,
};
pub use time::Time;

pub(crate) use convert::{WireEvent, hash_of, members_of, session_of};

/// Version of the protocol.
pub const VERSION: u32 = 1;
/// Deepest nesting of objects and arrays that is read.
pub const MAX_DEPTH: usize = 16;
/// Numbers on the wire stay below this.
pub const NUMBER_END: u64 = 1 << 53;

/// Everything that is said, for the schema.
#[derive(schemars::JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
#[allow(clippy::large_enum_variant)]
enum Frames {
    /// From the client.
    ClientFrame(ClientFrame),
    /// From the server.
    ServerFrame(ServerFrame),
}

/// The JSON Schema of all frames, pretty-printed; served at `/api/frames.json`.
#[must_use]
pub fn schema() -> String {
    let schema = schemars::generate::SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Frames>();
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
