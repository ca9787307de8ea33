//! Rate limits and lock-outs that count on while the shared memory is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::around::live_around;
use crate::{Live, LiveError, MemoryLive};

/// Wraps shared live state: while it is not available, rate limits and lock-outs are those of this process alone. So a
/// limit then holds for each process by itself, instead of not at all. Everything else fails as it does.
///
/// Both begin with nothing when an outage begins. When it is over, who was locked out during it stays so at this process.
/// Failures before an outage are not forgotten by a success during it; they expire.
pub struct Fallback {
    shared: Arc<dyn Live>,
    own: MemoryLive,
    away: AtomicBool,
    outages: AtomicU64,
}

impl Fallback {
    /// Wraps shared live state.
    #[must_use]
    pub fn new(shared: Arc<dyn Live>) -> Self {
        Self { shared, own: MemoryLive::new(0), away: AtomicBool::new(false), outages: AtomicU64::new(0) }
    }

    /// Whether limits and lock-outs are this process's own now, as far as the last call knows.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// How often that has begun.
    #[must_use]
    pub fn outages(&self) -> u64 {
        self.outages.load(Ordering::Relaxed)
    }

    fn inner(&self) -> &dyn Live {
        &*self.shared
    }

    async fn around<T>(
        &self,
        _: &'static str,
        call: impl Future<Output = Result<T, LiveError>> + Send,
    ) -> Result<T, LiveError> {
        call.await
    }

    /// What the shared memory answered; none while it is away. That is logged when it begins and when it is over.
    fn answered<T>(&self, result: Result<T, LiveError>) -> Option<Result<T, LiveError>> {
        if let Err(LiveError::Unavailable(error)) = result {
            if !self.away.swap(true, Ordering::Relaxed) {
                self.outages.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(error, "rate limits and lock-outs count in this process alone");
            }
            return None;
        }
        // Read first: this is asked after every call.
        if self.away.load(Ordering::Relaxed) && self.away.swap(false, Ordering::Relaxed) {
            tracing::info!("rate limits and lock-outs count for all processes again");
        }
        Some(result)
    }
}

live_around! { Fallback own {
    async fn check_rate(&self, key: &RateKey, quota: Quota, cost: u32) -> Result<RateDecision, LiveError> {
        match self.answered(self.shared.check_rate(key, quota, cost).await) {
            Some(answer) => answer,
            None => self.own.check_rate(key, quota, cost).await,
        }
    }

    async fn record_failure(&self, key: &RateKey, policy: LockPolicy) -> Result<LockState, LiveError> {
        match self.answered(self.shared.record_failure(key, policy).await) {
            Some(answer) => answer,
            None => self.own.record_failure(key, policy).await,
        }
    }

    async fn lock_state(&self, key: &RateKey) -> Result<LockState, LiveError> {
        let own = self.own.lock_state(key).await?;
        match self.answered(self.shared.lock_state(key).await) {
            Some(Ok(LockState::Open { .. })) if matches!(own, LockState::Locked { .. }) => Ok(own),
            Some(answer) => answer,
            None => Ok(own),
        }
    }

    async fn clear_failures(&self, key: &RateKey) -> Result<(), LiveError> {
        self.own.clear_failures(key).await?;
        self.answered(self.shared.clear_failures(key).await).unwrap_or(Ok(()))
    }
} }

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kefu_model::TenantId;

    use super::*;
    use crate::{Faulty, LockPolicy, LockState, Quota, RateKey, conformance};

    macro_rules! conforms {
        ($($case:ident)*) => {
            $(#[tokio::test(start_paused = true)]
            async fn $case() {
                conformance::$case(&Fallback::new(Arc::new(MemoryLive::new(1)))).await;
            })*
        };
    }

    conforms! { presence registry edges crowds rates lockouts logins incarnation }

    fn setup() -> (Arc<Faulty>, Fallback, RateKey) {
        let shared = Arc::new(Faulty::new(|_| None));
        let key = RateKey { tenant: TenantId::new("default").unwrap(), limit: "login", subject: "s".into() };
        (shared.clone(), Fallback::new(shared), key)
    }

    #[tokio::test(start_paused = true)]
    async fn rates_count_while_the_shared_memory_is_away() {
        let (shared, live, key) = setup();
        let quota = Quota::per_minute(2);
        let allowed = async || live.check_rate(&key, quota, 1).await.unwrap().is_allowed();
        assert!(allowed().await);
        shared.fail();
        assert_eq!([allowed().await, allowed().await, allowed().await], [true, true, false]);
        shared.heal();
        assert_eq!([allowed().await, allowed().await], [true, false], "the shared count goes on");
    }

    #[tokio::test(start_paused = true)]
    async fn lock_outs_count_while_the_shared_memory_is_away_and_outlast_it() {
        let (shared, live, key) = setup();
        let minute = Duration::from_secs(60);
        let policy = LockPolicy { failures: 2, window: minute, lock: minute };
        shared.fail();
        assert_eq!(live.lock_state(&key).await, Ok(LockState::Open { failures: 0 }));
        live.record_failure(&key, policy).await.unwrap();
        live.clear_failures(&key).await.unwrap();
        live.record_failure(&key, policy).await.unwrap();
        assert_eq!(live.lock_state(&key).await, Ok(LockState::Open { failures: 1 }));
        assert!(matches!(live.record_failure(&key, policy).await, Ok(LockState::Locked { .. })));
        for away in [true, false] {
            assert!(matches!(live.lock_state(&key).await, Ok(LockState::Locked { .. })), "away: {away}");
            shared.heal();
        }
        tokio::time::advance(minute).await;
        assert!(matches!(live.lock_state(&key).await, Ok(LockState::Open { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn it_tells_whether_it_is_on_and_how_often_it_was() {
        let (shared, live, key) = setup();
        let told = || (live.is_on(), live.outages());
        live.lock_state(&key).await.unwrap();
        assert_eq!(told(), (false, 0));
        for outages in 1..=2 {
            shared.fail();
            live.lock_state(&key).await.unwrap();
            live.check_rate(&key, Quota::per_minute(9), 1).await.unwrap();
            assert_eq!(told(), (true, outages));
            shared.heal();
            live.lock_state(&key).await.unwrap();
            assert_eq!(told(), (false, outages));
        }
    }

    #[tokio::test]
    async fn everything_else_fails_as_it_does() {
        let (shared, live, _) = setup();
        shared.fail();
        assert!(matches!(live.incarnation().await, Err(LiveError::Unavailable(_))));
    }
}
