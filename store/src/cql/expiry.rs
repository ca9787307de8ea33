//! What is left of a row's time, for its TTL.

use std::time::{SystemTime, UNIX_EPOCH};

use kefu_model::At;
use kefu_model::limits::KEY_RETENTION_MS;

/// Longest TTL that both databases take: 20 years.
const TTL_MAX_SECONDS: u64 = 630_720_000;

/// This machine's clock.
pub(super) fn now() -> At {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    At(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Seconds until then, rounded up, and one more: databases count from the whole second in which a row was written, and
/// no row goes before its time.
pub(super) fn ttl_seconds(expires_at: At, now: At) -> i32 {
    let seconds = (expires_at.millis_since(now).div_ceil(1_000) + 1).min(TTL_MAX_SECONDS);
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

/// Seconds that are left of an answer to a keyed command given at that time; none when it has expired.
pub(super) fn key_ttl_seconds(answered_at: At, now: At) -> Option<i32> {
    let expires_at = At(answered_at.0.saturating_add(KEY_RETENTION_MS));
    (expires_at > now).then(|| ttl_seconds(expires_at, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_to_live_is_what_is_left() {
        assert_eq!(ttl_seconds(At(61_001), At(1_000)), 62);
        assert_eq!(ttl_seconds(At(1_000), At(5_000)), 1, "what has expired goes at once");
        assert_eq!(ttl_seconds(At(u64::MAX), At(0)), 630_720_000);
    }

    #[test]
    fn a_late_answer_has_no_time_left() {
        let seconds = i32::try_from(KEY_RETENTION_MS / 1_000).unwrap();
        assert_eq!(key_ttl_seconds(At(1_000), At(1_000)), Some(seconds + 1));
        assert_eq!(key_ttl_seconds(At(1_000), At(1_000 + KEY_RETENTION_MS - 1)), Some(2));
        assert_eq!(key_ttl_seconds(At(1_000), At(1_000 + KEY_RETENTION_MS)), None);
    }
}
