//! The role: bound, served, drained.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kefu_files::Files;
use kefu_live::{EdgeId, Live};
use kefu_model::UserKind;
use kefu_nats::link::{Link, LinkEvent};
use kefu_nats::notice::Notice;
use kefu_nats::report::Reports;
use kefu_store::{Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::assets::Assets;
use crate::auth::Auth;
use crate::config::{EdgeConfig, millis};
use crate::frame::Code;
use crate::hub::Hub;
use crate::machine::{Input, Settings};
use crate::metrics::Metrics;
use crate::services::Services;
use crate::upstream::Upstream;
use crate::{accept, attendance, customers, newcomers, presence, processes, registry, rest, sse, sweep, warm};

/// How long sockets may take to close once they were told to.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

/// Few connections are not told to go more slowly than this, one after the other.
const DRAIN_PAUSE: Duration = Duration::from_millis(5);

/// What the edge is part of, for `/api/system/info`.
#[derive(Debug, Clone, Default)]
pub struct EdgeInfo {
    /// The release.
    pub version: String,
    /// The commit it was built from.
    pub commit: String,
    /// Partitions of the deployment.
    pub partitions: u16,
    /// Whether it is a demo.
    pub demo: bool,
    /// The epoch of the logs, from 1. It does not change while the process runs.
    pub epoch: u64,
}

/// What the edge works with.
pub struct EdgeHandles {
    /// The link to the owners of conversations and allocation.
    pub link: Link,
    /// What the link hands on.
    pub events: mpsc::Receiver<LinkEvent>,
    /// What the deployment's processes tell of themselves.
    pub reports: Reports,
    /// The durable seam. The deployment must have been created in it.
    pub store: Arc<dyn Store>,
    /// What is true right now.
    pub live: Arc<dyn Live>,
    /// Uploaded files.
    pub files: Files,
    /// Static pages.
    pub assets: Arc<dyn Assets>,
    /// Where metrics are registered, and what `/metrics` shows.
    pub metrics: prometheus::Registry,
    /// What it is part of.
    pub info: EdgeInfo,
}

/// Why an edge cannot start, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The listener has no address.
    #[error("the listener cannot be used")]
    Listener(#[source] std::io::Error),
    /// The store cannot be read.
    #[error("cannot read the deployment")]
    Store(#[source] StoreError),
    /// The store has no deployment yet.
    #[error("the deployment was not created")]
    NoDeployment,
    /// No tenant is configured.
    #[error("no tenant is configured")]
    NoTenant,
    /// Metrics of these names are registered already.
    #[error("metrics cannot be registered")]
    Metrics(#[source] prometheus::Error),
    /// The link ended.
    #[error("the link to the owners ended")]
    LinkEnded,
    /// One of its tasks ended early.
    #[error("a task of the edge ended early")]
    TaskEnded,
}

/// An edge that listens but does not serve yet.
pub struct Edge {
    services: Arc<Services>,
    listener: TcpListener,
    address: SocketAddr,
    events: mpsc::Receiver<LinkEvent>,
    notices: mpsc::Receiver<Notice>,
    reports: Reports,
}

impl Edge {
    /// Prepares all that can fail.
    ///
    /// # Errors
    /// [`EdgeError`].
    pub async fn bind(config: EdgeConfig, handles: EdgeHandles, listener: TcpListener) -> Result<Self, EdgeError> {
        let EdgeHandles { link, events, reports, store, live, files, assets, metrics, info } = handles;
        let deployment = store.deployment().await.map_err(EdgeError::Store)?.ok_or(EdgeError::NoDeployment)?;
        let parts = Parts { store, live, files, assets, prometheus: metrics, info };
        let (services, notices) = assemble(config, parts, Arc::new(link), &deployment.signing_secret.0)?;
        let address = listener.local_addr().map_err(EdgeError::Listener)?;
        Ok(Self { services, listener, address, events, notices, reports })
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`, then drains: not ready, no new connections, `goaway` over a configured time, close.
    ///
    /// # Errors
    /// [`EdgeError`] when something it needs ended early.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), EdgeError> {
        let Self { services, listener, events, notices, reports, .. } = self;
        let (stop_accepting, stop_tasks) = (CancellationToken::new(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(follow(Arc::clone(&services), events, stop_tasks.clone()));
        tasks.spawn(ends(publish(Arc::clone(&services), notices, stop_tasks.clone())));
        tasks.spawn(once(warm::run(Arc::clone(&services), stop_tasks.clone()), stop_tasks.clone()));
        tasks.spawn(ends(sweep::run(Arc::clone(&services), stop_tasks.clone())));
        tasks.spawn(ends(presence::run(Arc::clone(&services), stop_tasks.clone())));
        tasks.spawn(ends(customers::run(Arc::clone(&services), stop_tasks.clone())));
        tasks.spawn(ends(newcomers::run(Arc::clone(&services), stop_tasks.clone())));
        tasks.spawn(ends(registry::run(Arc::clone(&services), stop_tasks.clone())));
        tasks.spawn(ends(processes::run(Arc::clone(&services), reports, stop_tasks.clone())));
        let router = rest::router(&services);
        let accepting = {
            let (services, stop) = (Arc::clone(&services), stop_accepting.clone());
            async move { accept::run(listener, router, &services.config, services.tasks.clone(), stop).await }
        };
        tasks.spawn(ends(accepting));
        let early = tokio::select! {
            () = shutdown.cancelled() => None,
            ended = tasks.join_next() => Some(ended),
        };
        drain(&services, &stop_accepting).await;
        stop_tasks.cancel();
        while tasks.join_next().await.is_some() {}
        match early {
            None => Ok(()),
            Some(Some(Ok(Err(error)))) => Err(error),
            Some(_) => Err(EdgeError::TaskEnded),
        }
    }
}

/// What is handed in and kept as it is.
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) live: Arc<dyn Live>,
    pub(crate) files: Files,
    pub(crate) assets: Arc<dyn Assets>,
    pub(crate) prometheus: prometheus::Registry,
    pub(crate) info: EdgeInfo,
}

/// Puts everything together.
pub(crate) fn assemble(
    config: EdgeConfig,
    parts: Parts,
    upstream: Arc<dyn Upstream>,
    secret: &[u8],
) -> Result<(Arc<Services>, mpsc::Receiver<Notice>), EdgeError> {
    if config.tenants.is_empty() {
        return Err(EdgeError::NoTenant);
    }
    let Parts { store, live, files, assets, prometheus, info } = parts;
    let metrics = Metrics::register(&prometheus).map_err(EdgeError::Metrics)?;
    let (hub, notices) = Hub::new(&config, Arc::clone(&upstream), metrics.clone());
    let auth = Auth::new(&config, Arc::clone(&store), Arc::clone(&live), secret);
    let services = Services {
        machine: settings(&config),
        edge_id: EdgeId::new(&format!("{}-{}", config.node, uuid::Uuid::new_v4().simple())),
        config,
        info,
        upstream,
        store,
        live,
        files,
        assets,
        prometheus,
        metrics,
        auth,
        hub,
        presence: presence::PresenceKeeper::default(),
        attendance: attendance::AttendanceKeeper::default(),
        customers: customers::CustomerKeeper::default(),
        newcomers: newcomers::Newcomers::default(),
        registry: registry::RegistryKeeper::default(),
        processes: processes::Processes::default(),
        limiter: crate::http::Limiter::default(),
        tasks: TaskTracker::new(),
        places: crate::services::Places::default(),
        opened: sweep::Opened::default(),
        streams: crate::sse::Streams::default(),
        started: Instant::now(),
        warmth: crate::warm::Warmth::default(),
        leaving: AtomicBool::new(false),
        draining: AtomicBool::new(false),
        next_number: AtomicU64::new(1),
    };
    Ok((Arc::new(services), notices))
}

/// What the state machines keep to.
pub(crate) fn settings(config: &EdgeConfig) -> Settings {
    Settings {
        frame_bytes: config.frame_bytes,
        attach_items: config.attach_items,
        in_flight: config.in_flight,
        in_flight_total: config.in_flight_total,
        protocol_errors: config.protocol_errors,
        hello_timeout_ms: config.hello_timeout_ms,
        silence_ms: config.silence_ms,
        heartbeat_s: config.heartbeat_s,
    }
}

async fn ends(task: impl Future<Output = ()>) -> Result<(), EdgeError> {
    task.await;
    Ok(())
}

/// What ends before the others without harm.
async fn once(task: impl Future<Output = ()>, stop: CancellationToken) -> Result<(), EdgeError> {
    task.await;
    stop.cancelled().await;
    Ok(())
}

/// Hands the link's events to the hub.
async fn follow(
    services: Arc<Services>,
    mut events: mpsc::Receiver<LinkEvent>,
    stop: CancellationToken,
) -> Result<(), EdgeError> {
    while let Some(event) = stop.run_until_cancelled(events.recv()).await {
        let Some(event) = event else { return Err(EdgeError::LinkEnded) };
        if let LinkEvent::Relayed { payload, reply } = event {
            sse::relay::taken(&services, &payload, reply).await;
            continue;
        }
        match &event {
            LinkEvent::Notice(Notice::Presence { tenant, user, status }) if user.kind == UserKind::Agent => {
                services.presence.learned(tenant, &user.id, *status);
            }
            LinkEvent::NewcomersMissed => services.newcomers.missed(),
            LinkEvent::Notice(Notice::Customers { tenant, offline, .. }) => {
                customers::contradict(&services, tenant, offline);
            }
            _ => {}
        }
        services.hub.take(event);
    }
    Ok(())
}

/// Publishes notices, one after the other.
async fn publish(services: Arc<Services>, mut notices: mpsc::Receiver<Notice>, stop: CancellationToken) {
    while let Some(Some(notice)) = stop.run_until_cancelled(notices.recv()).await {
        services.upstream.notify(&notice).await;
    }
}

/// Not ready; once balancers have seen it, no new connections; everyone is told to go, spread over time; who stays is closed.
async fn drain(services: &Services, stop_accepting: &CancellationToken) {
    services.leaving.store(true, Ordering::Relaxed);
    tokio::time::sleep(millis(services.config.drain_notice_ms)).await;
    services.draining.store(true, Ordering::Relaxed);
    stop_accepting.cancel();
    let connections = services.opened.all();
    let count = connections.len().max(1) as u64;
    let pause = millis(services.config.drain_ms) / u32::try_from(count).unwrap_or(u32::MAX);
    let pause = pause.min(DRAIN_PAUSE);
    let mut owed = Duration::ZERO;
    for connection in connections {
        connection.input(Input::Drain { reconnect_after_ms: 0 });
        owed += pause;
        if owed >= Duration::from_millis(5) {
            tokio::time::sleep(std::mem::take(&mut owed)).await;
        }
    }
    let deadline = Instant::now() + millis(services.config.drain_linger_ms);
    while !services.opened.all().is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for connection in services.opened.all() {
        connection.input(Input::Close(Code::Stopping));
    }
    services.tasks.close();
    if tokio::time::timeout(CLOSE_WITHIN, services.tasks.wait()).await.is_err() {
        tracing::warn!(left = services.opened.all().len(), "some connections did not close in time");
    }
}
