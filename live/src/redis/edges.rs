//! Leases of edges: when each ends, and of which tenants an edge has something.
//!
//! An edge registers everything when it is told that its lease is new. That answer may get lost. So an edge that was told
//! knows a number, which the server has too, and one that does not know the number is told again.

use std::collections::HashMap;
use std::time::Duration;

use kefu_model::TenantId;
use parking_lot::Mutex;

use super::{KEPT, RedisLive, micros, script};
use crate::error::LiveError;
use crate::limits::{EDGES, LEASE_TTL};
use crate::registry::{EdgeId, EdgeLease};

/// Edges that are gone and are swept by one renewal of another.
const SWEPT: usize = 2;
/// How often a renewal is tried that first has to sweep: what is left of the edge's own earlier lease, or of others when there
/// is no room.
const TRIES: usize = 3;

/// What the edges that use this handle know of their leases: as a rule there is one.
#[derive(Debug, Default)]
pub(super) struct KnownLives(Mutex<HashMap<EdgeId, u64>>);

/// What a renewal was answered: what became of the lease, the edge's tenants, edges that are gone.
type Renewal = (String, Vec<String>, Vec<String>);

impl RedisLive {
    pub(super) async fn renew_edge_lease(&self, edge: &EdgeId, ttl: Duration) -> Result<EdgeLease, LiveError> {
        for _ in 0..TRIES {
            let fresh = super::random();
            let (outcome, tenants, gone) = self.try_renew_edge(edge, ttl, fresh).await?;
            if outcome == "ended" {
                self.sweep_edge(edge).await?;
                continue;
            }
            self.keep_registry(&tenants).await?;
            self.sweep_edges(&gone).await?;
            return match outcome.as_str() {
                "renewed" => Ok(EdgeLease::Renewed),
                "new" => {
                    self.lives.0.lock().insert(edge.clone(), fresh);
                    Ok(EdgeLease::New)
                }
                _ if !gone.is_empty() => continue,
                _ => Err(LiveError::Full { what: "edges", limit: EDGES }),
            };
        }
        Err(LiveError::Unavailable("edges come and go faster than their leases can be swept".into()))
    }

    async fn try_renew_edge(&self, edge: &EdgeId, ttl: Duration, fresh: u64) -> Result<Renewal, LiveError> {
        let known = self.lives.0.lock().get(edge).map(u64::to_string).unwrap_or_default();
        let call = script::RENEW_EDGE
            .on([self.keys.edges(), self.keys.edge_lives(), self.keys.tenants_of(edge), self.keys.incarnation()])
            .arg(edge.as_str())
            .arg(known)
            .number(fresh)
            .number(micros(ttl.min(LEASE_TTL)))
            .number(EDGES)
            .number(SWEPT)
            .number(KEPT.as_millis());
        self.link.run(super::with_incarnation(call)).await
    }

    /// The tables live on while an edge is there that has something in them.
    async fn keep_registry(&self, tenants: &[String]) -> Result<(), LiveError> {
        for tenant in tenants.iter().filter_map(|tenant| TenantId::new(tenant).ok()) {
            let call = script::KEEP_REGISTRY.on(self.keys.registry(&tenant)).number(KEPT.as_millis());
            self.link.run::<u8>(call).await?;
        }
        Ok(())
    }

    /// Ends an edge's lease, and with it what is there through the edge.
    pub(super) async fn end_edge(&self, edge: &EdgeId) -> Result<(), LiveError> {
        self.lives.0.lock().remove(edge);
        self.link.run::<u8>(script::END_EDGE.on([self.keys.edges()]).arg(edge.as_str())).await?;
        for tenant in self.tenants_of(edge).await? {
            self.release_leases_of(&tenant, edge).await?;
        }
        self.sweep_edge(edge).await
    }

    async fn sweep_edges(&self, gone: &[String]) -> Result<(), LiveError> {
        for edge in gone {
            self.sweep_edge(&EdgeId::new(edge)).await?;
        }
        Ok(())
    }

    /// Removes the connections of an edge whose lease has ended, and the edge. Several may do it at a time.
    async fn sweep_edge(&self, edge: &EdgeId) -> Result<(), LiveError> {
        for tenant in self.tenants_of(edge).await? {
            if !self.sweep_connections(&tenant, edge).await? {
                return Ok(());
            }
        }
        let keys = [self.keys.edges(), self.keys.edge_lives(), self.keys.tenants_of(edge)];
        self.link.run::<u8>(script::DROP_EDGE.on(keys).arg(edge.as_str())).await.map(drop)
    }

    async fn tenants_of(&self, edge: &EdgeId) -> Result<Vec<TenantId>, LiveError> {
        let mut command = redis::cmd("SMEMBERS");
        command.arg(self.keys.tenants_of(edge));
        let tenants: Vec<String> = self.link.query(&command).await?;
        Ok(tenants.iter().filter_map(|tenant| TenantId::new(tenant).ok()).collect())
    }
}
