//! Whether the load was what was asked for.

use std::fmt;
use std::time::{Duration, Instant};

use super::journal::Times;

/// A run whose load stayed below this share of what was asked says nothing about that load.
const SHARE: f64 = 0.9;

/// What was sent and answered over a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    sent: u64,
    answered: u64,
    over: Duration,
}

impl Reached {
    /// Counts; what was sent again counts once.
    pub fn of<'a>(times: impl Iterator<Item = &'a Times>, from: Instant, until: Instant) -> Self {
        let mut reached = Self { sent: 0, answered: 0, over: until.saturating_duration_since(from) };
        let within = |at: Option<Instant>| u64::from(at.is_some_and(|at| (from..until).contains(&at)));
        for times in times {
            reached.sent += within(times.sent);
            reached.answered += within(times.answered);
        }
        reached
    }

    /// Whether both were about as many as asked, by the second.
    pub fn is_enough(&self, asked: u32) -> bool {
        self.per_second(self.sent.min(self.answered)) >= f64::from(asked) * SHARE
    }

    fn per_second(&self, count: u64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts of one run")]
        let count = count as f64;
        count / self.over.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sent, answered) = (self.per_second(self.sent), self.per_second(self.answered));
        write!(f, "{sent:.0} messages/s sent, {answered:.0} acked, over {:.0} s", self.over.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_what_was_sent_and_what_was_answered_must_be_enough() {
        let start = Instant::now();
        let at = |ms| Some(start + Duration::from_millis(ms));
        let times = |sent, answered| Times { due: start, sent, answered };
        let all: Vec<_> = (0..18).map(|n| times(at(n * 100), at(n * 100 + 5))).collect();
        let reached = Reached::of(all.iter(), start, start + Duration::from_secs(2));
        assert!(reached.is_enough(10));
        assert!(!reached.is_enough(11));
        let late: Vec<_> = (0..18).map(|n| times(at(n * 100), at(n * 100 + 1_900))).collect();
        assert!(!Reached::of(late.iter(), start, start + Duration::from_secs(2)).is_enough(10));
        assert_eq!(reached.to_string(), "9 messages/s sent, 9 acked, over 2 s");
    }
}
