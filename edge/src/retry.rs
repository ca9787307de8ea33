//! Trying again what failed, without a storm of calls or of log lines.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Pauses before the next try, by the number of failures in a row; the last one stays.
const PAUSES_MS: [u64; 3] = [1_000, 2_000, 5_000];

/// How long to wait after so many failures in a row (from 1): 1, 2, then 5 seconds, each ± a quarter, so that edges do not
/// all come back at once.
pub(crate) fn pause(failures: usize) -> Duration {
    let ms = PAUSES_MS[failures.clamp(1, PAUSES_MS.len()) - 1];
    Duration::from_millis(rand::random_range(ms * 3 / 4..=ms * 5 / 4))
}

/// Tells the first failure and the first success after it from the others: these two are logged.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    failures: AtomicU64,
}

impl Outage {
    /// A call failed: whether it is the first.
    pub(crate) fn begins(&self) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// A call succeeded: how many failed before, if any did.
    pub(crate) fn ends(&self) -> Option<u64> {
        // Read first: this is asked after every call.
        let failed = self.failures.load(Ordering::Relaxed) > 0;
        failed.then(|| self.failures.swap(0, Ordering::Relaxed)).filter(|failures| *failures > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_begins_and_ends_once() {
        let outage = Outage::default();
        assert_eq!(outage.ends(), None);
        assert!(outage.begins());
        assert!(!outage.begins());
        assert_eq!(outage.ends(), Some(2));
        assert_eq!(outage.ends(), None);
        assert!(outage.begins());
    }

    #[test]
    fn pauses_grow_to_a_limit_and_differ() {
        for (failures, ms) in [(1, 1_000), (2, 2_000), (3, 5_000), (1_000, 5_000)] {
            let pauses: Vec<u128> = (0..100).map(|_| pause(failures).as_millis()).collect();
            assert!(pauses.iter().all(|pause| (ms * 3 / 4..=ms * 5 / 4).contains(pause)), "{pauses:?}");
            assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{pauses:?}");
        }
    }
}
