//! Allocation's commands, outcomes and view on the wire, and its state as a checkpoint keeps it.

mod command;
mod outcome;
mod state;
mod view;

pub(crate) use command::AllocationCommandWire;
pub(crate) use outcome::AllocationOutcomeWire;
pub(crate) use state::{AllocationCheckpointWire, AllocationStateWire};
pub(crate) use view::AllocationViewWire;

use kefu_model::allocation::{AgentStatus, ReadPosition, SessionFact, Waiting};
use kefu_model::ids::{At, ConversationId};
use serde::{Deserialize, Serialize};

use super::PayloadError;
use super::ids::{ConversationWire, name, name_text, user_id};

pub(super) fn status(text: &str) -> Result<AgentStatus, PayloadError> {
    AgentStatus::parse(text).ok_or(PayloadError::Unknown("agent status"))
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct WaitingWire {
    session: u64,
    queued_rev: u64,
    opened_at_ms: u64,
    queued_at_ms: u64,
    priority: u8,
    customer: String,
    name: Option<String>,
}

impl From<&Waiting> for WaitingWire {
    fn from(waiting: &Waiting) -> Self {
        Self {
            session: waiting.session,
            queued_rev: waiting.queued_rev,
            opened_at_ms: waiting.opened_at.0,
            queued_at_ms: waiting.queued_at.0,
            priority: waiting.priority,
            customer: waiting.customer.as_str().to_owned(),
            name: name_text(waiting.name.as_ref()),
        }
    }
}

impl TryFrom<WaitingWire> for Waiting {
    type Error = PayloadError;
    fn try_from(wire: WaitingWire) -> Result<Self, PayloadError> {
        Ok(Self {
            session: wire.session,
            queued_rev: wire.queued_rev,
            opened_at: At(wire.opened_at_ms),
            queued_at: At(wire.queued_at_ms),
            priority: wire.priority,
            customer: user_id(&wire.customer)?,
            name: name(wire.name.as_deref())?,
        })
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FactWire {
    #[serde(rename = "q")]
    Queued(ConversationWire, WaitingWire),
    #[serde(rename = "a")]
    Assigned(ConversationWire, String),
    #[serde(rename = "e")]
    Ended(ConversationWire),
}

impl From<&SessionFact> for FactWire {
    fn from(fact: &SessionFact) -> Self {
        match fact {
            SessionFact::Queued { conversation, waiting } => Self::Queued((*conversation).into(), waiting.into()),
            SessionFact::Assigned { conversation, agent } => {
                Self::Assigned((*conversation).into(), agent.as_str().to_owned())
            }
            SessionFact::Ended { conversation } => Self::Ended((*conversation).into()),
        }
    }
}

impl TryFrom<FactWire> for SessionFact {
    type Error = PayloadError;
    fn try_from(wire: FactWire) -> Result<Self, PayloadError> {
        Ok(match wire {
            FactWire::Queued(conversation, waiting) => {
                Self::Queued { conversation: conversation.try_into()?, waiting: waiting.try_into()? }
            }
            FactWire::Assigned(conversation, agent) => {
                Self::Assigned { conversation: conversation.try_into()?, agent: user_id(&agent)? }
            }
            FactWire::Ended(conversation) => Self::Ended { conversation: conversation.try_into()? },
        })
    }
}

pub(super) type ReadWire = (u64, u64);

pub(super) fn read(wire: ReadWire) -> ReadPosition {
    ReadPosition { epoch: wire.0, position: wire.1 }
}

pub(super) fn facts_wire(facts: &[SessionFact]) -> Vec<FactWire> {
    facts.iter().map(FactWire::from).collect()
}

pub(super) fn facts(wire: Vec<FactWire>) -> Result<Vec<SessionFact>, PayloadError> {
    wire.into_iter().map(TryInto::try_into).collect()
}

pub(super) fn conversation(wire: ConversationWire) -> Result<ConversationId, PayloadError> {
    wire.try_into()
}
