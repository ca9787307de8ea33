//! Records of a log.

use bytes::Bytes;
use kefu_model::reader::Stamp;
use serde::{Deserialize, Serialize};

/// A claim, or a batch of encoded outcomes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum RecordWire<'a> {
    /// Worker and a random number that tells its claims apart.
    #[serde(rename = "c")]
    Claim(String, u64),
    /// Generation, ordinal, position of IN up to which everything is decided, outcomes.
    #[serde(rename = "b")]
    Batch(u64, u64, u64, #[serde(borrow)] Vec<&'a serde_bytes::Bytes>),
}

impl<'a> RecordWire<'a> {
    pub(crate) fn batch(generation: u64, ordinal: u64, in_position: u64, outcomes: &'a [Bytes]) -> Self {
        let outcomes = outcomes.iter().map(|bytes| serde_bytes::Bytes::new(bytes)).collect();
        Self::Batch(generation, ordinal, in_position, outcomes)
    }

    pub(crate) fn stamp(&self) -> Stamp {
        match self {
            Self::Claim(..) => Stamp::Claim,
            Self::Batch(generation, ordinal, ..) => Stamp::Batch { generation: *generation, ordinal: *ordinal },
        }
    }
}
