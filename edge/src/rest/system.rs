//! The system: what it is, how it is, who is here.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use prometheus::{Encoder, TextEncoder};
use serde::Serialize;
use utoipa::ToSchema;

use crate::frame::{AgentStatus, Code, Codec, User as WireUser, VERSION};
use crate::http::{Access, Agents, Overseers, Problem, ProblemBody, Public};
use crate::presence::from_live;
use crate::services::Services;

/// How long what is not needed may take to answer a check: less than a probe waits.
const SOON: Duration = Duration::from_millis(500);
/// Online agents that are listed.
const LISTED: usize = kefu_live::limits::PAGE_ITEMS;

/// What this is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SystemInfo {
    name: &'static str,
    version: String,
    commit: String,
    /// This edge.
    node: String,
    /// Version of the frames.
    protocol: u32,
    subprotocols: [&'static str; 2],
    uptime_s: u64,
    partitions: u16,
    demo: bool,
}

/// What this is.
#[utoipa::path(get, path = "/api/system/info", tag = "system", responses((status = 200, body = SystemInfo)))]
pub(crate) async fn info(State(services): State<Arc<Services>>, _: Access<Agents>) -> Json<SystemInfo> {
    let info = &services.info;
    Json(SystemInfo {
        name: "Kefu",
        version: info.version.clone(),
        commit: info.commit.clone(),
        node: services.config.node.clone(),
        protocol: VERSION,
        subprotocols: [Codec::Json.subprotocol(), Codec::Msgpack.subprotocol()],
        uptime_s: services.started.elapsed().as_secs(),
        partitions: info.partitions,
        demo: info.demo,
    })
}

/// Whether something works.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Check {
    /// `edge`, `link`, `log`, `owners`, `warm`, `store`, `live` or `files`.
    name: &'static str,
    ok: bool,
    /// Whether clients should go elsewhere while it is not ok.
    needed: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// How it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok` or `degraded`: then something is not ok, needed or not.
    status: &'static str,
    checks: Vec<Check>,
}

impl Health {
    /// 200 while all is ok that is needed.
    fn status_code(&self) -> StatusCode {
        let ready = self.checks.iter().all(|check| check.ok || !check.needed);
        if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    }
}

/// How this edge and what it needs are.
#[utoipa::path(get, path = "/api/system/health", tag = "system", security(()),
    responses((status = 200, body = Health), (status = 503, body = Health)))]
pub(crate) async fn health(State(services): State<Arc<Services>>, _: Public) -> (StatusCode, Json<Health>) {
    let health = look(&services).await;
    (health.status_code(), Json(health))
}

/// `/livez`: the process runs.
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// `/readyz`: whether clients should be sent here, and why not.
pub(crate) async fn readyz(State(services): State<Arc<Services>>) -> (StatusCode, String) {
    let health = look(&services).await;
    let lines = health.checks.iter().map(|check| match &check.detail {
        Some(detail) => format!("{}: {detail}\n", check.name),
        None => format!("{}: ok\n", check.name),
    });
    (health.status_code(), lines.collect())
}

async fn look(services: &Services) -> Health {
    let link = services.upstream.status();
    let (store, live, files) =
        tokio::join!(services.store.ping(), within(services.live.incarnation()), within(services.files.ping()),);
    let unowned = link.logs.saturating_sub(link.owned);
    let warm = services.warmth.is_complete();
    let checks = vec![
        check("edge", (!services.leaving.load(Ordering::Relaxed)).then_some(()).ok_or("is stopping")),
        check("link", link.connected.then_some(()).ok_or("the broker is not connected")),
        check("log", link.trouble.map_or(Ok(()), Err)),
        // Later a log without one gets another within seconds, and other edges miss it as well.
        Check {
            needed: !warm,
            ..check(
                "owners",
                (unowned == 0).then_some(()).ok_or(format!("{unowned} of {} logs without owner", link.logs)),
            )
        },
        check("warm", warm.then_some(()).ok_or("open conversations are being loaded")),
        // Everyone shares them, so elsewhere it is no better: without the store, conversations that are open go on and
        // tokens are checked as long as they are remembered; messages need neither `live` nor files.
        Check { needed: false, ..check("store", store) },
        Check { needed: false, ..check("live", live) },
        Check { needed: false, ..check("files", files) },
    ];
    let status = if checks.iter().all(|check| check.ok) { "ok" } else { "degraded" };
    Health { status, checks }
}

