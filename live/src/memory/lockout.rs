//! Lock-outs after failed logins.

use tokio::time::Instant;

use super::table::Table;
use crate::limits::SUBJECTS;
use crate::rate::{LockPolicy, LockState, RateKey};

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    locked_until: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Lockouts {
    subjects: Table<RateKey, Failures>,
}

impl Default for Lockouts {
    fn default() -> Self {
        Self { subjects: Table::new(SUBJECTS) }
    }
}

impl Lockouts {
    /// A failure while locked does not prolong the lock.
    pub(super) fn record(&mut self, key: &RateKey, policy: LockPolicy, now: Instant) -> LockState {
        let known = self.subjects.get(key, now).copied();
        if let Some(locked @ LockState::Locked { .. }) = known.map(|failures| standing(failures, now)) {
            return locked;
        }
        let count = match known {
            Some(Failures { count, locked_until: None }) => count + 1,
            _ => 1,
        };
        let locked_until = (count >= policy.failures.max(1)).then_some(now + policy.lock);
        let failures = Failures { count, locked_until };
        self.subjects.put(key, failures, locked_until.unwrap_or(now + policy.window), now);
        standing(failures, now)
    }

    pub(super) fn state(&self, key: &RateKey, now: Instant) -> LockState {
        self.subjects.get(key, now).map_or(LockState::Open { failures: 0 }, |failures| standing(*failures, now))
    }

    pub(super) fn clear(&mut self, key: &RateKey) {
        self.subjects.remove(key);
    }
}

fn standing(failures: Failures, now: Instant) -> LockState {
    match failures.locked_until {
        Some(until) if until > now => LockState::Locked { retry_after: until - now },
        Some(_) => LockState::Open { failures: 0 },
        None => LockState::Open { failures: failures.count },
    }
}
