//! A token bucket: how fast one connection may send frames.

/// A bucket of `burst` tokens, refilled at `per_second`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    burst: u64,
    per_second: u64,
    /// Thousandths of a token.
    level: u64,
    refilled_ms: u64,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(per_second: u32, burst: u32, now_ms: u64) -> Self {
        let burst = u64::from(burst.max(1));
        Self { burst, per_second: u64::from(per_second.max(1)), level: burst * 1_000, refilled_ms: now_ms }
    }

    /// Takes `count` tokens, or says after how many milliseconds there will be one. May go into debt by one message, so
    /// that an array of frames larger than the bucket is not refused for ever.
    pub(crate) fn take(&mut self, count: u64, now_ms: u64) -> Result<(), u64> {
        self.refill(now_ms);
        if self.level < 1_000 {
            return Err(self.missing_ms());
        }
        self.level = self.level.saturating_sub(count.saturating_mul(1_000));
        Ok(())
    }

    /// How long until there is a token, in milliseconds; 0 when there is one.
    pub(crate) fn wait_ms(&mut self, now_ms: u64) -> u64 {
        self.refill(now_ms);
        self.missing_ms()
    }

    fn missing_ms(&self) -> u64 {
        1_000_u64.saturating_sub(self.level).div_ceil(self.per_second)
    }

    fn refill(&mut self, now_ms: u64) {
        let gained = now_ms.saturating_sub(self.refilled_ms).saturating_mul(self.per_second);
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
