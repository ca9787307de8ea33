//! The shape of a stream, and the checks that every implementation makes on names and sizes.

use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use super::{MAX_MSG_ID_BYTES, MAX_PAYLOAD_BYTES, Position, TransportError};

/// The longest name of a stream, in bytes.
const MAX_NAME_BYTES: usize = 64;
/// The longest subject of a core message, in bytes.
const MAX_SUBJECT_BYTES: usize = 256;

/// The `max_bytes` of a stream that only the broker's own limits bound. A JetStream server reserves any smaller number when
/// the stream is made, and refuses the stream when it has not that much left.
pub const UNLIMITED_BYTES: u64 = i64::MAX as u64;

/// Where the records of a stream are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// In files. What survives a power loss depends on the backend: the embedded log syncs before it answers unless
    /// told otherwise; JetStream does so with `sync_interval: always`.
    Disk,
    /// In memory; gone with the broker's process. A stream that went so comes back empty and with another id, by
    /// [`open_stream`](super::Transport::open_stream) or by the transport's own doing.
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
    /// How long message ids are remembered; 100 ms to 24 h, and not longer than `max_age`.
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
        return Err(TransportError::TooLarge { size: payload.len(), limit: MAX_PAYLOAD_BYTES });
    }
    match msg_id {
        Some(id) if id.is_empty() || id.len() > MAX_MSG_ID_BYTES || !id.bytes().all(|b| b.is_ascii_graphic()) => {
            let reason = format!("must be 1 to {MAX_MSG_ID_BYTES} printable ASCII characters");
            Err(TransportError::Invalid { what: "message id", reason })
        }
        _ => Ok(()),
    }
}

/// Refuses a spec that some backend could not keep.
pub(crate) fn check_spec(spec: &StreamSpec) -> Result<(), TransportError> {
    let invalid = |what, reason: &str| Err(TransportError::Invalid { what, reason: reason.to_owned() });
    check_stream_name(&spec.name)?;
    if spec.max_bytes == 0 || spec.max_bytes > i64::MAX as u64 {
        return invalid("max_bytes", "must be 1 to 2^63 - 1");
    }
    if spec.replicas == 0 || spec.replicas > 5 {
        return invalid("replicas", "must be 1 to 5");
    }
    if spec.duplicate_window < Duration::from_millis(100) || spec.duplicate_window > Duration::from_secs(86_400) {
        return invalid("duplicate_window", "must be 100 ms to 24 h");
    }
    if spec.max_age.is_some_and(|age| age < spec.duplicate_window) {
        return invalid("max_age", "must not be shorter than duplicate_window");
    }
    Ok(())
}

/// The error that names the first field in which an existing stream differs from what is asked for.
pub(crate) fn first_difference(asked: &StreamSpec, found: &StreamSpec) -> Option<TransportError> {
    let fields = [
        ("durability", format!("{:?}", asked.durability), format!("{:?}", found.durability)),
        ("max_bytes", asked.max_bytes.to_string(), found.max_bytes.to_string()),
        ("overflow", format!("{:?}", asked.overflow), format!("{:?}", found.overflow)),
        ("duplicate_window", format!("{:?}", asked.duplicate_window), format!("{:?}", found.duplicate_window)),
        ("max_age", format!("{:?}", asked.max_age), format!("{:?}", found.max_age)),
        ("replicas", asked.replicas.to_string(), found.replicas.to_string()),
    ];
    let (field, expected, found) = fields.into_iter().find(|(_, asked, found)| asked != found)?;
    Some(TransportError::Mismatch { stream: asked.name.clone(), field, expected, found })
}

/// Refuses a stream name that some backend could not keep.
fn check_stream_name(name: &str) -> Result<(), TransportError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.bytes().all(allowed) {
        let reason = format!("{name:?} is not 1 to {MAX_NAME_BYTES} ASCII letters, digits, '-' or '_'");
        return Err(TransportError::Invalid { what: "stream name", reason });
    }
    Ok(())
}

/// Refuses a malformed subject; `wildcards` says whether `*` and a last `>` may stand for tokens.
pub(crate) fn check_subject(subject: &str, wildcards: bool) -> Result<(), TransportError> {
    let invalid =
        |reason: &str| Err(TransportError::Invalid { what: "subject", reason: format!("{subject:?} {reason}") });
    if subject.is_empty() || subject.len() > MAX_SUBJECT_BYTES {
        return invalid("is empty or too long");
    }
    let mut tokens = subject.split('.').peekable();
    while let Some(token) = tokens.next() {
        let wild = token == "*" || (token == ">" && tokens.peek().is_none());
        if wild && wildcards {
            continue;
        }
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic() && b != b'*' && b != b'>') {
            return invalid("has an empty token or a character that is not allowed");
        }
    }
    Ok(())
}
