//! The versioned encodings of commands, outcomes and states, for the roles that write and read them.

use bytes::Bytes;
use kefu_model::allocation::{Allocation, AllocationCommand, AllocationOutcome};
use kefu_model::{Command, Outcome, TenantId};

use crate::payload::{
    self, AllocationCommandWire, AllocationOutcomeWire, AllocationStateWire, CommandWire, OutcomeWire, PayloadError,
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

/// Encodes allocation states for a checkpoint.
#[must_use]
pub fn encode_allocation_states<'a>(states: impl IntoIterator<Item = &'a Allocation>) -> Bytes {
    payload::encode(&states.into_iter().map(AllocationStateWire::from).collect::<Vec<_>>())
}

/// Reads the allocation states of a checkpoint.
///
/// # Errors
/// When they are malformed or of a version not known here.
pub fn decode_allocation_states(bytes: &[u8]) -> Result<Vec<Allocation>, PayloadError> {
    payload::decode::<Vec<AllocationStateWire>>(bytes)?.into_iter().map(TryInto::try_into).collect()
}
