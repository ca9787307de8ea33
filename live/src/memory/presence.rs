//! Leases of agents.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::time::Duration;

use kefu_model::{TenantId, UserId};
use tokio::time::Instant;

use crate::error::LiveError;
use crate::limits::{LAPSED_KEPT, LEASE_TTL, LEASES};
use crate::presence::{Lapsed, Presence, PresenceLease, PresenceStatus};
use crate::registry::EdgeId;

#[derive(Debug, Clone, Copy)]
struct Lease {
    status: PresenceStatus,
    status_at_ms: u64,
    expiry: Instant,
    released: bool,
}

/// An agent's leases by edge. Ended ones stay until they are swept, for the list of the lapsed.
type Edges = HashMap<EdgeId, Lease>;

#[derive(Debug, Default)]
pub(super) struct Leases {
    tenants: HashMap<TenantId, BTreeMap<UserId, Edges>>,
    count: usize,
}

impl Leases {
    pub(super) fn renew(&mut self, lease: PresenceLease, now: Instant) -> Result<(), LiveError> {
        let known = self.tenants.get(&lease.tenant).and_then(|agents| agents.get(&lease.agent));
        let is_new = known.is_none_or(|edges| !edges.contains_key(&lease.edge));
        if is_new {
            if self.count >= LEASES {
                self.sweep(now);
            }
            if self.count >= LEASES {
                return Err(LiveError::Full { what: "leases", limit: LEASES });
            }
            self.count += 1;
        }
        let entry = Lease {
            status: lease.status,
            status_at_ms: lease.status_at_ms,
            expiry: now + lease.ttl.min(LEASE_TTL),
            released: false,
        };
        self.tenants.entry(lease.tenant).or_default().entry(lease.agent).or_default().insert(lease.edge, entry);
        Ok(())
    }

    pub(super) fn release(&mut self, tenant: &TenantId, agent: &UserId, edge: &EdgeId, now: Instant) {
        let edges = self.tenants.get_mut(tenant).and_then(|agents| agents.get_mut(agent));
        if let Some(lease) = edges.and_then(|edges| edges.get_mut(edge)) {
            lease.end(now);
        }
    }

    pub(super) fn forget_edge(&mut self, edge: &EdgeId, now: Instant) {
        let agents = self.tenants.values_mut().flat_map(BTreeMap::values_mut);
        for lease in agents.filter_map(|edges| edges.get_mut(edge)) {
            lease.end(now);
        }
    }

    pub(super) fn get(&self, tenant: &TenantId, agent: &UserId, now: Instant) -> Option<Presence> {
        presence(agent, self.tenants.get(tenant)?.get(agent)?, now)
    }

    pub(super) fn list(&self, tenant: &TenantId, after: Option<&UserId>, limit: usize, now: Instant) -> Vec<Presence> {
        let Some(agents) = self.tenants.get(tenant) else { return Vec::new() };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let from_there = agents.range::<UserId, _>((start, Bound::Unbounded));
        from_there.filter_map(|(agent, edges)| presence(agent, edges, now)).take(limit).collect()
    }

    pub(super) fn lapsed(&mut self, tenant: &TenantId, within: Duration, now: Instant) -> Vec<Lapsed> {
        self.sweep(now);
        let Some(agents) = self.tenants.get(tenant) else { return Vec::new() };
        let ended = agents.iter().filter_map(|(agent, edges)| lapse(agent, edges, now));
        ended.filter(|lapsed| lapsed.ago <= within).collect()
    }

    /// Forgets what ended longer ago than it is kept; everything ended when there is no room.
    fn sweep(&mut self, now: Instant) {
        let kept = if self.count >= LEASES { Duration::ZERO } else { LAPSED_KEPT };
        let mut count = 0;
        self.tenants.retain(|_, agents| {
            agents.retain(|_, edges| {
                edges.retain(|_, lease| now.saturating_duration_since(lease.expiry) < kept || lease.expiry > now);
                count += edges.len();
                !edges.is_empty()
            });
            !agents.is_empty()
        });
        self.count = count;
    }
}

impl Lease {
    fn end(&mut self, now: Instant) {
        if self.expiry > now {
            self.expiry = now;
            self.released = true;
        }
    }
}

fn presence(agent: &UserId, edges: &Edges, now: Instant) -> Option<Presence> {
    let alive = || edges.values().filter(|lease| lease.expiry > now);
    let last_word = alive().max_by_key(|lease| lease.status_at_ms)?;
    let expiry = alive().map(|lease| lease.expiry).max()?;
    Some(Presence {
        agent: agent.clone(),
        status: last_word.status,
        status_at_ms: last_word.status_at_ms,
        expires_in: expiry - now,
        edges: alive().count(),
    })
}

fn lapse(agent: &UserId, edges: &Edges, now: Instant) -> Option<Lapsed> {
    let last = edges.values().max_by_key(|lease| lease.expiry)?;
    let ago = now.checked_duration_since(last.expiry)?;
    Some(Lapsed { agent: agent.clone(), ago, released: last.released })
}
