//! Records of a log.

use bytes::Bytes;
use kefu_model::reader::Stamp;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// A claim, or a batch of encoded outcomes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum RecordWire {
    /// Worker and a random number that tells its claims apart.
    #[serde(rename = "c")]
    Claim(String, u64),
    /// Generation, ordinal, position of IN up to which everything is decided, outcomes.
    #[serde(rename = "b")]
    Batch(u64, u64, u64, Vec<ByteBuf>),
}

impl RecordWire {
    pub(crate) fn batch(generation: u64, ordinal: u64, in_position: u64, outcomes: &[Bytes]) -> Self {
        Self::Batch(
            generation,
            ordinal,
            in_position,
            outcomes.iter().map(|bytes| ByteBuf::from(bytes.to_vec())).collect(),
        )
    }

    pub(crate) fn stamp(&self) -> Stamp {
        match self {
            Self::Claim(..) => Stamp::Claim,
            Self::Batch(generation, ordinal, ..) => Stamp::Batch { generation: *generation, ordinal: *ordinal },
        }
    }
}
