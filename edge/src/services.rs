//! What everything in the edge shares.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kefu_files::Files;
use kefu_live::{EdgeId, Live};
use kefu_model::allocation::AgentStatus;
use kefu_model::{TenantId, UserKind};
use kefu_nats::view::AllocationView;
use kefu_store::Store;
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use crate::assets::Assets;
use crate::attendance::AttendanceKeeper;
use crate::auth::{Admission, Auth, AuthError, Caller};
use crate::config::EdgeConfig;
use crate::customers::CustomerKeeper;
use crate::edge::EdgeInfo;
use crate::frame::Code;
use crate::http::Limiter;
use crate::hub::Hub;
use crate::machine::Settings;
use crate::metrics::Metrics;
use crate::newcomers::Newcomers;
use crate::presence::{Chosen, PresenceKeeper, from_live};
use crate::processes::Processes;
use crate::registry::RegistryKeeper;
use crate::upstream::Upstream;
use crate::warm::Warmth;

/// How long allocation may take to answer what is not needed.
const GLANCE: Duration = Duration::from_secs(1);

/// Everything that a connection or a request may need.
pub(crate) struct Services {
    pub(crate) config: EdgeConfig,
    pub(crate) machine: Settings,
    pub(crate) info: EdgeInfo,
    /// This life of this edge.
    pub(crate) edge_id: EdgeId,
    pub(crate) upstream: Arc<dyn Upstream>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) live: Arc<dyn Live>,
    pub(crate) files: Files,
    pub(crate) assets: Arc<dyn Assets>,
    pub(crate) prometheus: prometheus::Registry,
    pub(crate) metrics: Metrics,
    pub(crate) auth: Auth,
    pub(crate) hub: Hub,
    pub(crate) presence: PresenceKeeper,
    pub(crate) attendance: AttendanceKeeper,
    pub(crate) customers: CustomerKeeper,
    pub(crate) newcomers: Newcomers,
    pub(crate) registry: RegistryKeeper,
    pub(crate) processes: Processes,
    pub(crate) limiter: Limiter,
    /// Sockets, streams and what they started.
    pub(crate) tasks: TaskTracker,
    pub(crate) places: Places,
    pub(crate) opened: crate::sweep::Opened,
    pub(crate) streams: crate::sse::Streams,
    pub(crate) started: Instant,
    pub(crate) warmth: Warmth,
    /// It says that it is not ready, because it stops.
    pub(crate) leaving: AtomicBool,
    /// It takes nobody any more.
    pub(crate) draining: AtomicBool,
    pub(crate) next_number: AtomicU64,
}

