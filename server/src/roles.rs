//! Composition: backends, then roles, then a stop in stages.

mod edge;
mod open;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use kefu_archiver::{Archiver, ArchiverConfig};
use kefu_assigner::{Assigner, AssignerConfig, AssignerHandles};
use kefu_model::allocation;
use kefu_nats::LinkEvent;
use kefu_nats::engine::Limits;
use kefu_reporter::{Reporter, ReporterConfig};
use kefu_router::{Router, RouterConfig};
use kefu_store::StoreError;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::banner::Banner;
use crate::report::{self, Started};
use crate::waiting::Waiting;
use crate::{backends, files, ops, stop};
use kefu::settings::{Role, Settings};
use open::Opened;

/// Events on their way from the link to the edge.
const LINK_EVENTS: usize = 4_096;

/// What every role is made from.
pub(crate) struct Parts {
    pub(crate) settings: Settings,
    /// Most files that the process may have open, if there is a limit.
    pub(crate) open_files: Option<u64>,
    /// The data folder, if anything is kept in it.
    pub(crate) data: Option<PathBuf>,
    pub(crate) started: Started,
    pub(crate) opened: Opened,
}

type Ended = (&'static str, anyhow::Result<()>);

/// Starts the roles and runs until a signal or the first role that ends early.
///
/// # Errors
/// What cannot be started, or why a role ended.
pub async fn run(settings: Settings, demo: bool) -> anyhow::Result<()> {
    let started = Started::now();
    backends::check_shared(&settings)?;
    let open_files = files::raise_limit()?;
    let data = backends::open_data(&settings)?;
    let waiting = Waiting::listen(address(&settings), backends::any_is_a_server(&settings)).await?;
    let (events, inbox) = mpsc::channel(LINK_EVENTS);
    let opened = tokio::select! {
        opened = open::open(&settings, &data, demo, events, &waiting) => opened?,
        signal = stop::signal() => return signal,
    };
    let listener = waiting.into_listener().await?;
    let folder = data.in_use().map(Path::to_owned);
    let parts = Parts { settings, open_files, data: folder, started, opened };
    let result = serve(&parts, listener, inbox, demo).await;
    let deadline = Duration::from_secs(parts.settings.server.stop_stage_s);
    stop::stage("link", deadline, parts.opened.link.stop()).await;
    stop::stage("broker", deadline, parts.opened.broker.transport().close()).await;
    stop::stage("store", deadline, parts.opened.store.close()).await;
    drop(data);
    result.map_err(|error| if is_of_store(&error) { error.context(unusable_store(&parts.settings)) } else { error })
}

/// Where this process listens.
fn address(settings: &Settings) -> SocketAddr {
    if settings.server.roles.contains(&Role::Edge) { settings.server.listen } else { settings.ops.listen }
}

/// Whether the store itself cannot be used any more, wherever that was found.
fn is_of_store(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref()
            .is_some_and(|error: &StoreError| !error.is_retryable() && !matches!(error, StoreError::Closed))
    })
}

fn unusable_store(settings: &Settings) -> String {
    format!("{} cannot be used: {}", backends::store_name(settings), backends::WAY_OUT)
}

/// Runs the roles. Edges stop first, then the workers, so that what clients sent is decided and answered.
async fn serve(
    parts: &Parts,
    listener: TcpListener,
    inbox: mpsc::Receiver<LinkEvent>,
    demo: bool,
) -> anyhow::Result<()> {
    let roles: BTreeSet<Role> = parts.settings.server.roles.iter().copied().collect();
    let (edges_stop, workers_stop) = (CancellationToken::new(), CancellationToken::new());
    let mut edges: JoinSet<Ended> = JoinSet::new();
    let mut workers: JoinSet<Ended> = JoinSet::new();
    start_workers(parts, &roles, &mut workers, &workers_stop)?;
    start_reports(parts, &roles, &mut workers, workers_stop.clone());
    let mut banner = None;
    if roles.contains(&Role::Edge) {
        let address = edge::start(parts, listener, inbox, &mut edges, edges_stop.clone()).await?;
        let public_url = parts.settings.server.public_url.clone();
        banner = Some(Banner { address, public_url, demo, first_admin: parts.opened.first_admin.clone() });
    } else {
        let Opened { broker, store, registry, .. } = &parts.opened;
        let settled_at = Instant::now() + backends::settle(&parts.settings);
        let ops = ops::Ops { broker: broker.clone(), store: store.clone(), registry: registry.clone(), settled_at };
        let names: Vec<&str> = roles.iter().map(|role| role.as_str()).collect();
        println!("Kefu runs as {}; health and metrics are on http://{}", names.join(", "), listener.local_addr()?);
        let stop = workers_stop.clone();
        workers.spawn(async move { ("health and metrics", ops::serve(ops, listener, stop).await) });
        drain(inbox);
    }
    let early = tokio::select! {
        signal = greet_and_wait(parts, banner) => signal.err(),
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
    let Opened { registry, live, link, .. } = &parts.opened;
    let (worker, broker, store) =
        (parts.opened.incarnation.clone(), parts.opened.broker.clone(), parts.opened.store.clone());
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
        let handles =
            AssignerHandles { broker: broker.clone(), link: link.clone(), store: store.clone(), live: live.clone() };
        let role = Assigner::bind(AssignerConfig { worker: worker.clone(), settle, settings }, handles, registry)?;
        let stop = stop.clone();
        tasks.spawn(async move { ("assigner", role.serve(stop).await.map_err(Into::into)) });
    }
    if roles.contains(&Role::Archiver) {
        let settings = &parts.settings.archive;
        let mut config = ArchiverConfig::new(worker.clone(), settle);
        config.gather.at_most = Duration::from_millis(settings.gather_ms);
        config.log_retention = Duration::from_secs(settings.log_days * 24 * 60 * 60);
        let role = Archiver::bind(config, broker.clone(), store.clone(), registry)?;
        let stop = stop.clone();
        tasks.spawn(async move { ("archiver", role.serve(stop).await.map_err(Into::into)) });
    }
    if roles.contains(&Role::Reporter) {
        let role = Reporter::bind(ReporterConfig::new(worker, settle), broker, store, registry)?;
        let stop = stop.clone();
        tasks.spawn(async move { ("reporter", role.serve(stop).await.map_err(Into::into)) });
    }
    Ok(())
}

/// Tells the edges of this process, until it stops.
fn start_reports(parts: &Parts, roles: &BTreeSet<Role>, tasks: &mut JoinSet<Ended>, stop: CancellationToken) {
    let Opened { incarnation, broker, registry, .. } = &parts.opened;
    let process = report::Process {
        name: incarnation.clone(),
        roles: roles.iter().copied().collect(),
        started: parts.started,
        registry: registry.clone(),
        data: parts.data.clone(),
    };
    let broker = broker.clone();
    tasks.spawn(async move { ("reports of this process", report::run(process, broker, stop).await) });
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
async fn greet_and_wait(parts: &Parts, banner: Option<Banner>) -> anyhow::Result<()> {
    let greet = async {
        if let Some(banner) = banner {
            wait_until_owned(parts).await;
            banner.print();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = greet => Ok(()),
        signal = stop::signal() => signal,
    }
}

/// The first lines are printed when clicking them works: once every log has an owner, here or elsewhere.
async fn wait_until_owned(parts: &Parts) {
    let link = &parts.opened.link;
    while link.status().owned < link.status().logs {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Nobody follows conversations in a process without an edge.
fn drain(mut inbox: mpsc::Receiver<LinkEvent>) {
    tokio::spawn(async move { while inbox.recv().await.is_some() {} });
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
