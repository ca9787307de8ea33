//! What can go wrong in the store.

/// Why a call failed. Display never repeats its source.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The backend cannot be reached or is busy. Retry.
    #[error("the store is not available: {0}")]
    Unavailable(String),
    /// No answer in time; a write may have happened. Retry with the same content.
    #[error("the store did not answer in time")]
    Timeout,
    /// The queue of writes was full for too long. Retry later.
    #[error("the store's queue of {limit} writes is full")]
    Overloaded {
        /// The queue's length.
        limit: usize,
    },
    /// No room on the disk. Reads still work; writes work again once there is room.
    #[error("the disk of the store is full")]
    DiskFull,
    /// The files may not be written.
    #[error("the store is read-only")]
    ReadOnly,
    /// It was closed.
    #[error("the store is closed")]
    Closed,
    /// The file belongs to another program.
    #[error("the file is not a Kefu store (application id {found:#010x}, expected {expected:#010x})")]
    Foreign {
        /// What the file says.
        found: u32,
        /// What ours say.
        expected: u32,
    },
    /// The schema was made by a newer release.
    #[error("the store has schema version {found}, this release knows up to {known}: use the newer release")]
    NewerSchema {
        /// The file's version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// A blob was written by a newer release.
    #[error("a {what} has version {found}, this release knows up to {known}: use the newer release")]
    UnknownVersion {
        /// Which kind of blob.
        what: &'static str,
        /// Its version.
        found: u8,
        /// The newest version known here.
        known: u8,
    },
    /// Stored data cannot be read.
    #[error("a stored {what} cannot be read: {detail}")]
    Corrupt {
        /// Which kind of data.
        what: &'static str,
        /// What is wrong with it, without its content.
        detail: String,
    },
    /// A user name that somebody has, or a record that somebody changed meanwhile.
    #[error("{what} is taken or was changed meanwhile")]
    Conflict {
        /// What.
        what: &'static str,
    },
    /// No such record to change.
    #[error("no such {what}")]
    NotFound {
        /// What.
        what: &'static str,
    },
    /// A call asks for more than its limit.
    #[error("{asked} {what}, at most {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many were asked for.
        asked: u64,
        /// The limit.
        limit: u64,
    },
    /// Epoch or position do not fit a stamp.
    #[error("epoch {epoch} or position {position} is out of range")]
    OutOfRange {
        /// The epoch.
        epoch: u64,
        /// The position.
        position: u64,
    },
    /// Anything else that the backend says.
    #[error("the store failed: {0}")]
    Backend(String),
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing data or program.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Timeout | Self::Overloaded { .. } | Self::DiskFull)
    }

    pub(crate) fn corrupt(what: &'static str, detail: impl ToString) -> Self {
        Self::Corrupt { what, detail: detail.to_string() }
    }

    /// Refuses more than the limit.
    pub(crate) fn check_limit(what: &'static str, asked: u64, limit: u64) -> Result<(), Self> {
        if asked > limit { Err(Self::TooMany { what, asked, limit }) } else { Ok(()) }
    }
}