impl Services {
    pub(crate) fn next_number(&self) -> u64 {
        self.next_number.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// The epoch of a stored state, for a cursor. What no record of this epoch has touched is what the epoch began with.
    pub(crate) fn epoch_of(&self, stamp: kefu_store::Stamp) -> u64 {
        stamp.epoch().max(self.info.epoch)
    }

    /// Checks a credential for a connection: who it is, in which status, and a visitor's renewed token.
    pub(crate) async fn admit(&self, token: &str, connection_id: &str) -> Result<Admission, AuthError> {
        let caller = self.auth.authenticate(token).await.inspect_err(|error| {
            self.metrics.auth_failures.with_label_values(&[error.reason()]).inc();
        })?;
        let renewed = self.auth.renewed(&caller, &self.config);
        let status = match caller.user.kind {
            UserKind::Agent => Some(self.status_of(&caller).await),
            UserKind::Customer => None,
        };
        Ok(Admission { caller, connection_id: connection_id.to_owned(), status, renewed })
    }

    /// A tenant's allocation, where an answer does without it: none when it is not to be had within a second.
    pub(crate) async fn glance(&self, tenant: &TenantId) -> Option<AllocationView> {
        let view = tokio::time::timeout(GLANCE, self.upstream.allocation_view(tenant)).await;
        view.ok()?.ok()
    }

    /// The status an agent chose last, as far as anybody remembers; who comes without one is online. Where neither this
    /// edge nor `live` knows one, because it is away or lost its memory, allocation is asked, which keeps it for agents
    /// who are here.
    pub(crate) async fn status_of(&self, caller: &Caller) -> Chosen {
        let here = self.presence.chosen(&caller.tenant, &caller.user.id);
        let found = self.live.presence(&caller.tenant, std::slice::from_ref(&caller.user.id)).await;
        let anywhere = found.ok().and_then(|mut found| found.pop().flatten());
        let anywhere = anywhere.map(|said| Chosen { status: from_live(said.status), at_ms: said.status_at_ms });
        if let Some(last) = here.into_iter().chain(anywhere).max_by_key(|chosen| chosen.at_ms) {
            return last;
        }
        let view = self.glance(&caller.tenant).await.unwrap_or_default();
        let known = view.agents.into_iter().find(|agent| agent.id == caller.user.id).map(|agent| agent.status);
        // Offline is shown of those who are gone.
        known.filter(|status| *status != AgentStatus::Offline).map_or(Chosen::ONLINE, Chosen::remembered)
    }

    /// Room for one more socket or stream of that address.
    pub(crate) fn take_place(self: &Arc<Self>, address: IpAddr) -> Result<Place, Code> {
        if self.is_draining() {
            return Err(Code::Stopping);
        }
        self.places.take(address, &self.config)?;
        Ok(Place { services: Arc::clone(self), address })
    }
}

/// Sockets and streams in all and by address.
#[derive(Default)]
pub(crate) struct Places {
    total: AtomicUsize,
    by_address: Mutex<std::collections::HashMap<IpAddr, usize>>,
}

impl Places {
    /// Sockets and streams now.
    pub(crate) fn taken(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    fn take(&self, address: IpAddr, config: &EdgeConfig) -> Result<(), Code> {
        let mut by_address = self.by_address.lock();
        let own = by_address.get(&address).copied().unwrap_or(0);
        if self.taken() >= config.connections {
            return Err(Code::EdgeFull);
        }
        if own >= config.connections_per_address {
            return Err(Code::TooManyConnections);
        }
        by_address.insert(address, own + 1);
        self.total.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn give_back(&self, address: IpAddr) {
        let mut by_address = self.by_address.lock();
        if let Some(own) = by_address.get_mut(&address) {
            *own -= 1;
            if *own == 0 {
                by_address.remove(&address);
            }
        }
        self.total.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A socket's or stream's place, given back when it is dropped.
pub(crate) struct Place {
    services: Arc<Services>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.services.places.give_back(self.address);
    }
}

#[cfg(test)]
mod tests {
    use kefu_model::{Role, UserId};
    use kefu_nats::view::AgentView;

    use super::*;
    use crate::testing::{TestEdge, agent, config};

    #[tokio::test]
    async fn where_live_knows_no_status_allocation_does() {
        let (edge, live) = TestEdge::with_faults(config());
        let shown = |status| {
            let id = UserId::new("a1").unwrap();
            let agents = vec![AgentView { id, name: None, status, capacity: 5, load: 0 }];
            *edge.upstream.view.lock() = Ok(AllocationView { agents, ..AllocationView::default() });
        };
        let caller = agent("a1", Role::Agent);
        let status = || edge.services.status_of(&caller);
        for away in [false, true] {
            if away {
                live.fail();
            }
            shown(AgentStatus::Busy);
            assert_eq!(status().await.status, AgentStatus::Busy);
            shown(AgentStatus::Offline);
            assert_eq!(status().await.status, AgentStatus::Online, "who was gone and comes back is online");
            *edge.upstream.view.lock() = Err(kefu_model::Refusal::NoAnswer);
            assert_eq!(status().await.status, AgentStatus::Online);
        }
    }

    #[test]
    fn places_are_bounded_in_all_and_per_address_and_come_back() {
        let config = EdgeConfig { connections: 3, connections_per_address: 2, ..EdgeConfig::default() };
        let places = Places::default();
        let (a, b): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        assert_eq!(places.take(a, &config), Ok(()));
        assert_eq!(places.take(a, &config), Ok(()));
        assert_eq!(places.take(a, &config), Err(Code::TooManyConnections));
        assert_eq!(places.take(b, &config), Ok(()));
        assert_eq!(places.take(b, &config), Err(Code::EdgeFull));
        places.give_back(a);
        assert_eq!(places.take(b, &config), Ok(()));
        assert_eq!(places.taken(), 3);
    }
}
