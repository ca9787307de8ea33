//! What is true right now: presence leases, the registry of connections, rate limits, lock-outs, a cache of logins.
//!
//! Everyone else holds an `Arc<dyn Live>`. Nothing here is the truth of anything durable: an implementation may lose its
//! memory at any time and then has a new [`Incarnation`].
//!
//! # The contract of every implementation
//!
//! * Each entry belongs to a tenant and has an expiry by the implementation's own clock; callers give durations, never
//!   times. What expired is not answered any more, whether or not it was swept.
//! * Each call is atomic for each single key it touches, and nothing more: a list is no snapshot.
//! * Every table is bounded ([`limits`]); what happens beyond is said at each method.
//! * A call that failed may have happened; every call may be repeated, though a repeated [`Live::check_rate`] or
//!   [`Live::record_failure`] counts twice.
//!
//! [`conformance`] holds the tests that every implementation passes.

mod around;
mod error;
mod fallback;
mod faulty;
mod measured;
mod memory;
mod presence;
mod rate;
mod redis;
mod registry;

pub mod conformance;
pub mod limits;
pub mod testing;

use async_trait::async_trait;
use kefu_model::{TenantId, User, UserId};
use std::time::Duration;

pub use error::LiveError;
pub use fallback::Fallback;
pub use faulty::{Fault, Faulty};
pub use measured::{Measured, Observe};
pub use memory::MemoryLive;
pub use presence::{Incarnation, Lapsed, Presence, PresenceLease, PresenceStatus};
pub use rate::{LockPolicy, LockState, Quota, RateDecision, RateKey};
pub use redis::{RedisConfig, RedisLive};
pub use registry::{Connection, ConnectionCounts, ConnectionPage, EdgeId, EdgeLease};

/// The SHA-256 of a session token.
pub type TokenHash = [u8; 32];

/// A login in the cache. The value is the edge's own encoding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedLogin {
    /// The tenant.
    pub tenant: TenantId,
    /// Whose.
    pub user: User,
    /// What the edge wants to know, at most [`limits::LOGIN_BYTES`] bytes.
    pub value: Vec<u8>,
}

/// The seam of what is true right now; see the crate's documentation for the contract.
#[async_trait]
pub trait Live: Send + Sync {
    /// Identifies this memory. When `id` changes, or `age` is shorter than a lease, what is not found here is unknown
    /// and not gone.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn incarnation(&self) -> Result<Incarnation, LiveError>;

    /// Makes or renews the lease of an agent who is connected to an edge.
    ///
    /// # Errors
    /// [`LiveError::Full`] beyond [`limits::LEASES`]; renewing an existing lease never is.
    async fn renew_presence(&self, lease: PresenceLease) -> Result<(), LiveError>;

    /// Ends an agent's lease at an edge. If it was the last one the agent has lapsed now.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn release_presence(&self, tenant: &TenantId, agent: &UserId, edge: &EdgeId) -> Result<(), LiveError>;

    /// The presence of these agents (at most [`limits::KEYS`]), in their order; none for one without a lease.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn presence(&self, tenant: &TenantId, agents: &[UserId]) -> Result<Vec<Option<Presence>>, LiveError>;

    /// All agents of a tenant with a lease, by id, after `after`, at most `limit` (up to [`limits::PAGE_ITEMS`]).
    ///
    /// # Errors
    /// [`LiveError`].
    async fn present(
        &self,
        tenant: &TenantId,
        after: Option<&UserId>,
        limit: usize,
    ) -> Result<Vec<Presence>, LiveError>;

    /// Agents of a tenant whose last lease ended within the last `within` and who have none now. An entry is kept for
    /// [`limits::LAPSED_KEPT`]; of more than [`limits::LEASES`] the oldest go. Calling it changes nothing.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn lapsed(&self, tenant: &TenantId, within: Duration) -> Result<Vec<Lapsed>, LiveError>;

