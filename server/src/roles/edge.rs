//! The edge, from the settings.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use kefu_edge::{Edge, EdgeConfig, EdgeHandles, EdgeInfo};
use kefu_nats::LinkEvent;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Ended, Parts, tenants};
use crate::backends;
use crate::files;
use crate::pages::Pages;
use kefu::settings::Settings;

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// Binds the edge and serves it as a task; answers the address it listens on.
pub(super) async fn start(
    parts: &Parts,
    listener: TcpListener,
    events: mpsc::Receiver<LinkEvent>,
    tasks: &mut JoinSet<Ended>,
    stop: CancellationToken,
) -> anyhow::Result<SocketAddr> {
    let opened = &parts.opened;
    let handles = EdgeHandles {
        link: opened.link.clone(),
        events,
        reports: opened.broker.reports().await.context("reports of processes")?,
        store: opened.store.clone(),
        live: opened.live.clone(),
        files: backends::open_files(&parts.settings)?,
        assets: Arc::new(Pages),
        metrics: opened.registry.clone(),
        info: EdgeInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("KEFU_COMMIT").unwrap_or_default().to_owned(),
            partitions: opened.deployment.partitions,
            demo: opened.deployment.demo,
            epoch: opened.epoch,
        },
    };
    let tcp_connections = files::room_for_connections(&parts.settings.limits, parts.open_files);
    let config = EdgeConfig { tcp_connections, ..config(&parts.settings, &opened.node)? };
    let edge = Edge::bind(config, handles, listener).await.context("the edge")?;
    let address = edge.address();
    tasks.spawn(async move { ("edge", edge.serve(stop).await.map_err(Into::into)) });
    Ok(address)
}

fn config(settings: &Settings, node: &str) -> anyhow::Result<EdgeConfig> {
    let (server, auth, limits) = (&settings.server, &settings.auth, &settings.limits);
    Ok(EdgeConfig {
        node: node.to_owned(),
        public_url: Some(server.public_url.clone()).filter(|url| !url.is_empty()),
        allowed_origins: server.allowed_origins.clone(),
        frame_ancestors: server.frame_ancestors.clone(),
        trusted_proxies: server.trusted_proxies.clone(),
        tenants: tenants(settings)?,
        // Of one that is alone nobody looks for another.
        drain_notice_ms: if backends::is_embedded(settings) { 0 } else { server.drain_notice_ms },
        login_ttl_ms: auth.login_minutes * MINUTE_MS,
        login_remember_ttl_ms: auth.remember_days * DAY_MS,
        visitor_ttl_ms: auth.visitor_days * DAY_MS,
        default_capacity: settings.allocation.default_capacity,
        connections: limits.connections,
        connections_per_user: limits.connections_per_user,
        connections_per_address: limits.connections_per_address,
        frame_bytes: limits.frame_bytes,
        frames_per_second: limits.frames_per_second,
        frames_burst: limits.frames_burst,
        outgoing_frames: limits.outgoing_frames,
        outgoing_bytes: limits.outgoing_bytes,
        requests_per_address_minute: limits.requests_per_address_minute,
        requests_per_user_minute: limits.requests_per_user_minute,
        visitors_per_address_minute: limits.visitors_per_address_minute,
        logins_per_address_minute: limits.logins_per_address_minute,
        login_failures: limits.login_failures,
        login_lock_ms: limits.login_lock_minutes * MINUTE_MS,
        ..EdgeConfig::default()
    })
}
