//! The wall clock, read in one place.

use std::time::{SystemTime, UNIX_EPOCH};

use kefu_model::At;

/// Now.
pub(crate) fn now() -> At {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    At(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
