//! Rate limits, asked of `live`; what it refused is refused here until it would be allowed.
//!
//! A refusal takes nothing from a quota, so who is told to wait would be refused until then by any edge. Whoever floods an
//! edge so costs `live` nothing.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use kefu_live::{Live, Quota, RateDecision, RateKey};
use parking_lot::Mutex;

use crate::retry::Outage;

/// Refusals that are remembered. For more of them `live` is asked.
const REFUSALS: usize = 10_000;

/// Limits that `live` counts.
#[derive(Default)]
pub(crate) struct Limiter {
    refusals: Mutex<Refusals>,
    outage: Outage,
}

impl Limiter {
    /// Takes one from a quota; none while nobody knows.
    pub(crate) async fn take(&self, live: &dyn Live, key: RateKey, quota: Quota) -> Option<RateDecision> {
        if let Some(retry_after) = self.refusals.lock().left(&key, Instant::now()) {
            return Some(RateDecision::Limited { retry_after });
        }
        match live.check_rate(&key, quota, 1).await {
            Ok(decision) => {
                if let Some(unchecked) = self.outage.ends() {
                    tracing::info!(unchecked, "rate limits are checked again");
                }
                if let RateDecision::Limited { retry_after } = decision {
                    self.refusals.lock().note(key, retry_after, Instant::now());
                }
                Some(decision)
            }
            Err(error) => {
                if self.outage.begins() {
                    tracing::warn!(%error, limit = key.limit, "rate limits cannot be checked; everything is allowed");
                }
                None
            }
        }
    }
}

/// Until when who is refused.
#[derive(Default)]
struct Refusals {
    until: HashMap<RateKey, Instant>,
}

impl Refusals {
    /// How long a key is still refused.
    fn left(&mut self, key: &RateKey, now: Instant) -> Option<Duration> {
        let until = *self.until.get(key)?;
        if now < until {
            return Some(until - now);
        }
        self.until.remove(key);
        None
    }

    fn note(&mut self, key: RateKey, retry_after: Duration, now: Instant) {
        if self.until.len() >= REFUSALS {
            self.until.retain(|_, until| now < *until);
        }
        if self.until.len() < REFUSALS {
            self.until.insert(key, now + retry_after);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestEdge, config, failing, tenant};

    fn key(subject: &str) -> RateKey {
        RateKey { tenant: tenant(), limit: "user", subject: subject.into() }
    }

    #[test]
    fn refusals_end_and_are_bounded() {
        let (mut refusals, now) = (Refusals::default(), Instant::now());
        let minute = Duration::from_secs(60);
        refusals.note(key("a"), minute, now);
        assert_eq!(refusals.left(&key("a"), now), Some(minute));
        assert_eq!(refusals.left(&key("b"), now), None);
        assert_eq!(refusals.left(&key("a"), now + minute), None);
        for number in 0..REFUSALS + 10 {
            refusals.note(key(&number.to_string()), minute, now);
        }
        assert_eq!(refusals.until.len(), REFUSALS);
        refusals.note(key("late"), minute, now + minute);
        assert_eq!(refusals.until.len(), 1, "those that ended make room");
    }

    #[tokio::test]
    async fn who_was_refused_is_refused_without_asking() {
        let (edge, live) = TestEdge::with_faults(config());
        let calls = failing(&live, &[]);
        let limiter = &edge.services.limiter;
        let mut allowed = Vec::new();
        for _ in 0..10 {
            allowed.push(limiter.take(&*live, key("a"), Quota::per_minute(2)).await.unwrap().is_allowed());
        }
        assert_eq!(allowed.iter().filter(|allowed| **allowed).count(), 2);
        assert_eq!(calls.lock().len(), 3, "the third was refused, the others not asked");
        assert!(limiter.take(&*live, key("b"), Quota::per_minute(2)).await.unwrap().is_allowed());
        live.fail();
        assert_eq!(limiter.take(&*live, key("b"), Quota::per_minute(2)).await, None);
    }
}
