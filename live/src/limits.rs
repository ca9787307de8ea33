//! Limits of what is kept. An implementation that is shared by processes may count leases, connections and subjects for
//! each tenant.

use std::time::Duration;

/// Most leases of agents, and lapsed ones kept.
pub const LEASES: usize = 100_000;
/// How long edges' leases hold, and those that edges take for agents; renewed at a third. A memory younger than this does
/// not know yet who is here.
pub const LEASE: Duration = Duration::from_secs(30);
/// How long an agent whose lease ended is listed as lapsed.
pub const LAPSED_KEPT: Duration = Duration::from_secs(15 * 60);
/// Longest lease.
pub const LEASE_TTL: Duration = Duration::from_secs(10 * 60);
/// Most connections in the registry.
pub const CONNECTIONS: usize = 2_000_000;
/// Most edges.
pub const EDGES: usize = 10_000;
/// Most keys of one call.
pub const KEYS: usize = 10_000;
/// Most items of a page.
pub const PAGE_ITEMS: usize = 1_000;
/// Most subjects of rate limits, and of lock-outs.
pub const SUBJECTS: usize = 200_000;
/// Longest subject of a rate limit, in bytes.
pub const SUBJECT_BYTES: usize = 256;
/// Most logins in the cache.
pub const LOGINS: u64 = 100_000;
/// Largest value of a cached login, in bytes.
pub const LOGIN_BYTES: usize = 4_096;
/// Longest time that a login is cached.
pub const LOGIN_TTL: Duration = Duration::from_secs(60);
/// Longest short text of a connection (ids, device, client, address), in bytes.
pub const TEXT_BYTES: usize = 512;
