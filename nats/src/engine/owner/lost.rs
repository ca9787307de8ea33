//! Why an owner is over.

use crate::payload::PayloadError;

/// Why an owner is over.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// Somebody else claimed after us.
    #[error("superseded by {worker} at position {position}")]
    Superseded {
        /// Who.
        worker: String,
        /// Where.
        position: u64,
    },
    /// An append failed, or nobody knows whether it happened.
    #[error("an append was lost: record {ordinal}")]
    Append {
        /// Which of ours.
        ordinal: u64,
    },
    /// One of our records was stored but does not count.
    #[error("record {ordinal} at position {position} does not count")]
    Void {
        /// Which of ours.
        ordinal: u64,
        /// Where.
        position: u64,
    },
    /// The log is not what this release can read. Final.
    #[error("the record at position {position} cannot be read")]
    Unreadable {
        /// Where.
        position: u64,
        /// Why.
        source: PayloadError,
    },
    /// The log and a state do not belong together. Final.
    #[error("the log does not follow from the state at position {position}: {why}")]
    Inconsistent {
        /// Where.
        position: u64,
        /// Why.
        why: String,
    },
    /// Records between two positions are gone. Final.
    #[error("records after position {after} are missing: the next one is {next}")]
    Gap {
        /// The last one known.
        after: u64,
        /// The next one read.
        next: u64,
    },
}

impl Lost {
    /// Whether claiming again cannot help: an operator must look.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::Inconsistent { .. } | Self::Gap { .. })
    }
}
