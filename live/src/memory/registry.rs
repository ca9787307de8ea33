//! Connections by id and by user; they live as long as their edge's lease.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use kefu_model::{TenantId, User, UserKind};
use tokio::time::Instant;

use crate::error::LiveError;
use crate::limits::{CONNECTIONS, EDGES, LEASE_TTL};
use crate::registry::{Connection, ConnectionCounts, ConnectionPage, EdgeId, EdgeLease};

#[derive(Debug, Default)]
struct Tenant {
    by_id: BTreeMap<Arc<str>, Box<Connection>>,
    /// By id. A customer has one connection, as a rule.
    by_user: HashMap<User, Vec<Arc<str>>>,
}

#[derive(Debug, Default)]
pub(super) struct Registry {
    tenants: HashMap<TenantId, Tenant>,
    /// When the lease of each ends.
    edges: HashMap<EdgeId, Instant>,
    count: usize,
}

impl Registry {
    pub(super) fn register(&mut self, connection: Connection, now: Instant) -> Result<(), LiveError> {
        connection.check()?;
        self.sweep(now);
        if !self.edges.contains_key(&connection.edge) {
            return Err(LiveError::UnknownEdge);
        }
        self.unregister(&connection.tenant, &connection.id);
        if self.count >= CONNECTIONS {
            return Err(LiveError::Full { what: "connections", limit: CONNECTIONS });
        }
        let id: Arc<str> = connection.id.as_str().into();
        let tenant = self.tenants.entry(connection.tenant.clone()).or_default();
        let of_user = tenant.by_user.entry(connection.user.clone()).or_insert_with(|| Vec::with_capacity(1));
        let place = of_user.binary_search(&id).unwrap_or_else(|place| place);
        of_user.insert(place, Arc::clone(&id));
        tenant.by_id.insert(id, Box::new(connection));
        self.count += 1;
        Ok(())
    }

    pub(super) fn unregister(&mut self, tenant_id: &TenantId, id: &str) {
        let Some(tenant) = self.tenants.get_mut(tenant_id) else { return };
        let Some(connection) = tenant.by_id.remove(id) else { return };
        self.count -= 1;
        if let Some(ids) = tenant.by_user.get_mut(&connection.user) {
            ids.retain(|known| **known != *id);
            if ids.is_empty() {
                tenant.by_user.remove(&connection.user);
            }
        }
        if tenant.by_id.is_empty() {
            self.tenants.remove(tenant_id);
        }
    }

    pub(super) fn renew_edge(&mut self, id: &EdgeId, ttl: Duration, now: Instant) -> Result<EdgeLease, LiveError> {
        self.sweep(now);
        let expiry = now + ttl.min(LEASE_TTL);
        if let Some(ends) = self.edges.get_mut(id) {
            *ends = expiry;
            return Ok(EdgeLease::Renewed);
        }
        if self.edges.len() >= EDGES {
            return Err(LiveError::Full { what: "edges", limit: EDGES });
        }
        self.edges.insert(id.clone(), expiry);
        Ok(EdgeLease::New)
    }

    pub(super) fn forget_edge(&mut self, id: &EdgeId) {
        if self.edges.remove(id).is_none() {
            return;
        }
        let all = self.tenants.values().flat_map(|tenant| tenant.by_id.values());
        let of_edge = all.filter(|connection| connection.edge == *id);
        let gone: Vec<_> = of_edge.map(|connection| (connection.tenant.clone(), connection.id.clone())).collect();
        for (tenant, connection) in gone {
            self.unregister(&tenant, &connection);
        }
    }

    /// Removes edges whose lease ended; there are few edges, so every call does it first.
    fn sweep(&mut self, now: Instant) {
        let ended = self.edges.iter().filter(|(_, ends)| **ends <= now);
        let ended: Vec<EdgeId> = ended.map(|(id, _)| id.clone()).collect();
        for id in ended {
            self.forget_edge(&id);
        }
    }

    pub(super) fn connection(&mut self, tenant: &TenantId, id: &str, now: Instant) -> Option<Connection> {
        self.sweep(now);
        self.tenants.get(tenant)?.by_id.get(id).map(|found| (**found).clone())
    }

    pub(super) fn connections_of(&mut self, tenant: &TenantId, user: &User, now: Instant) -> Vec<Connection> {
        self.sweep(now);
        self.of_user(tenant, user).cloned().collect()
    }

    pub(super) fn edges_of(&mut self, tenant: &TenantId, user: &User, now: Instant) -> Vec<EdgeId> {
        self.sweep(now);
        let edges: BTreeSet<&EdgeId> = self.of_user(tenant, user).map(|connection| &connection.edge).collect();
        edges.into_iter().cloned().collect()
    }

    fn of_user<'a>(&'a self, tenant: &TenantId, user: &User) -> impl Iterator<Item = &'a Connection> {
        let tenant = self.tenants.get(tenant);
        let ids = tenant.and_then(|tenant| tenant.by_user.get(user)).into_iter().flatten();
        ids.filter_map(move |id| tenant?.by_id.get(id).map(|found| &**found))
    }

    pub(super) fn page(
        &mut self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: usize,
        now: Instant,
    ) -> ConnectionPage {
        self.sweep(now);
        let Some(tenant) = self.tenants.get(tenant) else { return ConnectionPage::default() };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut from_there = tenant.by_id.range::<str, _>((start, Bound::Unbounded));
        let connections: Vec<Connection> =
            from_there.by_ref().take(limit).map(|(_, found)| (**found).clone()).collect();
        let more = from_there.next().is_some();
        let next = connections.last().filter(|_| more).map(|last| last.id.clone());
        ConnectionPage { connections, next }
    }

    pub(super) fn counts(&mut self, tenant: &TenantId, now: Instant) -> ConnectionCounts {
        self.sweep(now);
        let Some(tenant) = self.tenants.get(tenant) else { return ConnectionCounts::default() };
        let agents = tenant.by_user.keys().filter(|user| user.kind == UserKind::Agent).count();
        ConnectionCounts { connections: tenant.by_id.len(), agents, customers: tenant.by_user.len() - agents }
    }
}