/// What is not needed may not keep the answer waiting.
async fn within<T, E: Display>(asked: impl Future<Output = Result<T, E>>) -> Result<(), String> {
    match tokio::time::timeout(SOON, asked).await {
        Ok(answer) => answer.map(drop).map_err(|error| error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

/// A check of something that is needed.
fn check(name: &'static str, result: Result<(), impl ToString>) -> Check {
    let detail = result.err().map(|error| error.to_string());
    Check { name, ok: detail.is_none(), needed: true, detail }
}

/// `/metrics`, for Prometheus.
pub(crate) async fn metrics(
    State(services): State<Arc<Services>>,
) -> Result<([(HeaderName, String); 1], Vec<u8>), Problem> {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    encoder.encode(&services.prometheus.gather(), &mut text).map_err(|_| Problem::of(Code::Internal))?;
    Ok(([(CONTENT_TYPE, encoder.format_type().to_owned())], text))
}

/// An agent who is here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OnlineUser {
    user: WireUser,
    status: AgentStatus,
}

/// Who is here.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OnlineUsers {
    /// Agents, at most 1000.
    items: Vec<OnlineUser>,
    /// Agents with a connection.
    agents: u64,
    /// Customers with a connection.
    customers: u64,
}

/// Agents who are here, and how many customers.
#[utoipa::path(get, path = "/api/system/online-users", tag = "system",
    responses((status = 200, body = OnlineUsers), (status = "default", body = ProblemBody)))]
pub(crate) async fn online_users(
    State(services): State<Arc<Services>>,
    access: Access<Agents>,
) -> Result<Json<OnlineUsers>, Problem> {
    let present = services.live.present(&access.tenant, None, LISTED).await?;
    let counts = services.live.connection_counts(&access.tenant).await?;
    let items = present.into_iter().map(|here| OnlineUser {
        user: (&kefu_model::User::agent(here.agent)).into(),
        status: from_live(here.status).into(),
    });
    let (agents, customers) = (counts.agents as u64, counts.customers as u64);
    Ok(Json(OnlineUsers { items: items.collect(), agents, customers }))
}

/// Numbers of connections.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebSocketStats {
    /// Of the tenant, at all edges.
    connections: u64,
    agents: u64,
    customers: u64,
    /// Of this edge, all tenants.
    edge_connections: u64,
    edge_websocket: i64,
    edge_sse: i64,
    frames_out: u64,
    followed_conversations: i64,
}

/// Numbers of connections.
#[utoipa::path(get, path = "/api/stats/websocket", tag = "system",
    responses((status = 200, body = WebSocketStats), (status = "default", body = ProblemBody)))]
pub(crate) async fn websocket_stats(
    State(services): State<Arc<Services>>,
    access: Access<Overseers>,
) -> Result<Json<WebSocketStats>, Problem> {
    let counts = services.live.connection_counts(&access.tenant).await?;
    let metrics = &services.metrics;
    let open = |transport: &str| metrics.connections.with_label_values(&[transport]).get();
    Ok(Json(WebSocketStats {
        connections: counts.connections as u64,
        agents: counts.agents as u64,
        customers: counts.customers as u64,
        edge_connections: services.places.taken() as u64,
        edge_websocket: open("websocket"),
        edge_sse: open("sse"),
        frames_out: metrics.frames_out.get(),
        followed_conversations: metrics.followed.get(),
    }))
}
