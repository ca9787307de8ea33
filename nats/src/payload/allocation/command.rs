//! Commands to allocation on the wire.

use kefu_model::allocation::AllocationCommand;
use kefu_model::ids::{Partition, TenantId};
use serde::{Deserialize, Serialize};

use super::super::PayloadError;
use super::super::ids::{ConversationWire, name, name_text, tenant, user_id};
use super::{FactWire, ReadWire, conversation, facts, facts_wire, read, status};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AllocationCommandWire {
    tenant: String,
    body: BodyWire,
}

#[derive(Debug, Serialize, Deserialize)]
enum BodyWire {
    #[serde(rename = "a")]
    Agent(String, Option<String>, Option<String>, Option<u16>, Option<bool>),
    #[serde(rename = "o")]
    Observed(u16, ReadWire, Vec<FactWire>),
    #[serde(rename = "p")]
    Pick(ConversationWire, String, String),
    #[serde(rename = "r")]
    Release(ConversationWire, Option<String>),
    #[serde(rename = "d")]
    Declined(ConversationWire, u64),
    #[serde(rename = "t")]
    Tick,
}

impl AllocationCommandWire {
    pub(crate) fn new(tenant: &TenantId, command: &AllocationCommand) -> Self {
        let body = match command {
            AllocationCommand::Agent { agent, name, status, capacity, present } => BodyWire::Agent(
                agent.as_str().to_owned(),
                name_text(name.as_ref()),
                status.map(|status| status.as_str().to_owned()),
                *capacity,
                *present,
            ),
            AllocationCommand::Observed { partition, read, facts } => {
                BodyWire::Observed(partition.0, (read.epoch, read.position), facts_wire(facts))
            }
            AllocationCommand::Pick { conversation, agent, reason } => {
                BodyWire::Pick((*conversation).into(), agent.as_str().to_owned(), reason.clone())
            }
            AllocationCommand::Release { conversation, agent } => {
                BodyWire::Release((*conversation).into(), agent.as_ref().map(|agent| agent.as_str().to_owned()))
            }
            AllocationCommand::Declined { conversation, number } => BodyWire::Declined((*conversation).into(), *number),
            AllocationCommand::Tick => BodyWire::Tick,
        };
        Self { tenant: tenant.as_str().to_owned(), body }
    }

    pub(crate) fn read(self) -> Result<(TenantId, AllocationCommand), PayloadError> {
        let command = match self.body {
            BodyWire::Agent(agent, text, word, capacity, present) => AllocationCommand::Agent {
                agent: user_id(&agent)?,
                name: name(text.as_deref())?,
                status: word.as_deref().map(status).transpose()?,
                capacity,
                present,
            },
            BodyWire::Observed(partition, position, found) => AllocationCommand::Observed {
                partition: Partition(partition),
                read: read(position),
                facts: facts(found)?,
            },
            BodyWire::Pick(id, agent, reason) => {
                AllocationCommand::Pick { conversation: conversation(id)?, agent: user_id(&agent)?, reason }
            }
            BodyWire::Release(id, agent) => AllocationCommand::Release {
                conversation: conversation(id)?,
                agent: agent.as_deref().map(user_id).transpose()?,
            },
            BodyWire::Declined(id, number) => AllocationCommand::Declined { conversation: conversation(id)?, number },
            BodyWire::Tick => AllocationCommand::Tick,
        };
        Ok((tenant(&self.tenant)?, command))
    }
}
