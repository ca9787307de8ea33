//! What can go wrong with files.

/// Why a call failed. Display never repeats its source.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// There is no such file.
    #[error("no such file")]
    NotFound,
    /// A range that the file does not have.
    #[error("the range is not within the {size_bytes} bytes of the file")]
    OutOfRange {
        /// The file's size.
        size_bytes: u64,
    },
    /// More bytes than allowed.
    #[error("more than {max_bytes} bytes")]
    TooLarge {
        /// The limit.
        max_bytes: u64,
    },
    /// Where the bytes come from failed.
    #[error("the bytes to write ended with an error")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The credentials are not accepted, or do not allow this.
    #[error("the files' storage refused")]
    Refused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A setting that cannot be used.
    #[error("{setting} cannot be used: {why}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// Why.
        why: String,
    },
    /// The disk or the service failed, or did not answer in time, or there is no such bucket. Retry.
    #[error("the files' storage is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl FilesError {
    /// Whether the same call may succeed later without anybody changing a setting.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

impl From<object_store::Error> for FilesError {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error;
        match error {
            Error::NotFound { .. } => Self::NotFound,
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Self::Refused(Box::new(error)),
            other => Self::Unavailable(Box::new(other)),
        }
    }
}
