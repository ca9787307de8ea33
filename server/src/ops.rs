//! Health and metrics of a process without the edge role.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use kefu_nats::Broker;
use kefu_nats::transport::ConnectionState;
use kefu_store::Store;
use prometheus::{Encoder as _, TextEncoder};
use tokio::net::TcpListener;
use tokio::time::{Duration, Instant, timeout};
use tokio_util::sync::CancellationToken;

/// What the answers are made of.
#[derive(Clone)]
pub struct Ops {
    /// The broker.
    pub broker: Broker,
    /// The store.
    pub store: Arc<dyn Store>,
    /// Metrics of all roles.
    pub registry: prometheus::Registry,
    /// From then on it takes work: before, it listens who else does.
    pub settled_at: Instant,
}

/// How long the store may take to answer a check: less than a probe waits.
const SOON: Duration = Duration::from_millis(500);

/// Serves until it is stopped.
///
/// # Errors
/// When the listener fails.
pub async fn serve(ops: Ops, listener: TcpListener, stop: CancellationToken) -> anyhow::Result<()> {
    let app = Router::new()
        .route("/livez", get(async || "alive\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(ops);
    axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await.context("health and metrics")
}

async fn ready(State(ops): State<Ops>) -> impl IntoResponse {
    if *ops.broker.transport().connection().borrow() != ConnectionState::Connected {
        return (StatusCode::SERVICE_UNAVAILABLE, "not ready: the broker cannot be reached\n");
    }
    if Instant::now() < ops.settled_at {
        return (StatusCode::SERVICE_UNAVAILABLE, "not ready: it listens who else is there\n");
    }
    match timeout(SOON, ops.store.ping()).await {
        Ok(Ok(())) => (StatusCode::OK, "ready\n"),
        Ok(Err(_)) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready: the store does not answer\n"),
    }
}

async fn metrics(State(ops): State<Ops>) -> impl IntoResponse {
    let mut text = Vec::new();
    match TextEncoder::new().encode(&ops.registry.gather(), &mut text) {
        Ok(()) => (StatusCode::OK, text),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Vec::new()),
    }
}
