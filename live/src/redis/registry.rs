//! Connections, in tables of a tenant. They live as long as their edge's lease: readers look at it, and whoever renews an edge
//! removes what edges left behind that are gone.

use kefu_model::{TenantId, User};

use super::wire::{connection_from_bytes, connection_to_bytes};
use super::{RedisLive, script};
use crate::error::LiveError;
use crate::limits::{CONNECTIONS, EDGES, PAGE_ITEMS};
use crate::registry::{Connection, ConnectionCounts, ConnectionPage, EdgeId};

/// Users that one script looks up.
const AT_A_TIME: usize = 500;
/// Connections that one script looks at.
const SCANNED: usize = PAGE_ITEMS + 1;
/// Connections that one script removes.
const SWEPT: i64 = 500;

impl RedisLive {
    pub(super) async fn add_connection(&self, connection: &Connection) -> Result<(), LiveError> {
        connection.check()?;
        let mut keys = self.keys.registry(&connection.tenant);
        keys.push(self.keys.tenants_of(&connection.edge));
        let call = script::REGISTER
            .on(keys)
            .arg(connection.edge.as_str())
            .arg(connection.tenant.as_str())
            .arg(&connection.id)
            .arg(connection.user.to_string())
            .arg(connection_to_bytes(connection))
            .number(CONNECTIONS)
            .number(super::KEPT.as_millis());
        match self.link.run::<String>(call).await?.as_str() {
            "ok" => Ok(()),
            "edge" => Err(LiveError::UnknownEdge),
            _ => Err(LiveError::Full { what: "connections", limit: CONNECTIONS }),
        }
    }

    pub(super) async fn remove_connection(&self, tenant: &TenantId, id: &str) -> Result<(), LiveError> {
        self.link.run::<u8>(script::UNREGISTER.on(self.keys.registry(tenant)).arg(id)).await.map(drop)
    }

    pub(super) async fn find_connection(&self, tenant: &TenantId, id: &str) -> Result<Option<Connection>, LiveError> {
        let call = script::GET_CONNECTIONS.on(self.keys.registry(tenant)).arg(id);
        let found: Vec<Vec<u8>> = self.link.run(call).await?;
        Ok(found.first().and_then(|bytes| connection_from_bytes(tenant, bytes)))
    }

    pub(super) async fn list_connections_of(
        &self,
        tenant: &TenantId,
        user: &User,
    ) -> Result<Vec<Connection>, LiveError> {
        let name = user.to_string();
        let (mut first, last) = super::members_of(&name);
        let mut connections = Vec::new();
        loop {
            let call = script::CONNECTIONS_OF.on(self.keys.registry(tenant)).arg(&first).arg(&last);
            let call = call.number(name.len() + 1).number(SCANNED);
            let (scanned, at, found): (usize, Vec<u8>, Vec<Vec<u8>>) = self.link.run(call).await?;
            connections.extend(found.iter().filter_map(|bytes| connection_from_bytes(tenant, bytes)));
            if scanned < SCANNED {
                return Ok(connections);
            }
            first = [b"(", at.as_slice()].concat();
        }
    }

    pub(super) async fn page_of_connections(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ConnectionPage, LiveError> {
        let mut from = after.map_or_else(|| b"-".to_vec(), |id| format!("({id}").into_bytes());
        let mut connections: Vec<Connection> = Vec::new();
        loop {
            let call = script::LIST_CONNECTIONS.on(self.keys.registry(tenant)).arg(&from).number(SCANNED);
            let (scanned, at, found): (usize, Vec<u8>, Vec<Vec<u8>>) = self.link.run(call).await?;
            connections.extend(found.iter().filter_map(|bytes| connection_from_bytes(tenant, bytes)));
            if scanned < SCANNED || connections.len() > limit {
                break;
            }
            from = [b"(", at.as_slice()].concat();
        }
        let more = connections.len() > limit;
        connections.truncate(limit);
        let next = connections.last().filter(|_| more).map(|last| last.id.clone());
        Ok(ConnectionPage { connections, next })
    }

    /// The numbers are the tables', so what gone edges left behind is removed first.
    pub(super) async fn count_connections(&self, tenant: &TenantId) -> Result<ConnectionCounts, LiveError> {
        for _ in 0..EDGES {
            let call = script::COUNT_CONNECTIONS.on(self.keys.registry(tenant));
            let (left_over, connections, agents, customers): (String, usize, usize, usize) =
                self.link.run(call).await?;
            if left_over.is_empty() {
                return Ok(ConnectionCounts { connections, agents, customers });
            }
            self.sweep_connections(tenant, &EdgeId::new(&left_over)).await?;
        }
        Err(LiveError::Unavailable("edges go faster than their connections can be removed".into()))
    }

    /// Removes a tenant's connections of an edge whose lease has ended. Answers false when it has one again.
    pub(super) async fn sweep_connections(&self, tenant: &TenantId, edge: &EdgeId) -> Result<bool, LiveError> {
        loop {
            let call = script::SWEEP_REGISTRY.on(self.keys.registry(tenant)).arg(edge.as_str()).number(SWEPT);
            match self.link.run::<i64>(call).await? {
                -1 => return Ok(false),
                swept if swept < SWEPT => return Ok(true),
                _ => {}
            }
        }
    }

    pub(super) async fn edges_of_users(
        &self,
        tenant: &TenantId,
        users: &[User],
    ) -> Result<Vec<Vec<EdgeId>>, LiveError> {
        let mut found = Vec::with_capacity(users.len());
        for users in users.chunks(AT_A_TIME) {
            let mut call = script::EDGES_OF.on(self.keys.registry(tenant)).number(PAGE_ITEMS);
            for user in users {
                let name = user.to_string();
                let (first, last) = super::members_of(&name);
                call = call.arg(first).arg(last).number(name.len() + 1);
            }
            let edges: Vec<Vec<String>> = self.link.run(call).await?;
            found.extend(edges.into_iter().map(sorted));
        }
        Ok(found)
    }
}

fn sorted(mut edges: Vec<String>) -> Vec<EdgeId> {
    edges.sort_unstable();
    edges.iter().map(|edge| EdgeId::new(edge)).collect()
}
