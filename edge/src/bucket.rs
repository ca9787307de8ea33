//! A token bucket: how fast one connection may send frames.

/// Debt that is kept, in seconds of refilling: who read a lot at once waits no longer than this.
const MAX_DEBT_S: i64 = 10;

/// A bucket of `burst` tokens, refilled at `per_second`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    burst: i64,
    per_second: i64,
    /// Thousandths of a token; below zero it is debt.
    level: i64,
    refilled_ms: u64,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(per_second: u32, burst: u32, now_ms: u64) -> Self {
        let burst = i64::from(burst.max(1));
        Self { burst, per_second: i64::from(per_second.max(1)), level: burst * 1_000, refilled_ms: now_ms }
    }

    /// Takes `count` tokens that are spent already; the bucket may go into debt.
    pub(crate) fn spend(&mut self, count: usize, now_ms: u64) {
        self.refill(now_ms);
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let least = -MAX_DEBT_S * self.per_second * 1_000;
        self.level = self.level.saturating_sub(count.saturating_mul(1_000)).max(least);
    }

    /// Takes `count` tokens if there is one, or says after how many milliseconds there will be. It may go into debt, so
    /// that an array of frames larger than the bucket is not refused for ever.
    pub(crate) fn take(&mut self, count: usize, now_ms: u64) -> Result<(), u64> {
        match self.wait_ms(now_ms) {
            0 => {
                self.spend(count, now_ms);
                Ok(())
            }
            wait_ms => Err(wait_ms),
        }
    }

    /// How long until there is a token, in milliseconds; 0 when there is one.
    pub(crate) fn wait_ms(&mut self, now_ms: u64) -> u64 {
        self.refill(now_ms);
        let missing = (1_000 - self.level).max(0);
        u64::try_from(missing).unwrap_or_default().div_ceil(self.per_second.unsigned_abs())
    }

    fn refill(&mut self, now_ms: u64) {
        let passed = i64::try_from(now_ms.saturating_sub(self.refilled_ms)).unwrap_or(i64::MAX);
        let gained = passed.saturating_mul(self.per_second);
        self.level = self.level.saturating_add(gained).min(self.burst * 1_000);
        self.refilled_ms = self.refilled_ms.max(now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut bucket = Bucket::new(10, 3, 0);
        for _ in 0..3 {
            assert_eq!(bucket.take(1, 0), Ok(()));
        }
        assert_eq!(bucket.take(1, 0), Err(100));
        assert_eq!(bucket.take(1, 99), Err(1));
        assert_eq!(bucket.take(1, 100), Ok(()));
        assert!(bucket.take(1, 100).is_err());
    }

    #[test]
    fn what_was_read_at_once_is_paid_off() {
        let mut bucket = Bucket::new(10, 3, 0);
        bucket.spend(8, 0);
        assert_eq!(bucket.wait_ms(0), 600);
        bucket.spend(1_000_000, 0);
        assert_eq!(bucket.wait_ms(0), 10_100, "debt is bounded");
    }

    #[test]
    fn an_array_larger_than_the_bucket_passes_once() {
        let mut bucket = Bucket::new(10, 3, 0);
        assert_eq!(bucket.take(64, 0), Ok(()));
        assert!(bucket.take(1, 0).is_err());
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let mut bucket = Bucket::new(10, 1, 1_000);
        assert_eq!(bucket.take(1, 1_000), Ok(()));
        assert!(bucket.take(1, 0).is_err());
        assert!(bucket.take(1, 1_050).is_err());
    }
}
