//! Checkpoints in one blob, for backends that compare cells and not rows.

use kefu_model::Partition;
use serde::{Deserialize, Serialize};

use super::{Blob, decode, encode};
use crate::error::StoreError;
use crate::log::{Checkpoint, LogReader};

const VERSION: u8 = 1;

/// What a checkpoint says; whose it is and of which partition is its key.
pub(crate) struct CheckpointBody(pub(crate) Checkpoint);

#[derive(Serialize, Deserialize)]
struct CheckpointRow {
    reader: String,
    partition: u16,
    epoch: u64,
    #[serde(with = "serde_bytes")]
    log_id: [u8; 16],
    position: u64,
    generation: u64,
    ordinal: u64,
    #[serde(with = "serde_bytes")]
    state: Vec<u8>,
}

impl Blob for CheckpointBody {
    const WHAT: &'static str = "checkpoint";

    fn to_blob(&self) -> Result<Vec<u8>, StoreError> {
        let checkpoint = &self.0;
        let row = CheckpointRow {
            reader: checkpoint.reader.as_str().into(),
            partition: checkpoint.partition.0,
            epoch: checkpoint.epoch,
            log_id: checkpoint.log_id,
            position: checkpoint.position,
            generation: checkpoint.generation,
            ordinal: checkpoint.ordinal,
            state: checkpoint.state.clone(),
        };
        encode(Self::WHAT, VERSION, &row)
    }

    fn from_blob(blob: &[u8]) -> Result<Self, StoreError> {
        let row: CheckpointRow = decode(Self::WHAT, VERSION, blob)?;
        let reader = LogReader::parse(&row.reader).ok_or_else(|| StoreError::corrupt(Self::WHAT, &row.reader))?;
        Ok(Self(Checkpoint {
            reader,
            partition: Partition(row.partition),
            epoch: row.epoch,
            log_id: row.log_id,
            position: row.position,
            generation: row.generation,
            ordinal: row.ordinal,
            state: row.state,
        }))
    }
}
