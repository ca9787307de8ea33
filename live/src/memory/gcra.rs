//! Rate limits by the generic cell rate algorithm: one time per key says when its bucket will be full again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::table::Table;
use crate::limits::SUBJECTS;
use crate::rate::{Quota, RateDecision, RateKey};

const SHARDS: usize = 16;

/// For each key the time, in nanoseconds since `origin`, at which its bucket is full.
#[derive(Debug)]
pub(super) struct Rates {
    origin: Instant,
    hasher: RandomState,
    shards: Vec<Mutex<Table<RateKey, u128>>>,
}

impl Rates {
    pub(super) fn new(origin: Instant) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Table::new(SUBJECTS / SHARDS))).collect();
        Self { origin, hasher: RandomState::new(), shards }
    }

    pub(super) fn check(&self, key: &RateKey, quota: Quota, cost: u32, now: Instant) -> RateDecision {
        #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash will do")]
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        let mut table = self.shards[shard].lock();
        let full_at = table.get(key, now).copied().unwrap_or(0);
        let now_ns = now.saturating_duration_since(self.origin).as_nanos();
        let (decision, next) = decide(full_at, now_ns, quota, cost);
        if next != full_at {
            let expiry = self.origin + nanos(next);
            table.put(key, next, expiry, now);
        }
        decision
    }
}

/// GCRA: what a bucket that is full at `full_at` answers at `now`, and when it is full then. Times in nanoseconds.
fn decide(full_at: u128, now: u128, quota: Quota, cost: u32) -> (RateDecision, u128) {
    let interval = quota.interval_ns();
    let size = interval * u128::from(quota.burst.max(1));
    // Never emptier than empty, though the quota was larger before.
    let from = full_at.max(now).min(now + size);
    let next = from + interval * u128::from(cost);
    if next > now + size {
        // More than the whole bucket never fits; it is told the time of a full one.
        let wait = (next - size).saturating_sub(now).min(size.max(1));
        return (RateDecision::Limited { retry_after: nanos(wait) }, full_at.min(now + size));
    }
    let left = (now + size - next) / interval.max(1);
    let remaining = u32::try_from(left).unwrap_or(u32::MAX).min(quota.burst.max(1));
    (RateDecision::Allowed { remaining, reset: nanos(next - now) }, next)
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// In any window no more is let through than the bucket plus what was refilled meanwhile; who waits as told is
        /// let through.
        #[test]
        fn no_window_lets_more_through(
            burst in 1..50u32,
            refill_ms in 1..10_000u64,
            steps in proptest::collection::vec((0..500u64, 1..4u32), 1..200),
        ) {
            let quota = Quota { burst, refill: Duration::from_millis(refill_ms) };
            let (mut full_at, mut now) = (0, 1_000_000_000_000u128);
            let mut taken: Vec<(u128, u32)> = Vec::new();
            for (wait_ms, cost) in steps {
                now += u128::from(wait_ms) * 1_000_000;
                let (decision, next) = decide(full_at, now, quota, cost);
                full_at = next;
                match decision {
                    RateDecision::Allowed { .. } => taken.push((now, cost)),
                    RateDecision::Limited { retry_after } if cost <= burst => {
                        prop_assert!(decide(full_at, now + retry_after.as_nanos(), quota, cost).0.is_allowed());
                    }
                    RateDecision::Limited { .. } => {}
                }
            }
            for (index, (start, _)) in taken.iter().enumerate() {
                let mut sum = 0u128;
                for (end, cost) in &taken[index..] {
                    sum += u128::from(*cost);
                    let refilled = (end - start) / quota.interval_ns() + 1;
                    prop_assert!(sum <= u128::from(burst) + refilled, "{} in {}", sum, end - start);
                }
            }
        }
    }
}
