//! What owners, edges and workers tell each other on core subjects, and the envelopes of IN.

use bytes::Bytes;
use kefu_model::allocation::AllocationAnswer;
use kefu_model::command::Answer;
use kefu_model::ids::At;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::PayloadError;
use super::ids::{ConversationWire, TextWire, refusal};
use super::snapshot::SnapshotWire;

/// Commands of one partition, from one sender.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EnvelopeWire<'a> {
    #[serde(borrow)]
    pub(crate) from: TextWire<'a>,
    #[serde(borrow)]
    pub(crate) items: Vec<(u64, &'a serde_bytes::Bytes)>,
}

/// An attach or detach of an edge.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AttachWire {
    pub(crate) edge: String,
    pub(crate) items: Vec<AttachItemWire>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum AttachItemWire {
    /// Token, tenant, conversation, cursor.
    #[serde(rename = "a")]
    Attach(u64, String, ConversationWire, Option<(u64, u64)>),
    #[serde(rename = "d")]
    Detach(String, ConversationWire),
}

/// One numbered message of an owner to an edge.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DeliveryWire {
    pub(crate) log: String,
    pub(crate) generation: u64,
    pub(crate) number: u64,
    pub(crate) epoch: u64,
    pub(crate) items: Vec<DeliveryItemWire>,
}

#[derive(Debug, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "items are encoded or decoded once and not kept")]
pub(crate) enum DeliveryItemWire {
    #[serde(rename = "a")]
    Answer(u64, AnswerWire),
    #[serde(rename = "o")]
    Outcome(ByteBuf),
    /// Token, snapshot, recovered, missed outcomes.
    #[serde(rename = "t")]
    Attached(u64, SnapshotWire, bool, Vec<ByteBuf>),
    /// Token, conversation, refusal.
    #[serde(rename = "x")]
    AttachFailed(u64, String, ConversationWire, u16),
}

impl DeliveryItemWire {
    pub(crate) fn outcome(bytes: &Bytes) -> Self {
        Self::Outcome(ByteBuf::from(bytes.to_vec()))
    }

    /// About how many bytes it takes.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Answer(..) | Self::AttachFailed(..) => 64,
            Self::Outcome(bytes) => bytes.len() + 8,
            Self::Attached(.., missed) => 1024 + missed.iter().map(|bytes| bytes.len() + 8).sum::<usize>(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum AnswerWire {
    #[serde(rename = "a")]
    Accepted(u64, Option<u64>, u64),
    #[serde(rename = "r")]
    Refused(u16, Option<u64>),
    #[serde(rename = "d")]
    Done,
}

impl From<Answer> for AnswerWire {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Accepted { rev, seq, at } => Self::Accepted(rev, seq, at.0),
            Answer::Refused { refusal, expected_n } => Self::Refused(refusal.code(), expected_n),
        }
    }
}

impl TryFrom<AnswerWire> for Answer {
    type Error = PayloadError;
    fn try_from(wire: AnswerWire) -> Result<Self, PayloadError> {
        match wire {
            AnswerWire::Accepted(rev, seq, at_ms) => Ok(Self::Accepted { rev, seq, at: At(at_ms) }),
            AnswerWire::Refused(code, expected_n) => Ok(Self::Refused { refusal: refusal(code)?, expected_n }),
            AnswerWire::Done => Err(PayloadError::Unknown("answer")),
        }
    }
}

impl From<AllocationAnswer> for AnswerWire {
    fn from(answer: AllocationAnswer) -> Self {
        match answer {
            AllocationAnswer::Done => Self::Done,
            AllocationAnswer::Refused(refusal) => Self::Refused(refusal.code(), None),
        }
    }
}

impl TryFrom<AnswerWire> for AllocationAnswer {
    type Error = PayloadError;
    fn try_from(wire: AnswerWire) -> Result<Self, PayloadError> {
        match wire {
            AnswerWire::Done => Ok(Self::Done),
            AnswerWire::Refused(code, _) => Ok(Self::Refused(refusal(code)?)),
            AnswerWire::Accepted(..) => Err(PayloadError::Unknown("answer")),
        }
    }
}

/// A worker is alive: what it owns and how far it is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HeartbeatWire {
    pub(crate) worker: String,
    /// Which kinds of log it can own.
    pub(crate) kinds: Vec<String>,
    pub(crate) bye: bool,
    pub(crate) owned: Vec<OwnedWire>,
    /// The logs that it works on and gets on with, as an owner or as a reader.
    #[serde(default)]
    pub(crate) holds: Vec<String>,
    /// It takes no more logs.
    #[serde(default)]
    pub(crate) leaving: bool,
    /// It does not take any logs yet: it listens who else is there.
    #[serde(default)]
    pub(crate) listens: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OwnedWire {
    pub(crate) log: String,
    pub(crate) generation: u64,
    pub(crate) ordinal: u64,
    pub(crate) position: u64,
    pub(crate) archived: u64,
    /// The last number sent to each edge, and under `*` to all.
    pub(crate) numbers: Vec<(String, u64)>,
}

/// A question to an owner.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum AskWire {
    /// The state of a conversation.
    #[serde(rename = "s")]
    Snapshot(String, ConversationWire),
    /// The allocation of a tenant.
    #[serde(rename = "v")]
    Allocation(String),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ReplyWire {
    #[serde(rename = "s")]
    Snapshot(SnapshotWire),
    #[serde(rename = "v")]
    Allocation(super::AllocationViewWire),
    #[serde(rename = "x")]
    Refused(u16),
}
