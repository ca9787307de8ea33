//! `live` in a Redis or Valkey server, shared by all processes of a deployment.
//!
//! Each call is one script per atomic step, timed by the server's clock. What is kept where, and what is lost when, is in
//! `docs/adr/0009-live-on-redis.md`.

mod config;
mod dial;
mod edges;
mod keys;
mod limited;
mod link;
mod logins;
mod presence;
mod registry;
mod script;
mod target;
mod wire;

use std::time::Duration;

use async_trait::async_trait;
use kefu_model::{TenantId, User, UserId};

use crate::error::LiveError;
use crate::limits::{KEYS, LAPSED_KEPT, LEASE_TTL, PAGE_ITEMS};
use crate::presence::{Incarnation, Lapsed, Presence, PresenceLease};
use crate::rate::{LockPolicy, LockState, Quota, RateDecision, RateKey};
use crate::registry::{Connection, ConnectionCounts, ConnectionPage, EdgeId, EdgeLease};
use crate::{CachedLogin, Live, TokenHash};

pub use config::RedisConfig;

/// How long a table of leases lives at least after something was written into it.
const KEPT: Duration = LEASE_TTL.saturating_add(LAPSED_KEPT);
/// An incarnation ends when no lease was renewed for so long: whatever kept the edges from renewing, who is here is not known
/// then. Shorter than what is left of a lease of 30 s that is renewed every 10 s, and longer than between two renewals of an
/// edge.
const INCARNATION_GAP: Duration = Duration::from_secs(15);

/// `live` in a Redis or Valkey server. Cheap to share; calls do not wait for one another.
pub struct RedisLive {
    link: link::Link,
    keys: keys::Keys,
    lives: edges::KnownLives,
}

impl RedisLive {
    /// A handle. Nothing is sent: the first call connects, and every call connects again when the connection was lost. A call
    /// fails with [`LiveError::Unavailable`] while there is no server, within the two timeouts of the configuration and as a
    /// rule at once.
    ///
    /// # Errors
    /// [`LiveError::Invalid`] for an address, a prefix or a file of certificates that cannot be used.
    pub fn open(config: &RedisConfig) -> Result<Self, LiveError> {
        config.check()?;
        let (link, keys) = (link::Link::new(config)?, keys::Keys::new(&config.prefix));
        Ok(Self { link, keys, lives: edges::KnownLives::default() })
    }

    /// How often this handle has connected, for metrics. To a cluster it connects once, and then the client itself connects
    /// to its servers, which is not counted.
    #[must_use]
    pub fn connects(&self) -> u64 {
        self.link.connects()
    }

    /// Whether there is a connection, as far as the last call knows: nothing is sent.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.link.is_connected()
    }
}

/// In microseconds, the scripts' unit.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn random() -> u64 {
    rand::random()
}

/// The last arguments of a script that keeps the incarnation alive.
fn with_incarnation(call: script::Call) -> script::Call {
    call.number(random()).number(INCARNATION_GAP.as_millis())
}

/// The range of all members of a sorted table that begin with a name and a NUL.
fn members_of(name: &str) -> (Vec<u8>, Vec<u8>) {
    (format!("[{name}\0").into_bytes(), format!("({name}\x01").into_bytes())
}

/// The beginning of the range after those.
fn after_members_of(name: &str) -> String {
    format!("[{name}\x01")
}

#[async_trait]
impl Live for RedisLive {
    async fn incarnation(&self) -> Result<Incarnation, LiveError> {
        let call = with_incarnation(script::READ_INCARNATION.on([self.keys.incarnation()]));
        let (id, age): (u64, u64) = self.link.run(call).await?;
        Ok(Incarnation { id, age: Duration::from_micros(age), shared: true })
    }

    async fn renew_presence(&self, lease: PresenceLease) -> Result<(), LiveError> {
        self.renew_lease(lease).await
    }

    async fn release_presence(&self, tenant: &TenantId, agent: &UserId, edge: &EdgeId) -> Result<(), LiveError> {
        self.release_lease(tenant, agent, edge).await
    }

    async fn presence(&self, tenant: &TenantId, agents: &[UserId]) -> Result<Vec<Option<Presence>>, LiveError> {
        LiveError::check("agents", agents.len(), KEYS)?;
        self.presence_of(tenant, agents).await
    }

    async fn present(
        &self,
        tenant: &TenantId,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<Vec<Presence>, LiveError> {
        LiveError::check("items", limit, PAGE_ITEMS)?;
        self.list_present(tenant, after, limit).await
    }

    async fn lapsed(&self, tenant: &TenantId, within: Duration) -> Result<Vec<Lapsed>, LiveError> {
        self.list_lapsed(tenant, within).await
    }

    async fn register(&self, connection: Connection) -> Result<(), LiveError> {
        self.add_connection(&connection).await
    }

    async fn unregister(&self, tenant: &TenantId, connection_id: &str) -> Result<(), LiveError> {
        self.remove_connection(tenant, connection_id).await
    }

    async fn renew_edge(&self, edge: &EdgeId, ttl: Duration) -> Result<EdgeLease, LiveError> {
        self.renew_edge_lease(edge, ttl).await
    }

    async fn forget_edge(&self, edge: &EdgeId) -> Result<(), LiveError> {
        self.end_edge(edge).await
    }

    async fn connection(&self, tenant: &TenantId, connection_id: &str) -> Result<Option<Connection>, LiveError> {
        self.find_connection(tenant, connection_id).await
    }

    async fn connections_of(&self, tenant: &TenantId, user: &User) -> Result<Vec<Connection>, LiveError> {
        self.list_connections_of(tenant, user).await
    }

    async fn connections(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ConnectionPage, LiveError> {
        LiveError::check("items", limit, PAGE_ITEMS)?;
        self.page_of_connections(tenant, after, limit).await
    }

    async fn connection_counts(&self, tenant: &TenantId) -> Result<ConnectionCounts, LiveError> {
        self.count_connections(tenant).await
    }

    async fn edges_of(&self, tenant: &TenantId, users: &[User]) -> Result<Vec<Vec<EdgeId>>, LiveError> {
        LiveError::check("users", users.len(), KEYS)?;
        self.edges_of_users(tenant, users).await
    }

    async fn online(&self, tenant: &TenantId, users: &[User]) -> Result<Vec<bool>, LiveError> {
        Ok(self.edges_of(tenant, users).await?.iter().map(|edges| !edges.is_empty()).collect())
    }

    async fn check_rate(&self, key: &RateKey, quota: Quota, cost: u32) -> Result<RateDecision, LiveError> {
        self.take(key, quota, cost).await
    }

    async fn record_failure(&self, key: &RateKey, policy: LockPolicy) -> Result<LockState, LiveError> {
        self.count_failure(key, policy).await
    }

    async fn lock_state(&self, key: &RateKey) -> Result<LockState, LiveError> {
        self.lock_of(key).await
    }

    async fn clear_failures(&self, key: &RateKey) -> Result<(), LiveError> {
        self.forget_failures(key).await
    }

    async fn put_login(&self, token: TokenHash, login: CachedLogin, ttl: Duration) -> Result<bool, LiveError> {
        self.cache_login(token, &login, ttl).await
    }

    async fn login(&self, token: TokenHash) -> Result<Option<CachedLogin>, LiveError> {
        self.cached_login(token).await
    }

    async fn invalidate_logins(&self, tokens: &[TokenHash]) -> Result<(), LiveError> {
        self.revoke_cached(tokens).await
    }
}
