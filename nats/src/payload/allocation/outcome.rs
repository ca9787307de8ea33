//! Allocation's outcomes in its log.

use kefu_model::allocation::{Agent, AllocationEvent, AllocationOutcome};
use kefu_model::ids::{At, Partition};
use serde::{Deserialize, Serialize};

use super::super::PayloadError;
use super::super::command::queue_reason;
use super::super::ids::{ConversationWire, at, name, name_text, tenant, user_id};
use super::{FactWire, ReadWire, conversation, facts, facts_wire, read, status};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AllocationOutcomeWire {
    tenant: String,
    at_ms: u64,
    events: Vec<EventWire>,
}

#[derive(Debug, Serialize, Deserialize)]
enum EventWire {
    #[serde(rename = "a")]
    AgentChanged(String, AgentWire),
    #[serde(rename = "o")]
    Observed(u16, ReadWire, Vec<FactWire>),
    #[serde(rename = "m")]
    Matched(ConversationWire, String, u64, Option<String>, String),
    #[serde(rename = "r")]
    Releasing(ConversationWire, u64, String),
    #[serde(rename = "u")]
    Unmatched(ConversationWire, u64),
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AgentWire {
    name: Option<String>,
    status: String,
    present: bool,
    capacity: u16,
    last_match: u64,
    last_match_at_ms: Option<u64>,
    gone_since_ms: Option<u64>,
    paced_until_ms: Option<u64>,
}

impl From<&Agent> for AgentWire {
    fn from(agent: &Agent) -> Self {
        Self {
            name: name_text(agent.name.as_ref()),
            status: agent.status.as_str().to_owned(),
            present: agent.present,
            capacity: agent.capacity,
            last_match: agent.last_match,
            last_match_at_ms: agent.last_match_at.map(|at| at.0),
            gone_since_ms: agent.gone_since.map(|at| at.0),
            paced_until_ms: agent.paced_until.map(|at| at.0),
        }
    }
}

impl TryFrom<AgentWire> for Agent {
    type Error = PayloadError;
    fn try_from(wire: AgentWire) -> Result<Self, PayloadError> {
        Ok(Self {
            name: name(wire.name.as_deref())?,
            status: status(&wire.status)?,
            present: wire.present,
            capacity: wire.capacity,
            last_match: wire.last_match,
            last_match_at: at(wire.last_match_at_ms),
            gone_since: at(wire.gone_since_ms),
            paced_until: at(wire.paced_until_ms),
        })
    }
}

impl From<&AllocationEvent> for EventWire {
    fn from(event: &AllocationEvent) -> Self {
        match event {
            AllocationEvent::AgentChanged { agent, state } => {
                Self::AgentChanged(agent.as_str().to_owned(), state.into())
            }
            AllocationEvent::Observed { partition, read, facts } => {
                Self::Observed(partition.0, (read.epoch, read.position), facts_wire(facts))
            }
            AllocationEvent::Matched { conversation, agent, number, from, reason } => Self::Matched(
                (*conversation).into(),
                agent.as_str().to_owned(),
                *number,
                from.as_ref().map(|from| from.as_str().to_owned()),
                reason.clone(),
            ),
            AllocationEvent::Releasing { conversation, number, reason } => {
                Self::Releasing((*conversation).into(), *number, reason.as_str().to_owned())
            }
            AllocationEvent::Unmatched { conversation, number } => Self::Unmatched((*conversation).into(), *number),
        }
    }
}

impl TryFrom<EventWire> for AllocationEvent {
    type Error = PayloadError;
    fn try_from(wire: EventWire) -> Result<Self, PayloadError> {
        Ok(match wire {
            EventWire::AgentChanged(agent, state) => {
                Self::AgentChanged { agent: user_id(&agent)?, state: state.try_into()? }
            }
            EventWire::Observed(partition, position, found) => {
                Self::Observed { partition: Partition(partition), read: read(position), facts: facts(found)? }
            }
            EventWire::Matched(id, agent, number, from, reason) => Self::Matched {
                conversation: conversation(id)?,
                agent: user_id(&agent)?,
                number,
                from: from.as_deref().map(user_id).transpose()?,
                reason,
            },
            EventWire::Releasing(id, number, reason) => {
                Self::Releasing { conversation: conversation(id)?, number, reason: queue_reason(&reason)? }
            }
            EventWire::Unmatched(id, number) => Self::Unmatched { conversation: conversation(id)?, number },
        })
    }
}

impl From<&AllocationOutcome> for AllocationOutcomeWire {
    fn from(outcome: &AllocationOutcome) -> Self {
        Self {
            tenant: outcome.tenant.as_str().to_owned(),
            at_ms: outcome.at.0,
            events: outcome.events.iter().map(EventWire::from).collect(),
        }
    }
}

impl TryFrom<AllocationOutcomeWire> for AllocationOutcome {
    type Error = PayloadError;
    fn try_from(wire: AllocationOutcomeWire) -> Result<Self, PayloadError> {
        Ok(Self {
            tenant: tenant(&wire.tenant)?,
            at: At(wire.at_ms),
            events: wire.events.into_iter().map(TryInto::try_into).collect::<Result<_, PayloadError>>()?,
        })
    }
}
