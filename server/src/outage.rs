//! Log lines about a backend that is away: one when it begins to be, one when it is back, however many calls fail.

use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A backend is back once it has answered for this long: while only some calls fail, that is one outage.
const ANSWERS_FOR: Duration = Duration::from_secs(5);

/// Whether a backend is away, by the calls of it.
pub struct Outage {
    backend: &'static str,
    began: Instant,
    /// When a call failed last, in milliseconds since `began`, from 1; 0 when it is not away.
    failed_ms: AtomicU64,
    failures: AtomicU64,
}

impl Outage {
    /// Of a backend of that name, which answers.
    #[must_use]
    pub fn new(backend: &'static str) -> Self {
        Self { backend, began: Instant::now(), failed_ms: AtomicU64::new(0), failures: AtomicU64::new(0) }
    }

    /// A call failed because the backend is away.
    pub fn failed(&self, error: &(dyn Error + 'static)) {
        if self.begins(self.began.elapsed()) {
            tracing::warn!(backend = self.backend, error, "does not answer");
        }
    }

    /// A call was answered.
    pub fn answered(&self) {
        // Read first: this is asked after every call.
        if self.failed_ms.load(Ordering::Relaxed) > 0
            && let Some(failures) = self.ends(self.began.elapsed())
        {
            tracing::info!(backend = self.backend, failures, "answers again");
        }
    }

    fn begins(&self, now: Duration) -> bool {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.failed_ms.swap(millis(now), Ordering::Relaxed) == 0
    }

    /// How many calls failed, once it has answered for long enough.
    fn ends(&self, now: Duration) -> Option<u64> {
        let failed_ms = self.failed_ms.load(Ordering::Relaxed);
        let is_over = failed_ms > 0 && millis(now).saturating_sub(failed_ms) >= millis(ANSWERS_FOR);
        let ends =
            is_over && self.failed_ms.compare_exchange(failed_ms, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        ends.then(|| self.failures.swap(0, Ordering::Relaxed))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_once_and_ends_when_all_is_well_for_a_while() {
        let outage = Outage::new("store");
        let at = Duration::from_secs;
        assert_eq!(outage.ends(at(1)), None, "nothing has failed");
        assert!(outage.begins(at(10)));
        assert!(!outage.begins(at(12)));
        assert_eq!(outage.ends(at(13)), None, "some calls are answered");
        assert!(!outage.begins(at(14)));
        assert_eq!(outage.ends(at(19)), Some(3));
        assert_eq!(outage.ends(at(20)), None);
        assert!(outage.begins(at(30)), "another one");
    }

    #[test]
    fn one_at_the_very_start_counts() {
        let outage = Outage::new("store");
        assert!(outage.begins(Duration::ZERO));
        assert!(!outage.begins(Duration::ZERO));
    }
}
