//! What happens inside of an edge on the way of a message, for the benches whose instructions are counted. The
//! product does not use it.

use bytes::Bytes;
use kefu_model::{At, CommandHash, Conversation, Outcome, Role, UserKind};
use kefu_store::HistoryPage;

use crate::auth::{Caller, Credential};
use crate::frame::{self, Codec, CommandBody, ServerFrame, WireEvent};
use crate::rest;

/// The hash of a command.
#[must_use]
pub fn hash(body: &CommandBody) -> CommandHash {
    frame::hash_of(body)
}

/// An outcome as a frame for agents.
#[must_use]
pub fn deliver(codec: Codec, outcome: &Outcome) -> Bytes {
    let events = outcome.events().iter().map(|numbered| WireEvent { outcome, numbered }.shown(UserKind::Agent, None));
    codec.encode(&ServerFrame::Deliver {
        conversation: outcome.conversation.to_string(),
        epoch: 1,
        events: events.collect(),
    })
}

/// A page of history as JSON, for a conversation's first member, a visitor.
///
/// # Panics
/// When there is none, or it cannot be written.
#[must_use]
pub fn history(conversation: &Conversation, page: &HistoryPage) -> Vec<u8> {
    let answer = rest::history_answer(&visitor(conversation), 1, conversation, conversation, page);
    serde_json::to_vec(&answer).expect("it is written")
}

fn visitor(conversation: &Conversation) -> Caller {
    Caller {
        tenant: conversation.tenant.clone(),
        user: conversation.members.keys().next().expect("a member").clone(),
        role: Role::Customer,
        name: None,
        capacity: None,
        credential: Credential::Visitor { issued_at: At(0), expires_at: At(u64::MAX) },
    }
}
