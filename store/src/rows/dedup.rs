//! What is remembered of commands, in rows.

use kefu_model::command::Answer;
use kefu_model::conversation::{DeviceLog, KeptAnswer, KeyEntry};
use kefu_model::{At, CommandHash, Refusal};
use serde::{Deserialize, Serialize};

use super::{Blob, decode, encode};
use crate::error::StoreError;

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct KeptRow {
    #[serde(with = "serde_bytes")]
    hash: [u8; 16],
    answer: AnswerRow,
}

#[derive(Serialize, Deserialize)]
enum AnswerRow {
    #[serde(rename = "a")]
    Accepted(u64, Option<u64>, u64),
    #[serde(rename = "r")]
    Refused(u16, Option<u64>),
}

#[derive(Serialize, Deserialize)]
struct DeviceRow {
    last_n: u64,
    answers: Vec<KeptRow>,
}

#[derive(Serialize, Deserialize)]
struct KeyRow {
    kept: KeptRow,
    at: u64,
}

impl From<&KeptAnswer> for KeptRow {
    fn from(kept: &KeptAnswer) -> Self {
        let answer = match kept.answer {
            Answer::Accepted { rev, seq, at } => AnswerRow::Accepted(rev, seq, at.0),
            Answer::Refused { refusal, expected_n } => AnswerRow::Refused(refusal.code(), expected_n),
        };
        Self { hash: kept.hash.0, answer }
    }
}

impl TryFrom<KeptRow> for KeptAnswer {
    type Error = StoreError;

    fn try_from(row: KeptRow) -> Result<Self, StoreError> {
        let answer = match row.answer {
            AnswerRow::Accepted(rev, seq, at) => Answer::Accepted { rev, seq, at: At(at) },
            AnswerRow::Refused(code, expected_n) => {
                let refusal = Refusal::from_code(code)
                    .ok_or_else(|| StoreError::corrupt("answer", format!("refusal {code} is not known here")))?;
                Answer::Refused { refusal, expected_n }
            }
        };
        Ok(Self { hash: CommandHash(row.hash), answer })
    }
}

impl Blob for DeviceLog {
    const WHAT: &'static str = "device log";

    fn to_blob(&self) -> Result<Vec<u8>, StoreError> {
        let row = DeviceRow { last_n: self.last_n, answers: self.answers.iter().map(KeptRow::from).collect() };
        encode(Self::WHAT, VERSION, &row)
    }

    fn from_blob(blob: &[u8]) -> Result<Self, StoreError> {
        let row: DeviceRow = decode(Self::WHAT, VERSION, blob)?;
        let answers = row.answers.into_iter().map(KeptAnswer::try_from).collect::<Result<_, _>>()?;
        Ok(Self { last_n: row.last_n, answers })
    }
}

impl Blob for KeyEntry {
    const WHAT: &'static str = "command key";

    fn to_blob(&self) -> Result<Vec<u8>, StoreError> {
        encode(Self::WHAT, VERSION, &KeyRow { kept: (&self.kept).into(), at: self.at.0 })
    }

    fn from_blob(blob: &[u8]) -> Result<Self, StoreError> {
        let row: KeyRow = decode(Self::WHAT, VERSION, blob)?;
        Ok(Self { kept: KeptAnswer::try_from(row.kept)?, at: At(row.at) })
    }
}
