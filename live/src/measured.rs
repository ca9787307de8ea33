//! Live state whose calls are measured.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kefu_model::{TenantId, User, UserId};

use crate::{
    CachedLogin, Connection, ConnectionCounts, ConnectionPage, EdgeId, EdgeLease, Incarnation, Lapsed, Live, LiveError,
    LockPolicy, LockState, Presence, PresenceLease, Quota, RateDecision, RateKey, TokenHash,
};

/// Is told of each call: the method's name, how long it took, and whether it succeeded.
pub type Observe = dyn Fn(&'static str, Duration, bool) + Send + Sync;

/// Wraps live state and tells how long its calls take.
pub struct Measured {
    inner: Arc<dyn Live>,
    observe: Box<Observe>,
}

impl Measured {
    /// Wraps live state. `observe` is called after each call and must not block.
    pub fn new(inner: Arc<dyn Live>, observe: impl Fn(&'static str, Duration, bool) + Send + Sync + 'static) -> Self {
        Self { inner, observe: Box::new(observe) }
    }

    async fn around<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, LiveError>> + Send,
    ) -> Result<T, LiveError> {
        let began = Instant::now();
        let result = call.await;
        (self.observe)(method, began.elapsed(), result.is_ok());
        result
    }
}

macro_rules! pass {
    ($($method:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {
        #[async_trait]
        impl Live for Measured {
            $(async fn $method(&self, $($arg: $ty),*) -> Result<$out, LiveError> {
                self.around(stringify!($method), self.inner.$method($($arg),*)).await
            })*
        }
    };
}

pass! {
    incarnation() -> Incarnation;
    renew_presence(lease: PresenceLease) -> ();
    release_presence(tenant: &TenantId, agent: &UserId, edge: &EdgeId) -> ();
    presence(tenant: &TenantId, agents: &[UserId]) -> Vec<Option<Presence>>;
    present(tenant: &TenantId, after: Option<&UserId>, limit: usize) -> Vec<Presence>;
    lapsed(tenant: &TenantId, within: Duration) -> Vec<Lapsed>;
    register(connection: Connection) -> ();
    unregister(tenant: &TenantId, connection_id: &str) -> ();
    renew_edge(edge: &EdgeId, ttl: Duration) -> EdgeLease;
    forget_edge(edge: &EdgeId) -> ();
    connection(tenant: &TenantId, connection_id: &str) -> Option<Connection>;
    connections_of(tenant: &TenantId, user: &User) -> Vec<Connection>;
    connections(tenant: &TenantId, after: Option<&str>, limit: usize) -> ConnectionPage;
    connection_counts(tenant: &TenantId) -> ConnectionCounts;
    edges_of(tenant: &TenantId, users: &[User]) -> Vec<Vec<EdgeId>>;
    online(tenant: &TenantId, users: &[User]) -> Vec<bool>;
    check_rate(key: &RateKey, quota: Quota, cost: u32) -> RateDecision;
    record_failure(key: &RateKey, policy: LockPolicy) -> LockState;
    lock_state(key: &RateKey) -> LockState;
    clear_failures(key: &RateKey) -> ();
    put_login(token: TokenHash, login: CachedLogin, ttl: Duration) -> bool;
    login(token: TokenHash) -> Option<CachedLogin>;
    invalidate_logins(tokens: &[TokenHash]) -> ();
}
