//! Composition: backends, then roles, then a stop in stages.

mod edge;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use kefu_archiver::{Archiver, ArchiverConfig};
use kefu_assigner::{Assigner, AssignerConfig, AssignerHandles};
use kefu_live::Live;
use kefu_model::allocation;
use kefu_nats::engine::{Gather, Limits};
use kefu_nats::link::LinkConfig;
use kefu_nats::{Broker, Link, LinkEvent};
use kefu_reporter::{Reporter, ReporterConfig};
use kefu_router::{Router, RouterConfig};
use kefu_store::{Deployment, Store, StoreError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::banner::Banner;
use crate::data_dir::DataDir;
use crate::{accounts, backends, deployment, epoch, files, ops, stop};
use kefu::settings::{Role, Settings};

/// Events on their way from the link to the edge.
const LINK_EVENTS: usize = 4_096;

/// What every role is made from.
pub(crate) struct Parts {
    pub(crate) settings: Settings,
    /// Most TCP connections of clients.
    pub(crate) tcp_connections: usize,
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
}

type Ended = (&'static str, anyhow::Result<()>);

/// Starts the roles and runs until a signal or the first role that ends early.
///
/// # Errors
/// What cannot be started, or why a role ended.
pub async fn run(settings: Settings, demo: bool) -> anyhow::Result<()> {
    remark_on_unused(&settings);
    let files = files::raise_limit()?;
    let data = DataDir::open(&settings.server.data_dir)?;
    let store = backends::open_store(&data.store()).await?;
    let known = store.deployment().await.with_context(|| unusable_store(&data))?;
    let broker = match &known {
        // What is fixed is compared before anything is made.
        Some(_) => None,
        None => Some(deployment::refuse_used_log(backends::open_broker(&settings, &data).await?, &data).await?),
    };
    let deployment = deployment::open(&store, &settings, demo).await?;
    let epoch = epoch::current(&store, &deployment).await?;
    let first_admin = first_accounts(&store, demo).await?;
    let broker = match broker {
        Some(broker) => broker,
        None => backends::open_broker(&settings, &data).await?,
    };
    let (events, inbox) = mpsc::channel(LINK_EVENTS);
    let node = node_name(&settings);
    let incarnation = format!("{node}-{:08x}", rand::random::<u32>());
    let link_config =
        LinkConfig { archive_lag_records: settings.archive.max_lag_records, ..LinkConfig::new(incarnation.clone()) };
    let link = Link::start(broker.clone(), link_config, events).await.context("cannot subscribe to the broker")?;
    let live = backends::open_live();
    let registry = prometheus::Registry::new();
    register_process_metrics(&registry)?;
    let tcp_connections = files::room_for_connections(&settings.limits, files);
    let parts =
        Parts { settings, tcp_connections, node, incarnation, deployment, epoch, store, live, broker, link, registry };
    let result = serve(&parts, inbox, first_admin, demo).await;
    let deadline = Duration::from_secs(parts.settings.server.stop_stage_s);
    stop::stage("link", deadline, parts.link.stop()).await;
    stop::stage("broker", deadline, parts.broker.transport().close()).await;
    stop::stage("store", deadline, parts.store.close()).await;
    let result = result.map_err(|error| if is_of_store(&error) { error.context(unusable_store(&data)) } else { error });
    drop(data);
    result
}

/// Whether the store itself cannot be used any more, wherever that was found.
fn is_of_store(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref()
            .is_some_and(|error: &StoreError| !error.is_retryable() && !matches!(error, StoreError::Closed))
    })
}

fn unusable_store(data: &DataDir) -> String {
    format!("the store {} cannot be used: {}", data.store().display(), backends::WAY_OUT)
}

