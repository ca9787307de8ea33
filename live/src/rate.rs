//! Rate limits and lock-outs.

use std::time::Duration;

use kefu_model::TenantId;

use crate::error::LiveError;
use crate::limits::SUBJECT_BYTES;

/// Who is limited in what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RateKey {
    /// The tenant.
    pub tenant: TenantId,
    /// Which limit.
    pub limit: &'static str,
    /// An address, a user, a key; at most [`SUBJECT_BYTES`] bytes.
    pub subject: String,
}

impl RateKey {
    pub(crate) fn check(&self) -> Result<(), LiveError> {
        LiveError::check("bytes of a subject", self.subject.len(), SUBJECT_BYTES)
    }
}

/// How much is allowed: `burst` at once, refilled evenly within `refill`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Size of the bucket; at least 1.
    pub burst: u32,
    /// In this time an empty bucket is full again.
    pub refill: Duration,
}

impl Quota {
    /// `count` a second, and as many at once.
    #[must_use]
    pub fn per_second(count: u32) -> Self {
        Self { burst: count, refill: Duration::from_secs(1) }
    }

    /// `count` a minute, and as many at once.
    #[must_use]
    pub fn per_minute(count: u32) -> Self {
        Self { burst: count, refill: Duration::from_secs(60) }
    }

    /// The time that one unit takes to be refilled, in nanoseconds.
    pub(crate) fn interval_ns(self) -> u128 {
        self.refill.as_nanos() / u128::from(self.burst.max(1))
    }
}

/// What a rate limit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateDecision {
    /// Go on.
    Allowed {
        /// What is left in the bucket.
        remaining: u32,
        /// Until it is full again.
        reset: Duration,
    },
    /// Not now.
    Limited {
        /// When the same would be allowed.
        retry_after: Duration,
    },
}

impl RateDecision {
    /// Whether to go on.
    #[must_use]
    pub fn is_allowed(self) -> bool {
        matches!(self, Self::Allowed { .. })
    }
}

/// When failures lock somebody out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockPolicy {
    /// This many failures lock; at least 1.
    pub failures: u32,
    /// Failures are forgotten this long after the last one.
    pub window: Duration,
    /// For so long.
    pub lock: Duration,
}

/// Where a subject stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockState {
    /// It may try.
    Open {
        /// Failures so far.
        failures: u32,
    },
    /// It may not.
    Locked {
        /// Until it may.
        retry_after: Duration,
    },
}
