//! What can go wrong at the broker seam, by what the caller can do about it.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use super::Position;

/// An underlying error, shared by every append that it failed.
pub type Cause = Arc<dyn Error + Send + Sync + 'static>;

/// Why a call to a [`Transport`](super::Transport) failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// It may have happened, or may still happen shortly.
    #[error("the broker did not confirm; it may have happened")]
    Ambiguous {
        /// What was seen instead of an answer.
        #[source]
        source: Cause,
    },
    /// It did not and will not happen; trying again later makes sense.
    #[error("the broker is unavailable; nothing was done")]
    Unavailable {
        /// Why.
        #[source]
        source: Cause,
    },
    /// The stream is at its limit and refuses new records; nothing was stored. A purge makes room.
    #[error("stream {stream} is full")]
    Full {
        /// The stream.
        stream: String,
    },
    /// There is no such stream.
    #[error("stream {stream} does not exist")]
    NotFound {
        /// The stream.
        stream: String,
    },
    /// Nobody subscribes to the subject of a request.
    #[error("nobody answers requests on {subject}")]
    NoResponder {
        /// The subject.
        subject: String,
    },
    /// No answer within the time allowed. Only of calls that read or ask; writes say [`Self::Ambiguous`].
    #[error("no answer in time")]
    Timeout,
    /// The transport was closed.
    #[error("the broker connection is closed")]
    Closed,
    /// An existing stream has another shape than asked for.
    #[error("stream {stream} exists with {field} {found}, expected {expected}")]
    Mismatch {
        /// The stream.
        stream: String,
        /// The first field of [`StreamSpec`](super::StreamSpec) that differs.
        field: &'static str,
        /// What was asked for.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The stream that was being read was deleted, or deleted and created again: its positions start anew.
    #[error("stream {stream} was replaced")]
    StreamReplaced {
        /// The stream.
        stream: String,
    },
    /// Stored data does not read back as written.
    #[error("corrupt data in {} at byte {offset}: {reason}", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// Where in the file, in bytes.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The payload is over the limit; nothing was sent.
    #[error("payload of {size} bytes is over the limit of {limit}")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The caller's arguments cannot be used.
    #[error("invalid {what}: {reason}")]
    Invalid {
        /// Which argument.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// The record at this position cannot be had although the stream holds it.
    #[error("stream {stream} does not give record {position}")]
    Unreadable {
        /// The stream.
        stream: String,
        /// The record.
        position: Position,
        /// Why.
        #[source]
        source: Cause,
    },
    /// Anything else; it did not happen, and trying again will hardly help.
    #[error("the broker refused")]
    Other {
        /// Why.
        #[source]
        source: Cause,
    },
}

impl TransportError {
    /// [`Self::Ambiguous`], because of `source` (an error or a message).
    pub fn ambiguous(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Ambiguous { source: source.into().into() }
    }

    /// [`Self::Unavailable`], because of `source` (an error or a message).
    pub fn unavailable(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable { source: source.into().into() }
    }

    /// [`Self::Other`], because of `source` (an error or a message).
    pub fn other(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Other { source: source.into().into() }
    }

    /// [`Self::NotFound`] for this stream.
    pub fn not_found(stream: &str) -> Self {
        Self::NotFound { stream: stream.to_owned() }
    }

    /// Whether a write that failed so may nevertheless have happened.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Ambiguous { .. })
    }

    /// Whether the same call may succeed later without anybody's doing. A write that is tried again after an
    /// ambiguous answer needs a message id or a reader that skips repetitions.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Ambiguous { .. } | Self::Unavailable { .. } | Self::Timeout => true,
            Self::Full { .. } | Self::NoResponder { .. } => true,
            Self::NotFound { .. } | Self::Closed | Self::Mismatch { .. } | Self::StreamReplaced { .. } => false,
            Self::Corrupt { .. } | Self::TooLarge { .. } | Self::Invalid { .. } | Self::Unreadable { .. } => false,
            Self::Other { .. } => false,
        }
    }
}
