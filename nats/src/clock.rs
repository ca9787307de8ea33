//! The wall clock of this process.

use std::time::{SystemTime, UNIX_EPOCH};

use kefu_model::ids::At;

/// Now. What may not go back takes the maximum with what it knows.
#[must_use]
pub fn now() -> At {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    At(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
