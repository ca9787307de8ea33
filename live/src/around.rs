//! Live state that does something around each call of another one.

/// Makes a type with `inner()` (the other one) and a method `around(name, call)` live state. It may have its `own` methods
/// for rate limits and lock-outs.
macro_rules! live_around {
    ($type:ident) => {
        crate::around::live_around! { $type own {} pass {
            check_rate(key: &RateKey, quota: Quota, cost: u32) -> RateDecision;
            record_failure(key: &RateKey, policy: LockPolicy) -> LockState;
            lock_state(key: &RateKey) -> LockState;
            clear_failures(key: &RateKey) -> ();
        } }
    };
    ($type:ident own { $($own:tt)* }) => {
        crate::around::live_around! { $type own { $($own)* } pass {} }
    };
    ($type:ident own { $($own:tt)* } pass { $($limits:tt)* }) => {
        const _: () = {
            use std::time::Duration;

            use kefu_model::{TenantId, User, UserId};

            use crate::*;

            crate::around::pass! { $type { $($own)* }:
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
                put_login(token: TokenHash, login: CachedLogin, ttl: Duration) -> bool;
                login(token: TokenHash) -> Option<CachedLogin>;
                invalidate_logins(tokens: &[TokenHash]) -> ();
                $($limits)*
            }
        };
    };
}
pub(crate) use live_around;

/// Passes methods on through the type's own `around`.
macro_rules! pass {
    ($type:ident { $($own:tt)* }: $($method:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {
        #[async_trait::async_trait]
        impl Live for $type {
            $($own)*

            $(async fn $method(&self, $($arg: $ty),*) -> Result<$out, LiveError> {
                let inner = self.inner();
                self.around(stringify!($method), inner.$method($($arg),*)).await
            })*
        }
    };
}
pub(crate) use pass;
