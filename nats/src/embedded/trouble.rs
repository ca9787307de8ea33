//! How writing goes, as the one thread that writes notes it and others look at it.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A full disk takes small records now and then: writing is well again once it has not failed for so long. Whoever has to
/// write tries at least every two seconds.
const LINGERS: Duration = Duration::from_secs(3);

/// The last failure, for as long as it counts.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    last: Mutex<Option<Failure>>,
}

#[derive(Debug, Clone, Copy)]
struct Failure {
    why: &'static str,
    at: Instant,
    /// Something was written since.
    written: bool,
}

impl Failure {
    fn counts(&self, now: Instant) -> bool {
        !self.written || now.duration_since(self.at) < LINGERS
    }
}

impl Trouble {
    /// Why writing fails; none while it does not.
    pub(super) fn why(&self, now: Instant) -> Option<&'static str> {
        self.last.lock().filter(|failure| failure.counts(now)).map(|failure| failure.why)
    }

    /// Notes a failure; true when it is news.
    pub(super) fn failed(&self, why: &'static str, now: Instant) -> bool {
        let before = self.last.lock().replace(Failure { why, at: now, written: false });
        before.is_none_or(|before| before.why != why || !before.counts(now))
    }

    /// Notes that something was written; true when this ends a trouble.
    pub(super) fn written(&self, now: Instant) -> bool {
        let mut last = self.last.lock();
        let Some(failure) = last.as_mut() else { return false };
        failure.written = true;
        let ends = !failure.counts(now);
        if ends {
            *last = None;
        }
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_failure_is_said_once_and_over_when_none_came_for_a_while() {
        let (trouble, begun) = (Trouble::default(), Instant::now());
        assert!(!trouble.written(begun), "nothing was wrong");
        assert!(trouble.failed("full", begun), "it is news");
        assert!(!trouble.failed("full", begun + SECOND));
        assert!(trouble.failed("broken", begun + SECOND), "another reason is");
        assert_eq!(trouble.why(begun + 100 * SECOND), Some("broken"), "nobody has written");
        assert!(trouble.written(begun + 100 * SECOND));
        assert_eq!(trouble.why(begun + 100 * SECOND), None);
    }

    #[test]
    fn a_small_write_between_two_failures_does_not_end_it() {
        let (trouble, begun) = (Trouble::default(), Instant::now());
        trouble.failed("full", begun);
        for second in 1..10 {
            assert!(!trouble.written(begun + second * SECOND));
            assert_eq!(trouble.why(begun + second * SECOND), Some("full"));
            assert!(!trouble.failed("full", begun + second * SECOND), "it is no news");
        }
        assert!(!trouble.written(begun + 10 * SECOND));
        assert_eq!(trouble.why(begun + 13 * SECOND), None, "nobody has to write for it to be over");
        assert!(trouble.failed("full", begun + 13 * SECOND), "so this is news");
    }
}
