//! The clock by which outcomes are stamped: the wall clock, that never goes back in a process.
//!
//! What waits for a time (an agent's grace, an edit window) goes on waiting for it when the wall clock is set back: time
//! then passes at half its speed until the wall clock has caught up. Across a restart the owners of the logs see to it that
//! a log's times do not go back.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kefu_model::ids::At;
use parking_lot::Mutex;

/// Now. It never goes back in a process; what may not go back beyond that takes the maximum with what it knows.
#[must_use]
pub fn now() -> At {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    static CLOCK: Mutex<Forward> = Mutex::new(Forward { at: Duration::ZERO, read_at: Duration::ZERO });
    let steady = START.elapsed();
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = CLOCK.lock().read(wall, steady);
    At(u64::try_from(at.as_millis()).unwrap_or(u64::MAX))
}

/// How long ago that was, in seconds; 0 where another machine's clock is ahead of this one's.
#[must_use]
pub fn seconds_since(at: At) -> f64 {
    f64::from(u32::try_from(now().millis_since(at)).unwrap_or(u32::MAX)) / 1_000.0
}

/// A clock that follows the wall clock forward, and never back.
#[derive(Debug, Default)]
struct Forward {
    /// What it said last, since the Unix epoch.
    at: Duration,
    /// When that was, by a clock that nobody sets.
    read_at: Duration,
}

impl Forward {
    fn read(&mut self, wall: Duration, steady: Duration) -> Duration {
        // Two threads may come here in another order than they read the clocks.
        let passed = steady.saturating_sub(self.read_at);
        self.at = wall.max(self.at + passed / 2);
        self.read_at = self.read_at.max(steady);
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_clock_that_is_set_back_is_caught_up_with() {
        let mut clock = Forward::default();
        assert_eq!(clock.read(1_000_000 * S, 10 * S), 1_000_000 * S);
        // An hour back, and then the seconds pass.
        let mut last = Duration::ZERO;
        for second in 1..=7_200_u32 {
            let at = clock.read((1_000_000 - 3_600 + second) * S, (10 + second) * S);
            assert!(at > last, "it stands still");
            last = at;
        }
        assert_eq!(last, (1_000_000 + 3_600) * S, "it has caught up after twice the jump");
    }

    #[test]
    fn a_clock_that_is_set_forward_is_followed() {
        let mut clock = Forward::default();
        clock.read(1_000 * S, S);
        assert_eq!(clock.read(5_000 * S, 2 * S), 5_000 * S);
        assert_eq!(clock.read(5_001 * S, 3 * S), 5_001 * S);
    }
}
