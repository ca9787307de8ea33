//! What can go wrong in `live`.

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// The backend cannot be reached. Retry.
    #[error("live state is not available: {0}")]
    Unavailable(String),
    /// The configuration cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// A table is full.
    #[error("no room for more than {limit} {what}")]
    Full {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// The connection's edge has no lease: renew it, register everything again.
    #[error("the edge has no lease")]
    UnknownEdge,
    /// A call asks for more than its limit.
    #[error("{asked} {what}, at most {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        asked: usize,
        /// The limit.
        limit: usize,
    },
}

impl LiveError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full { .. })
    }

    pub(crate) fn check(what: &'static str, asked: usize, limit: usize) -> Result<(), Self> {
        if asked > limit { Err(Self::TooMany { what, asked, limit }) } else { Ok(()) }
    }
}
