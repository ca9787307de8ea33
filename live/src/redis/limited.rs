//! Rate limits and lock-outs.

use std::time::Duration;

use super::{RedisLive, micros, script};
use crate::error::LiveError;
use crate::limits::SUBJECTS;
use crate::rate::{LockPolicy, LockState, Quota, RateDecision, RateKey};

use super::keys::SUBJECT_BUCKETS;

/// Most subjects of one key.
const MOST: usize = SUBJECTS / SUBJECT_BUCKETS;
/// Longest time in which a bucket is refilled: sums of such times are exact in a script's numbers.
const REFILL: Duration = Duration::from_secs(366 * 24 * 60 * 60);

impl RedisLive {
    pub(super) async fn take(&self, key: &RateKey, quota: Quota, cost: u32) -> Result<RateDecision, LiveError> {
        key.check()?;
        let (subject, burst) = (subject_of(key), quota.burst.max(1));
        let interval = micros(quota.refill.min(REFILL)) / u64::from(burst);
        let call = script::CHECK_RATE
            .on([self.keys.rates(&key.tenant, &subject)])
            .arg(&subject)
            .number(cost)
            .number(interval.max(1))
            .number(burst)
            .number(MOST);
        match self.link.run::<Vec<u64>>(call).await?[..] {
            [1, left, full_in] => {
                let remaining = u32::try_from(left).unwrap_or(u32::MAX).min(burst);
                Ok(RateDecision::Allowed { remaining, reset: Duration::from_micros(full_in) })
            }
            [0, wait] => Ok(RateDecision::Limited { retry_after: Duration::from_micros(wait) }),
            _ => Err(super::link::nonsense("a rate")),
        }
    }

    pub(super) async fn count_failure(&self, key: &RateKey, policy: LockPolicy) -> Result<LockState, LiveError> {
        key.check()?;
        let subject = subject_of(key);
        let call = script::RECORD_FAILURE
            .on(self.keys.lockouts(&key.tenant, &subject))
            .arg(&subject)
            .number(policy.failures.max(1))
            .number(micros(policy.window.min(REFILL)))
            .number(micros(policy.lock.min(REFILL)))
            .number(MOST);
        standing(&self.link.run::<Vec<u64>>(call).await?)
    }

    pub(super) async fn lock_of(&self, key: &RateKey) -> Result<LockState, LiveError> {
        let subject = subject_of(key);
        let call = script::LOCK_STATE.on(self.keys.lockouts(&key.tenant, &subject)).arg(&subject);
        standing(&self.link.run::<Vec<u64>>(call).await?)
    }

    pub(super) async fn forget_failures(&self, key: &RateKey) -> Result<(), LiveError> {
        let subject = subject_of(key);
        let call = script::CLEAR_FAILURES.on(self.keys.lockouts(&key.tenant, &subject)).arg(&subject);
        self.link.run::<u8>(call).await.map(drop)
    }
}

/// Each limit has its own subjects.
fn subject_of(key: &RateKey) -> Vec<u8> {
    format!("{}\0{}", key.limit, key.subject).into_bytes()
}

fn standing(answer: &[u64]) -> Result<LockState, LiveError> {
    match *answer {
        [1, wait] => Ok(LockState::Locked { retry_after: Duration::from_micros(wait) }),
        [0, failures] => Ok(LockState::Open { failures: u32::try_from(failures).unwrap_or(u32::MAX) }),
        _ => Err(super::link::nonsense("a lock-out")),
    }
}