async fn first_accounts(store: &Arc<dyn Store>, demo: bool) -> anyhow::Result<Option<(String, String)>> {
    if demo {
        accounts::make_demo(store).await?;
        return Ok(None);
    }
    let tenant = kefu_model::TenantId::new("default")?;
    let admin = kefu_edge::directory::ensure_first_admin(store, &tenant).await?;
    Ok(admin.map(|admin| (admin.username, admin.password)))
}

/// Runs the roles. Edges stop first, then the workers, so that what clients sent is decided and answered.
async fn serve(
    parts: &Parts,
    inbox: mpsc::Receiver<LinkEvent>,
    first_admin: Option<(String, String)>,
    demo: bool,
) -> anyhow::Result<()> {
    let roles: BTreeSet<Role> = parts.settings.server.roles.iter().copied().collect();
    let (edges_stop, workers_stop) = (CancellationToken::new(), CancellationToken::new());
    let mut edges: JoinSet<Ended> = JoinSet::new();
    let mut workers: JoinSet<Ended> = JoinSet::new();
    start_workers(parts, &roles, &mut workers, &workers_stop)?;
    let mut banner = None;
    if roles.contains(&Role::Edge) {
        let address = edge::start(parts, inbox, &mut edges, edges_stop.clone()).await?;
        let public_url = parts.settings.server.public_url.clone();
        banner = Some(Banner { address, public_url, demo, first_admin });
    } else {
        let ops =
            ops::Ops { broker: parts.broker.clone(), store: parts.store.clone(), registry: parts.registry.clone() };
        let (listen, stop) = (parts.settings.ops.listen, workers_stop.clone());
        workers.spawn(async move { ("health and metrics", ops::serve(ops, listen, stop).await) });
        drain(inbox);
        println!("Kefu runs {roles:?}; health and metrics are on http://{listen}");
    }
    let own_router = roles.contains(&Role::Router);
    let early = tokio::select! {
        signal = greet_and_wait(parts, own_router, banner) => signal.err(),
        Some(ended) = edges.join_next() => Some(ended_early(ended)),
        Some(ended) = workers.join_next() => Some(ended_early(ended)),
    };
    stop::exit_on_second_signal();
    tracing::info!("stopping");
    let deadline = Duration::from_secs(parts.settings.server.stop_stage_s);
    edges_stop.cancel();
    let edges = stop::stage("edge", deadline, all_ended(&mut edges)).await;
    workers_stop.cancel();
    let workers = stop::stage("workers", deadline, all_ended(&mut workers)).await;
    match early.or(edges.flatten()).or(workers.flatten()) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn start_workers(
    parts: &Parts,
    roles: &BTreeSet<Role>,
    tasks: &mut JoinSet<Ended>,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let settle = backends::settle(&parts.settings);
    let (worker, registry) = (parts.incarnation.clone(), &parts.registry);
    let (broker, store) = (parts.broker.clone(), parts.store.clone());
    if roles.contains(&Role::Router) {
        let config = RouterConfig { worker: worker.clone(), settle, limits: Limits::default() };
        let role = Router::bind(config, broker.clone(), store.clone(), registry)?;
        let stop = stop.clone();
        tasks.spawn(async move { ("router", role.serve(stop).await.map_err(Into::into)) });
    }
    if roles.contains(&Role::Assigner) {
        let settings = &parts.settings.allocation;
        let settings = allocation::Settings {
            grace_ms: settings.grace_s * 1_000,
            default_capacity: settings.default_capacity,
            ..allocation::Settings::default()
        };
        let handles = AssignerHandles {
            broker: broker.clone(),
            link: parts.link.clone(),
            store: store.clone(),
            live: parts.live.clone(),
        };
        let role = Assigner::bind(AssignerConfig { worker, settle, settings }, handles, registry)?;
        let stop = stop.clone();
        tasks.spawn(async move { ("assigner", role.serve(stop).await.map_err(Into::into)) });
    }
    if roles.contains(&Role::Archiver) {
        let settings = &parts.settings.archive;
        let config = ArchiverConfig {
            gather: Gather { at_most: Duration::from_millis(settings.gather_ms), ..ArchiverConfig::default().gather },
            log_retention: Duration::from_secs(settings.log_days * 24 * 60 * 60),
        };
        let role = Archiver::bind(config, broker.clone(), store.clone(), registry)?;
        let stop = stop.clone();
        tasks.spawn(async move { ("archiver", role.serve(stop).await.map_err(Into::into)) });
    }
    if roles.contains(&Role::Reporter) {
        let role = Reporter::bind(ReporterConfig::default(), broker, store);
        let stop = stop.clone();
        tasks.spawn(async move { ("reporter", role.serve(stop).await.map_err(Into::into)) });
    }
    Ok(())
}

/// A role that ends before it is asked to ends the process.
fn ended_early(ended: Result<Ended, tokio::task::JoinError>) -> anyhow::Error {
    match ended {
        Ok((role, Ok(()))) => anyhow!("the {role} ended by itself"),
        Ok((role, Err(error))) => error.context(format!("the {role} failed")),
        Err(error) => anyhow!(error).context("a role panicked"),
    }
}

/// The first error of those that were asked to end.
async fn all_ended(tasks: &mut JoinSet<Ended>) -> Option<anyhow::Error> {
    let mut first = None;
    while let Some(ended) = tasks.join_next().await {
        let error = match ended {
            Ok((_, Ok(()))) => continue,
            other => ended_early(other),
        };
        first = first.or(Some(error));
    }
    first
}

/// Prints the first lines once they are true, then waits for the signal to stop.
async fn greet_and_wait(parts: &Parts, own_router: bool, banner: Option<Banner>) -> anyhow::Result<()> {
    let greet = async {
        if let Some(banner) = banner {
            wait_until_ready(parts, own_router).await;
            banner.print();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = greet => Ok(()),
        signal = stop::signal() => signal,
    }
}

/// The first lines are printed when clicking them works.
async fn wait_until_ready(parts: &Parts, own_router: bool) {
    if !own_router {
        return;
    }
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while parts.link.status().owned < parts.link.status().logs && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Nobody follows conversations in a process without an edge.
fn drain(mut inbox: mpsc::Receiver<LinkEvent>) {
    tokio::spawn(async move { while inbox.recv().await.is_some() {} });
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

fn remark_on_unused(settings: &Settings) {
    if !settings.redis.url.is_empty() {
        tracing::warn!(
            "redis.url is set; this release keeps what is true right now in the process and does not use it"
        );
    }
    if Role::ALL.iter().any(|role| !settings.server.roles.contains(role)) {
        tracing::warn!(
            "this process has not all roles; in this release the store and what is true right now are its own, so other \
             processes do not share them"
        );
    }
    if !settings.files.dir.as_os_str().is_empty() {
        tracing::warn!("files.dir is set; this release has no uploads yet");
    }
}

/// The settings' tenants, or the default one.
pub(crate) fn tenants(settings: &Settings) -> anyhow::Result<Vec<kefu_edge::TenantConfig>> {
    use secrecy::ExposeSecret as _;
    let default = [kefu::settings::Tenant::default()];
    let listed = if settings.tenants.is_empty() { &default[..] } else { &settings.tenants };
    let mut tenants = Vec::new();
    for tenant in listed {
        let secret = tenant.identity_secret.expose_secret();
        if !secret.is_empty() && secret.len() < 32 {
            bail!("the identity_secret of the tenant {} has fewer than 32 bytes", tenant.id);
        }
        tenants.push(kefu_edge::TenantConfig {
            tenant: kefu_model::TenantId::new(&tenant.id).with_context(|| format!("the tenant id {:?}", tenant.id))?,
            site_key: tenant.site_key.clone(),
            identity_secret: (!secret.is_empty()).then(|| tenant.identity_secret.clone()),
            identity_audience: tenant.identity_audience.clone(),
        });
    }
    Ok(tenants)
}
