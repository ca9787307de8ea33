//! The clocks, read in one place.
//!
//! What is written down or told has a time of the wall clock, and so has what expires at such a time. How long something
//! has lasted is measured by a clock that nobody sets: an hour forward or back throws nobody out and keeps nobody in.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use kefu_model::At;

/// Now, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    /// The wall clock.
    pub(crate) at: At,
    /// The steady clock, in milliseconds: only differences mean something.
    pub(crate) steady_ms: u64,
}

impl Now {
    /// Reads both.
    pub(crate) fn read() -> Self {
        Self { at: now(), steady_ms: steady_ms() }
    }
}

/// Now, by the wall clock. It may be set forward and back.
pub(crate) fn now() -> At {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    At(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Now, by the steady clock: milliseconds since about this process's start, never 0 and never going back.
pub(crate) fn steady_ms() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
}