    /// Adds or replaces a connection. It lives as long as its edge's lease, which this call does not renew.
    ///
    /// # Errors
    /// [`LiveError::UnknownEdge`] without a lease of its edge; [`LiveError::Full`] beyond [`limits::CONNECTIONS`].
    async fn register(&self, connection: Connection) -> Result<(), LiveError>;

    /// Removes a connection.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn unregister(&self, tenant: &TenantId, connection_id: &str) -> Result<(), LiveError>;

    /// Makes or renews an edge's lease, and with it every connection of that edge. [`EdgeLease::New`] means that nothing
    /// was known of it: the edge registers all its connections again.
    ///
    /// # Errors
    /// [`LiveError::Full`] beyond [`limits::EDGES`].
    async fn renew_edge(&self, edge: &EdgeId, ttl: Duration) -> Result<EdgeLease, LiveError>;

    /// Ends an edge's lease and removes its connections and the presence leases made through it.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn forget_edge(&self, edge: &EdgeId) -> Result<(), LiveError>;

    /// A connection by id.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn connection(&self, tenant: &TenantId, connection_id: &str) -> Result<Option<Connection>, LiveError>;

    /// A user's connections, by id.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn connections_of(&self, tenant: &TenantId, user: &User) -> Result<Vec<Connection>, LiveError>;

    /// A tenant's connections by id, after `after`, at most `limit` (up to [`limits::PAGE_ITEMS`]).
    ///
    /// # Errors
    /// [`LiveError`].
    async fn connections(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ConnectionPage, LiveError>;

    /// How many connections and users there are.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn connection_counts(&self, tenant: &TenantId) -> Result<ConnectionCounts, LiveError>;

    /// The edges that have connections of these users (at most [`limits::KEYS`]), in their order, each edge once.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn edges_of(&self, tenant: &TenantId, users: &[User]) -> Result<Vec<Vec<EdgeId>>, LiveError>;

    /// Whether these users (at most [`limits::KEYS`]) have a connection, in their order. For customers this is their
    /// online state; agents have [`Self::presence`].
    ///
    /// # Errors
    /// [`LiveError`].
    async fn online(&self, tenant: &TenantId, users: &[User]) -> Result<Vec<bool>, LiveError>;

    /// Takes `cost` from a quota (GCRA: a bucket of `burst`, refilled evenly). Nothing is taken when it is limited. When
    /// the table is full an eighth of it is forgotten, whose users begin with a full bucket.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn check_rate(&self, key: &RateKey, quota: Quota, cost: u32) -> Result<RateDecision, LiveError>;

    /// Counts a failed login of a subject (a user name, an address) and says whether it is locked out now.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn record_failure(&self, key: &RateKey, policy: LockPolicy) -> Result<LockState, LiveError>;

    /// Whether a subject is locked out.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn lock_state(&self, key: &RateKey) -> Result<LockState, LiveError>;

    /// Forgets a subject's failures: after a success.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn clear_failures(&self, key: &RateKey) -> Result<(), LiveError>;

    /// Caches a login for `ttl` (at most [`limits::LOGIN_TTL`]). Answers false and caches nothing within
    /// [`limits::LOGIN_TTL`] after it was invalidated, so that a look-up that overlaps a revocation does not bring it
    /// back. A full cache drops what was used least, or what expires first.
    ///
    /// # Errors
    /// [`LiveError::TooMany`] for a value beyond its limit.
    async fn put_login(&self, token: TokenHash, login: CachedLogin, ttl: Duration) -> Result<bool, LiveError>;

    /// A cached login; its expiry is not moved.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn login(&self, token: TokenHash) -> Result<Option<CachedLogin>, LiveError>;

    /// Removes logins from the cache, cached or not.
    ///
    /// # Errors
    /// [`LiveError`].
    async fn invalidate_logins(&self, tokens: &[TokenHash]) -> Result<(), LiveError>;
}
