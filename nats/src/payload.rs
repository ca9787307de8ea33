//! Payloads: what is written on streams and core subjects. Versioned msgpack, types of their own.
//!
//! The first byte of every payload is its version. A reader that meets a version or a kind it does not know stops and says
//! so; it never skips. Variants carry short names, so that new ones can be added without renumbering.

mod allocation;
mod command;
mod content;
mod delivery;
mod ids;
mod notice;
mod outcome;
mod record;
mod report;
mod snapshot;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

pub(crate) use allocation::{
    AllocationCheckpointWire, AllocationCommandWire, AllocationOutcomeWire, AllocationStateWire, AllocationViewWire,
};
pub(crate) use command::CommandWire;
pub(crate) use delivery::{
    AnswerWire, AskWire, AttachItemWire, AttachWire, DeliveryItemWire, DeliveryWire, EnvelopeWire, HeartbeatWire,
    OwnedWire, ReplyWire,
};
pub(crate) use notice::NoticeWire;
pub(crate) use outcome::OutcomeWire;
pub(crate) use record::RecordWire;
pub(crate) use report::ReportWire;
pub(crate) use snapshot::SnapshotWire;

/// The version that this release writes.
pub const VERSION: u8 = 1;

/// Why a payload cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Nothing there.
    #[error("the payload is empty")]
    Empty,
    /// A newer or foreign writer.
    #[error("payload version {0} is not known here; this release reads version {VERSION}")]
    Version(u8),
    /// Not what it should be.
    #[error("the payload is malformed")]
    Malformed(#[from] rmp_serde::decode::Error),
    /// A value that the vocabulary does not have.
    #[error("the payload has an unknown {0}")]
    Unknown(&'static str),
}

/// Encodes a payload with its version.
pub(crate) fn encode<T: Serialize>(payload: &T) -> Bytes {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(VERSION);
    // Writing our own plain structs to a Vec has no way to fail.
    payload.serialize(&mut rmp_serde::Serializer::new(&mut bytes)).expect("plain structs serialise");
    bytes.into()
}

/// Reads a payload of a version that is known here.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, PayloadError> {
    match bytes.split_first() {
        None => Err(PayloadError::Empty),
        Some((&VERSION, rest)) => Ok(rmp_serde::from_slice(rest)?),
        Some((version, _)) => Err(PayloadError::Version(*version)),
    }
}

#[cfg(test)]
mod tests;
