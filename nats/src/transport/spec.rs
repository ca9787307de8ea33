//! The shape of a stream, and the checks that every implementation makes on names and sizes.

use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use super::{MAX_MSG_ID_BYTES, MAX_PAYLOAD_BYTES, Position, TransportError};

/// The longest name of a stream, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// The longest subject of a core message, in bytes.
const MAX_SUBJECT_BYTES: usize = 256;

/// Where the records of a stream are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// In files. What survives a power loss depends on the backend: the embedded log syncs before it answers unless
    /// told otherwise; JetStream does so with `sync_interval: always`.
    Disk,
    /// In memory; gone with the broker's process.
    Memory,
}

/// What happens to an append when the stream is at `max_bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// It is refused with [`TransportError::Full`] (JetStream's `discard: new`): for the LOG.
    RefuseNew,
    /// The oldest records make room (`discard: old`): for queues whose records lose their worth.
    DropOldest,
}

/// The shape of a stream, fixed when it is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSpec {
    /// ASCII letters, digits, `-` and `_`; 1 to 64 of them.
    pub name: String,
    /// Where its records are kept.
    pub durability: Durability,
    /// The most it holds, in bytes (payloads and the backend's overhead); at least 1.
    pub max_bytes: u64,
    /// What happens beyond.
    pub overflow: Overflow,
    /// How long message ids are remembered.
    pub duplicate_window: Duration,
    /// How long records are kept; `None` is for ever. The embedded backend knows it for memory streams only.
    pub max_age: Option<Duration>,
    /// On how many servers; 1 to 5. The embedded backend is one server and ignores it.
    pub replicas: usize,
}

/// A stream's identity and bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamInfo {
    /// Random, made at creation and kept with the stream: another id under the same name is another stream.
    pub id: Uuid,
    /// The first record that is still there; `last + 1` when there is none.
    pub first: Position,
    /// The last record ever appended; 0 when there never was one.
    pub last: Position,
}

/// One record of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRecord {
    /// Where it stands.
    pub position: Position,
    /// What was appended.
    pub payload: Bytes,
}

/// Refuses a payload or message id over its limit.
pub(crate) fn check_payload(payload: &[u8], msg_id: Option<&str>) -> Result<(), TransportError> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(TransportError::TooLarge {
            size: payload.len(),
            limit: MAX_PAYLOAD_BYTES,
        });
    }
    match msg_id {
        Some(id)
            if id.is_empty()
                || id.len() > MAX_MSG_ID_BYTES
                || !id.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            let reason = format!("must be 1 to {MAX_MSG_ID_BYTES} printable ASCII characters");
            Err(TransportError::Invalid {
                what: "message id",
                reason,
            })
        }
        _ => Ok(()),
    }
}

/// Refuses a stream name that some backend could not keep.
pub(crate) fn check_stream_name(name: &str) -> Result<(), TransportError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(allowed) {
        let reason =
            format!("{name:?} is not 1 to {MAX_NAME_BYTES} ASCII letters, digits, '-' or '_'");
        return Err(TransportError::Invalid {
            what: "stream name",
            reason,
        });
    }
    Ok(())
}

/// Refuses a malformed subject; `wildcards` says whether `*` and a last `>` may stand for tokens.
pub(crate) fn check_subject(subject: &str, wildcards: bool) -> Result<(), TransportError> {
    let invalid = |reason: &str| {
        Err(TransportError::Invalid {
            what: "subject",
            reason: format!("{subject:?} {reason}"),
        })
    };
    if subject.is_empty() || subject.len() > MAX_SUBJECT_BYTES {
        return invalid("is empty or too long");
    }
    let mut tokens = subject.split('.').peekable();
    while let Some(token) = tokens.next() {
        let wild = token == "*" || (token == ">" && tokens.peek().is_none());
        if wild && wildcards {
            continue;
        }
        if token.is_empty()
            || !token
                .bytes()
                .all(|b| b.is_ascii_graphic() && b != b'*' && b != b'>')
        {
            return invalid("has an empty token or a character that is not allowed");
        }
    }
    Ok(())
}
