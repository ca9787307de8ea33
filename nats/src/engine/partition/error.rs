//! Why a partition is no longer driven.

use crate::broker::LogName;
use crate::engine::host::LoadError;
use crate::engine::owner::Lost;
use crate::engine::reader::ReadError;
use crate::transport::TransportError;

/// Why a partition is no longer driven.
#[derive(Debug, thiserror::Error)]
pub enum PartitionError {
    /// Ownership was lost.
    #[error("ownership of {log} was lost")]
    Lost {
        /// Which log.
        log: LogName,
        /// Why.
        source: Lost,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The broker.
    #[error("the broker failed {log}")]
    Transport {
        /// Which log.
        log: LogName,
        /// Why.
        source: TransportError,
    },
    /// IN was there and is gone: servers that kept it in memory were restarted.
    #[error("IN of {log} is gone; it is made again")]
    InGone {
        /// Which log.
        log: LogName,
    },
    /// Tails of other logs take all the memory that they may: the archive is behind.
    #[error("there is no room for the tail of {log}: the archive is behind")]
    NoRoom {
        /// Which log.
        log: LogName,
    },
    /// The store.
    #[error("the checkpoint of {log} could not be loaded")]
    Start {
        /// Which log.
        log: LogName,
        /// Why.
        source: LoadError,
    },
}

impl PartitionError {
    /// Of IN, which is only as durable as its servers and made again by whoever misses it.
    pub(super) fn of_in(log: LogName, source: TransportError) -> Self {
        match source {
            TransportError::NotFound { .. } => Self::InGone { log },
            source => Self::Transport { log, source },
        }
    }

    /// Whether claiming again cannot help: the process ends and an operator must look.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Lost { source, .. } => source.is_final(),
            Self::Read(ReadError::Transport { source, .. }) | Self::Transport { source, .. } => {
                !(source.is_retryable() || source.is_ambiguous() || matches!(source, TransportError::Closed))
            }
            Self::Read(_) => true,
            Self::InGone { .. } | Self::NoRoom { .. } | Self::Start { .. } => false,
        }
    }
}
