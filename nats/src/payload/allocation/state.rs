//! Allocation's state as its checkpoint keeps it.

use std::collections::BTreeMap;

use kefu_model::allocation::{Allocation, Held, ReadPosition, Stage};
use kefu_model::ids::Partition;
use serde::{Deserialize, Serialize};

use super::super::PayloadError;
use super::super::command::queue_reason;
use super::super::ids::{ConversationWire, at, tenant, user_id};
use super::outcome::AgentWire;
use super::{ReadWire, WaitingWire, conversation, read};
use crate::codec::AllocationCheckpoint;

/// The states of a partition's tenants, and how far conversations' logs were read for all of them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AllocationCheckpointWire {
    states: Vec<AllocationStateWire>,
    observed: Vec<(u16, ReadWire)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AllocationStateWire {
    tenant: String,
    agents: Vec<(String, AgentWire)>,
    waiting: Vec<(ConversationWire, WaitingWire)>,
    held: Vec<(ConversationWire, WaitingWire, String, StageWire)>,
    read: Vec<(u16, ReadWire)>,
    matches: u64,
    last_match_at_ms: Option<u64>,
    match_gap_ms: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
enum StageWire {
    #[serde(rename = "r")]
    Reserved(u64, Option<String>, String),
    #[serde(rename = "a")]
    Active,
    #[serde(rename = "q")]
    Releasing(u64, String),
}

impl AllocationCheckpointWire {
    pub(crate) fn new<'a>(
        states: impl IntoIterator<Item = &'a Allocation>,
        observed: &BTreeMap<Partition, ReadPosition>,
    ) -> Self {
        let states = states.into_iter().map(AllocationStateWire::from).collect();
        let observed = observed.iter().map(|(partition, read)| (partition.0, (read.epoch, read.position)));
        Self { states, observed: observed.collect() }
    }
}

impl TryFrom<AllocationCheckpointWire> for AllocationCheckpoint {
    type Error = PayloadError;
    fn try_from(wire: AllocationCheckpointWire) -> Result<Self, PayloadError> {
        let states = wire.states.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        let observed = wire.observed.into_iter().map(|(partition, position)| (Partition(partition), read(position)));
        Ok(Self { states, observed: observed.collect() })
    }
}

impl From<&Stage> for StageWire {
    fn from(stage: &Stage) -> Self {
        match stage {
            Stage::Reserved { number, from, reason } => {
                Self::Reserved(*number, from.as_ref().map(|from| from.as_str().to_owned()), reason.clone())
            }
            Stage::Active => Self::Active,
            Stage::Releasing { number, reason } => Self::Releasing(*number, reason.as_str().to_owned()),
        }
    }
}

impl TryFrom<StageWire> for Stage {
    type Error = PayloadError;
    fn try_from(wire: StageWire) -> Result<Self, PayloadError> {
        Ok(match wire {
            StageWire::Reserved(number, from, reason) => {
                Self::Reserved { number, from: from.as_deref().map(user_id).transpose()?, reason }
            }
            StageWire::Active => Self::Active,
            StageWire::Releasing(number, reason) => Self::Releasing { number, reason: queue_reason(&reason)? },
        })
    }
}

impl From<&Allocation> for AllocationStateWire {
    fn from(state: &Allocation) -> Self {
        let held = state.held.iter().map(|(id, held)| {
            ((*id).into(), (&held.waiting).into(), held.agent.as_str().to_owned(), (&held.stage).into())
        });
        Self {
            tenant: state.tenant.as_str().to_owned(),
            agents: state.agents.iter().map(|(id, agent)| (id.as_str().to_owned(), agent.into())).collect(),
            waiting: state.waiting.iter().map(|(id, waiting)| ((*id).into(), waiting.into())).collect(),
            held: held.collect(),
            read: state.read.iter().map(|(partition, read)| (partition.0, (read.epoch, read.position))).collect(),
            matches: state.matches,
            last_match_at_ms: state.last_match_at.map(|at| at.0),
            match_gap_ms: state.match_gap_ms,
        }
    }
}

impl TryFrom<AllocationStateWire> for Allocation {
    type Error = PayloadError;
    fn try_from(wire: AllocationStateWire) -> Result<Self, PayloadError> {
        let mut state = Self::empty(tenant(&wire.tenant)?);
        for (id, agent) in wire.agents {
            state.agents.insert(user_id(&id)?, agent.try_into()?);
        }
        for (id, waiting) in wire.waiting {
            state.waiting.insert(conversation(id)?, waiting.try_into()?);
        }
        for (id, waiting, agent, stage) in wire.held {
            let held = Held { waiting: waiting.try_into()?, agent: user_id(&agent)?, stage: stage.try_into()? };
            state.held.insert(conversation(id)?, held);
        }
        state.read =
            wire.read.into_iter().map(|(partition, position)| (Partition(partition), read(position))).collect();
        state.matches = wire.matches;
        state.last_match_at = at(wire.last_match_at_ms);
        state.match_gap_ms = wire.match_gap_ms;
        Ok(state)
    }
}
