//! Opens what the roles work with, in the order in which one needs the other.

use std::sync::Arc;

use anyhow::Context as _;
use kefu_live::{Fallback, Live, MemoryLive};
use kefu_model::TenantId;
use kefu_nats::link::{LinkConfig, LinkMetrics};
use kefu_nats::{Broker, Link, LinkEvent};
use kefu_store::{Deployment, Store};
use tokio::sync::mpsc;

use crate::data_dir::DataDir;
use crate::seam_metrics::{measured_live, measured_store, watch_broker, watch_nodes, watch_redis};
use crate::waiting::Waiting;
use crate::{accounts, backends, deployment, epoch};
use kefu::settings::{Role, Settings};

/// Everything that is there once a process is complete.
pub(crate) struct Opened {
    pub(crate) node: String,
    /// This process's name on subjects, another one each time it starts.
    pub(crate) incarnation: String,
    pub(crate) deployment: Deployment,
    /// The logs' epoch.
    pub(crate) epoch: u64,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) live: Arc<dyn Live>,
    pub(crate) broker: Broker,
    pub(crate) link: Link,
    pub(crate) registry: prometheus::Registry,
    /// The first admin and their password, where this start made them.
    pub(crate) first_admin: Option<(String, String)>,
}

/// Opens everything; `events` are what the link hands on.
///
/// # Errors
/// What cannot be opened and waiting does not help against.
pub(super) async fn open(
    settings: &Settings,
    data: &DataDir,
    demo: bool,
    events: mpsc::Sender<LinkEvent>,
    waiting: &Waiting,
) -> anyhow::Result<Opened> {
    let registry = prometheus::Registry::new();
    register_process_metrics(&registry)?;
    let (store, cql) = waiting.open("store", async || backends::open_either_store(settings).await).await?;
    let store = measured_store(store, &registry)?;
    cql.iter().try_for_each(|cql| watch_nodes(cql, &registry))?;
    let known =
        waiting.open("store", async || store.deployment().await.with_context(|| super::unusable_store(settings)));
    let broker = match known.await? {
        // What is fixed is compared before anything is made.
        Some(_) => None,
        None => {
            let broker = open_broker(settings, data, waiting).await?;
            deployment::refuse_used_log(&broker, &store, &backends::store_name(settings)).await?;
            Some(broker)
        }
    };
    let deployment = waiting.open("store", async || deployment::open(&store, settings, demo).await).await?;
    let epoch = waiting.open("store", async || epoch::current(&store, &deployment).await).await?;
    let first_admin = waiting.open("store", async || first_accounts(&store, settings, demo).await).await?;
    let broker = match broker {
        Some(broker) => broker,
        None => open_broker(settings, data, waiting).await?,
    };
    watch_broker(&broker, &registry)?;
    let live = open_live(settings, &registry)?;
    let node = node_name(settings);
    let incarnation = format!("{node}-{:08x}", rand::random::<u32>());
    let link = start_link(settings, &broker, &incarnation, &registry, events, waiting).await?;
    Ok(Opened { node, incarnation, deployment, epoch, store, live, broker, link, registry, first_admin })
}

/// What is true right now: in this process, or on Redis. While that is away limits are counted by this process alone.
fn open_live(settings: &Settings, registry: &prometheus::Registry) -> anyhow::Result<Arc<dyn Live>> {
    let Some(redis) = backends::open_redis(settings)? else {
        return Ok(measured_live(Arc::new(MemoryLive::new(rand::random())), registry)?);
    };
    let fallback = Arc::new(Fallback::new(measured_live(redis.clone(), registry)?));
    watch_redis(&redis, &fallback, registry)?;
    Ok(fallback)
}

async fn open_broker(settings: &Settings, data: &DataDir, waiting: &Waiting) -> anyhow::Result<Broker> {
    waiting.open("link", async || backends::open_broker(settings, data).await).await
}

async fn start_link(
    settings: &Settings,
    broker: &Broker,
    incarnation: &str,
    registry: &prometheus::Registry,
    events: mpsc::Sender<LinkEvent>,
    waiting: &Waiting,
) -> anyhow::Result<Link> {
    let config =
        LinkConfig { archive_lag_records: settings.archive.max_lag_records, ..LinkConfig::new(incarnation.to_owned()) };
    let metrics = LinkMetrics::register(registry)?;
    let start = async || {
        let link = Link::start(broker.clone(), config.clone(), metrics.clone(), events.clone()).await;
        link.context("cannot subscribe to the broker")
    };
    waiting.open("link", start).await
}

/// The demo's accounts, or the first admin. Only a process with an edge makes them: it says what to log in with.
async fn first_accounts(
    store: &Arc<dyn Store>,
    settings: &Settings,
    demo: bool,
) -> anyhow::Result<Option<(String, String)>> {
    if !settings.server.roles.contains(&Role::Edge) {
        return Ok(None);
    }
    if demo {
        accounts::make_demo(store).await?;
        return Ok(None);
    }
    let admin = kefu_edge::directory::ensure_first_admin(store, &TenantId::new("default")?).await?;
    Ok(admin.map(|admin| (admin.username, admin.password)))
}

fn node_name(settings: &Settings) -> String {
    let given = if settings.server.node.is_empty() {
        std::env::var("HOSTNAME").unwrap_or_default()
    } else {
        settings.server.node.clone()
    };
    let allowed = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || *c == '_';
    let name: String = given.chars().filter(allowed).take(32).collect();
    if name.is_empty() { "kefu".to_owned() } else { name }
}

#[cfg(target_os = "linux")]
fn register_process_metrics(registry: &prometheus::Registry) -> anyhow::Result<()> {
    let collector = prometheus::process_collector::ProcessCollector::for_self();
    registry.register(Box::new(collector)).context("metrics of the process")
}

#[cfg(not(target_os = "linux"))]
fn register_process_metrics(_: &prometheus::Registry) -> anyhow::Result<()> {
    Ok(())
}
