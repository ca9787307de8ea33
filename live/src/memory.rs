//! `live` in the memory of one process.
//!
//! Each concern has its own lock, held for short, bounded work. What expired is swept when a table grows, at most once
//! per second, and never answered before that either.

mod gcra;
mod lockout;
mod logins;
mod presence;
mod registry;
mod table;

use std::time::Duration;

use async_trait::async_trait;
use kefu_model::{TenantId, User, UserId};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::error::LiveError;
use crate::limits::{KEYS, PAGE_ITEMS};
use crate::presence::{Incarnation, Lapsed, Presence, PresenceLease};
use crate::rate::{LockPolicy, LockState, Quota, RateDecision, RateKey};
use crate::registry::{Connection, ConnectionCounts, ConnectionPage, EdgeId, EdgeLease};
use crate::{CachedLogin, Live, TokenHash};

/// `live` in the memory of one process. Its clock is tokio's, so that tests can pause it.
#[derive(Debug)]
pub struct MemoryLive {
    id: u64,
    born: Instant,
    shared: bool,
    presence: Mutex<presence::Leases>,
    registry: Mutex<registry::Registry>,
    rates: gcra::Rates,
    lockouts: Mutex<lockout::Lockouts>,
    logins: logins::Logins,
}

impl MemoryLive {
    /// An empty one; `id` is random and names this incarnation.
    #[must_use]
    pub fn new(id: u64) -> Self {
        let now = Instant::now();
        Self {
            id,
            born: now,
            shared: false,
            presence: Mutex::default(),
            registry: Mutex::default(),
            rates: gcra::Rates::new(now),
            lockouts: Mutex::default(),
            logins: logins::Logins::new(),
        }
    }

    /// One that is shared by edges which may have begun before it, as a server that lost its memory is.
    #[must_use]
    pub fn shared(id: u64) -> Self {
        Self { shared: true, ..Self::new(id) }
    }
}

#[async_trait]
impl Live for MemoryLive {
    async fn incarnation(&self) -> Result<Incarnation, LiveError> {
        Ok(Incarnation { id: self.id, age: self.born.elapsed(), shared: self.shared })
    }

    async fn renew_presence(&self, lease: PresenceLease) -> Result<(), LiveError> {
        self.presence.lock().renew(lease, Instant::now())
    }

    async fn release_presence(&self, tenant: &TenantId, agent: &UserId, edge: &EdgeId) -> Result<(), LiveError> {
        self.presence.lock().release(tenant, agent, edge, Instant::now());
        Ok(())
    }

    async fn presence(&self, tenant: &TenantId, agents: &[UserId]) -> Result<Vec<Option<Presence>>, LiveError> {
        LiveError::check("agents", agents.len(), KEYS)?;
        let (leases, now) = (self.presence.lock(), Instant::now());
        Ok(agents.iter().map(|agent| leases.get(tenant, agent, now)).collect())
    }

    async fn present(
        &self,
        tenant: &TenantId,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<Vec<Presence>, LiveError> {
        LiveError::check("items", limit, PAGE_ITEMS)?;
        Ok(self.presence.lock().list(tenant, after, limit, Instant::now()))
    }

    async fn lapsed(&self, tenant: &TenantId, within: Duration) -> Result<Vec<Lapsed>, LiveError> {
        Ok(self.presence.lock().lapsed(tenant, within, Instant::now()))
    }

    async fn register(&self, connection: Connection) -> Result<(), LiveError> {
        self.registry.lock().register(connection, Instant::now())
    }

    async fn unregister(&self, tenant: &TenantId, connection_id: &str) -> Result<(), LiveError> {
        self.registry.lock().unregister(tenant, connection_id);
        Ok(())
    }

    async fn renew_edge(&self, edge: &EdgeId, ttl: Duration) -> Result<EdgeLease, LiveError> {
        self.registry.lock().renew_edge(edge, ttl, Instant::now())
    }

    async fn forget_edge(&self, edge: &EdgeId) -> Result<(), LiveError> {
        self.registry.lock().forget_edge(edge);
        self.presence.lock().forget_edge(edge, Instant::now());
        Ok(())
    }

    async fn connection(&self, tenant: &TenantId, connection_id: &str) -> Result<Option<Connection>, LiveError> {
        Ok(self.registry.lock().connection(tenant, connection_id, Instant::now()))
    }

    async fn connections_of(&self, tenant: &TenantId, user: &User) -> Result<Vec<Connection>, LiveError> {
        Ok(self.registry.lock().connections_of(tenant, user, Instant::now()))
    }

    async fn connections(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ConnectionPage, LiveError> {
        LiveError::check("items", limit, PAGE_ITEMS)?;
        Ok(self.registry.lock().page(tenant, after, limit, Instant::now()))
    }

    async fn connection_counts(&self, tenant: &TenantId) -> Result<ConnectionCounts, LiveError> {
        Ok(self.registry.lock().counts(tenant, Instant::now()))
    }

    async fn edges_of(&self, tenant: &TenantId, users: &[User]) -> Result<Vec<Vec<EdgeId>>, LiveError> {
        LiveError::check("users", users.len(), KEYS)?;
        let (mut registry, now) = (self.registry.lock(), Instant::now());
        Ok(users.iter().map(|user| registry.edges_of(tenant, user, now)).collect())
    }

    async fn online(&self, tenant: &TenantId, users: &[User]) -> Result<Vec<bool>, LiveError> {
        Ok(self.edges_of(tenant, users).await?.iter().map(|edges| !edges.is_empty()).collect())
    }

    async fn check_rate(&self, key: &RateKey, quota: Quota, cost: u32) -> Result<RateDecision, LiveError> {
        key.check()?;
        Ok(self.rates.check(key, quota, cost, Instant::now()))
    }

    async fn record_failure(&self, key: &RateKey, policy: LockPolicy) -> Result<LockState, LiveError> {
        key.check()?;
        Ok(self.lockouts.lock().record(key, policy, Instant::now()))
    }

    async fn lock_state(&self, key: &RateKey) -> Result<LockState, LiveError> {
        Ok(self.lockouts.lock().state(key, Instant::now()))
    }

    async fn clear_failures(&self, key: &RateKey) -> Result<(), LiveError> {
        self.lockouts.lock().clear(key);
        Ok(())
    }

    async fn put_login(&self, token: TokenHash, login: CachedLogin, ttl: Duration) -> Result<bool, LiveError> {
        self.logins.put(token, login, ttl, Instant::now())
    }

    async fn login(&self, token: TokenHash) -> Result<Option<CachedLogin>, LiveError> {
        Ok(self.logins.get(token, Instant::now()))
    }

    async fn invalidate_logins(&self, tokens: &[TokenHash]) -> Result<(), LiveError> {
        self.logins.invalidate(tokens, Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests;
