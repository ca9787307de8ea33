//! Failed logins: who fails too often waits.

use std::net::IpAddr;
use std::sync::Arc;

use kefu_live::{Live, LockPolicy, LockState, RateKey};
use kefu_model::TenantId;

use crate::auth::hex;
use crate::config::{EdgeConfig, millis};

/// Counts failures of a user name from an address, whether or not there is such a user.
pub(crate) struct Attempts<'a> {
    live: &'a Arc<dyn Live>,
    policy: LockPolicy,
    key: RateKey,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(
        live: &'a Arc<dyn Live>,
        config: &EdgeConfig,
        tenant: &TenantId,
        username: &str,
        address: IpAddr,
    ) -> Self {
        // Hashed, for a user name may be longer than a subject and is personal.
        let subject = format!("{}\0{address}", username.to_ascii_lowercase());
        let subject = hex(&super::hash_token(&subject)[..16]);
        Self {
            live,
            policy: LockPolicy {
                failures: config.login_failures,
                window: millis(config.login_failures_window_ms),
                lock: millis(config.login_lock_ms),
            },
            key: RateKey { tenant: tenant.clone(), limit: "login", subject },
        }
    }

    /// How long to wait before the next attempt, in milliseconds; none when it may be made. When nobody knows, it may.
    pub(crate) async fn locked_ms(&self) -> Option<u64> {
        locked(self.live.lock_state(&self.key).await.ok()?)
    }

    /// An attempt failed.
    pub(crate) async fn failed(&self) -> Option<u64> {
        locked(self.live.record_failure(&self.key, self.policy).await.ok()?)
    }

    /// An attempt succeeded.
    pub(crate) async fn succeeded(&self) {
        if let Err(error) = self.live.clear_failures(&self.key).await {
            tracing::warn!(%error, "failed logins could not be forgotten; they expire");
        }
    }
}

fn locked(state: LockState) -> Option<u64> {
    match state {
        LockState::Open { .. } => None,
        LockState::Locked { retry_after } => Some(u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX)),
    }
}
