//! The versioned encodings of commands, outcomes and states, for the roles that write and read them.

use std::collections::BTreeMap;

use bytes::Bytes;
use kefu_model::allocation::{Allocation, AllocationCommand, AllocationOutcome, ReadPosition};
use kefu_model::{Command, Outcome, Partition, TenantId};

use crate::payload::{
    self, AllocationCheckpointWire, AllocationCommandWire, AllocationOutcomeWire, AllocationStateWire, CommandWire,
    OutcomeWire, PayloadError,
};

/// Encodes a command to a conversation.
#[must_use]
pub fn encode_command(command: &Command) -> Bytes {
    payload::encode(&CommandWire::from(command))
}

/// Reads a command to a conversation.
///
/// # Errors
/// When it is malformed or of a version not known here.
pub fn decode_command(bytes: &[u8]) -> Result<Command, PayloadError> {
    payload::decode::<CommandWire>(bytes)?.try_into()
}

/// Encodes an outcome of a conversation.
#[must_use]
pub fn encode_outcome(outcome: &Outcome) -> Bytes {
    payload::encode(&OutcomeWire::from(outcome))
}

/// Reads an outcome of a conversation.
///
/// # Errors
/// When it is malformed or of a version or kind not known here.
pub fn decode_outcome(bytes: &[u8]) -> Result<Outcome, PayloadError> {
    payload::decode::<OutcomeWire>(bytes)?.try_into()
}

/// Encodes a command to a tenant's allocation.
#[must_use]
pub fn encode_allocation_command(tenant: &TenantId, command: &AllocationCommand) -> Bytes {
    payload::encode(&AllocationCommandWire::new(tenant, command))
}

/// Reads a command to a tenant's allocation.
///
/// # Errors
/// When it is malformed or of a version not known here.
pub fn decode_allocation_command(bytes: &[u8]) -> Result<(TenantId, AllocationCommand), PayloadError> {
    payload::decode::<AllocationCommandWire>(bytes)?.read()
}

/// Encodes an outcome of allocation.
#[must_use]
pub fn encode_allocation_outcome(outcome: &AllocationOutcome) -> Bytes {
    payload::encode(&AllocationOutcomeWire::from(outcome))
}

/// Reads an outcome of allocation.
///
/// # Errors
/// When it is malformed or of a version or kind not known here.
pub fn decode_allocation_outcome(bytes: &[u8]) -> Result<AllocationOutcome, PayloadError> {
    payload::decode::<AllocationOutcomeWire>(bytes)?.try_into()
}

/// What an allocation partition's checkpoint keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllocationCheckpoint {
    /// The states of its tenants.
    pub states: Vec<Allocation>,
    /// How far the log of each partition of conversations was read for all of its tenants, those included that it does not
    /// know yet: every fact up to there is in the states.
    pub observed: BTreeMap<Partition, ReadPosition>,
}

/// The position of a partition's log up to which no fact has to be read again in that epoch, by what was observed for all
/// tenants and by what each has read.
#[must_use]
pub fn read_until<'a>(
    states: impl IntoIterator<Item = &'a Allocation>,
    observed: &BTreeMap<Partition, ReadPosition>,
    partition: Partition,
    epoch: u64,
) -> u64 {
    let of_epoch = |read: &&ReadPosition| read.epoch == epoch;
    let observed = observed.get(&partition).filter(of_epoch).map_or(0, |read| read.position);
    // A tenant without a position had nothing there up to the others' positions: facts are told in log order.
    let read = states.into_iter().filter_map(|state| state.read.get(&partition).filter(of_epoch));
    observed.max(read.map(|read| read.position).min().unwrap_or(0))
}

/// Encodes an allocation checkpoint.
#[must_use]
pub fn encode_allocation_checkpoint<'a>(
    states: impl IntoIterator<Item = &'a Allocation>,
    observed: &BTreeMap<Partition, ReadPosition>,
) -> Bytes {
    payload::encode(&AllocationCheckpointWire::new(states, observed))
}

/// Reads an allocation checkpoint, one of states alone too.
///
/// # Errors
/// When it is malformed or of a version not known here.
pub fn decode_allocation_checkpoint(bytes: &[u8]) -> Result<AllocationCheckpoint, PayloadError> {
    match payload::decode::<AllocationCheckpointWire>(bytes) {
        Ok(wire) => wire.try_into(),
        Err(_) => {
            let states = payload::decode::<Vec<AllocationStateWire>>(bytes)?.into_iter().map(TryInto::try_into);
            Ok(AllocationCheckpoint { states: states.collect::<Result<_, _>>()?, observed: BTreeMap::new() })
        }
    }
}

/// Encodes allocation states for a checkpoint before which nothing was read.
#[must_use]
pub fn encode_allocation_states<'a>(states: impl IntoIterator<Item = &'a Allocation>) -> Bytes {
    encode_allocation_checkpoint(states, &BTreeMap::new())
}

/// Reads the allocation states of a checkpoint.
///
/// # Errors
/// When they are malformed or of a version not known here.
pub fn decode_allocation_states(bytes: &[u8]) -> Result<Vec<Allocation>, PayloadError> {
    Ok(decode_allocation_checkpoint(bytes)?.states)
}
