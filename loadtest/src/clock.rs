//! One monotonic clock for everything that is measured.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

static BEGAN: OnceLock<Instant> = OnceLock::new();

/// Nanoseconds since the first call. Sender and receiver of a message are in this process, so a latency is a
/// difference of two of these.
pub fn now_ns() -> u64 {
    BEGAN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// A duration in nanoseconds.
pub fn ns(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

/// Seconds between two readings.
pub fn seconds(from_ns: u64, to_ns: u64) -> f64 {
    to_ns.saturating_sub(from_ns) as f64 / 1e9
}

/// Sleeps until the clock reads that.
pub async fn sleep_until(at_ns: u64) {
    tokio::time::sleep(Duration::from_nanos(at_ns.saturating_sub(now_ns()))).await;
}
