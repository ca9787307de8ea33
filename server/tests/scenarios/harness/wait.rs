//! Bounded waits on levels.

use std::time::Duration;

use tokio::time::Instant;

/// How long anything may take.
pub const WITHIN: Duration = Duration::from_secs(15);
/// How often a level is looked at that cannot wake us.
const EVERY: Duration = Duration::from_millis(25);

/// Waits until the check finds something.
pub async fn eventually<T>(what: &str, check: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_within(WITHIN, what, check).await
}

/// Waits until the check finds something, for so long at most.
pub async fn eventually_within<T>(limit: Duration, what: &str, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        tokio::time::sleep(EVERY).await;
    }
}
