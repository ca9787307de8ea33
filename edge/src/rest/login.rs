//! Agents: login, logout, status, heartbeat.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode};
use kefu_model::User;
use kefu_nats::notice::Notice;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::shapes::UserInfo;
use super::users::agent_info;
use crate::auth::{Attempts, Credential, LoggedIn, hex};
use crate::clock;
use crate::frame::{AgentStatus, Code, Time};
use crate::http::{Access, Agents, BodyOf, Client, Problem, ProblemBody, Public, limit_address};
use crate::presence::Chosen;
use crate::services::Services;

/// How long an answer waits until everyone was told of a status.
const TOLD_WITHIN: Duration = Duration::from_secs(1);

/// A login.
#[derive(Deserialize, garde::Validate, ToSchema)]
pub(crate) struct LoginRequest {
    #[garde(length(min = 1, max = 128))]
    username: String,
    #[garde(length(min = 1, max = 1_024))]
    password: String,
    /// Stay logged in for 30 days.
    #[garde(skip)]
    #[serde(default)]
    remember: bool,
    /// Names the tenant; needed where there are several.
    #[garde(length(max = 128))]
    site_key: Option<String>,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub(crate) struct LoginAnswer {
    session_token: String,
    /// It moves on while the token is used.
    expires_at: Time,
    user: UserInfo,
}

/// Logs an agent in.
#[utoipa::path(post, path = "/api/kefu/login", tag = "agents", security(()), request_body = LoginRequest,
    responses((status = 200, body = LoginAnswer), (status = 401, body = ProblemBody), (status = 429, body = ProblemBody)))]
pub(crate) async fn login(
    State(services): State<Arc<Services>>,
    _: Public,
    Client(address): Client,
    headers: HeaderMap,
    BodyOf(request): BodyOf<LoginRequest>,
) -> Result<Json<LoginAnswer>, Problem> {
    limit_address(&services, "logins", address, services.config.logins_per_address_minute).await?;
    let site = services.config.tenant_of_site(request.site_key.as_deref());
    let tenant = &site.ok_or_else(|| Problem::of(Code::UnknownSite))?.tenant;
    let attempts = Attempts::new(&services.live, &services.config, tenant, &request.username, address);
    if let Some(ms) = attempts.locked_ms().await {
        return Err(Problem::of(Code::LockedOut).retry_after_ms(ms));
    }
    let user = services.store.user_by_username(tenant, &request.username).await?;
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    let fits = services.auth.passwords.verify(request.password, hash).await?;
    // A disabled agent gets the same answer, after the same work, as an unknown one.
    let Some(user) = user.filter(|user| fits && !user.disabled) else {
        services.metrics.auth_failures.with_label_values(&["password"]).inc();
        return Err(match attempts.failed().await {
            Some(ms) => Problem::of(Code::LockedOut).retry_after_ms(ms),
            None => Problem::of(Code::WrongPassword),
        });
    };
    attempts.succeeded().await;
    let device = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let LoggedIn { token, expires_at, caller } = services.auth.log_in(&user, request.remember, device).await?;
    let status = services.status_of(&caller).await.status;
    // A login alone is no presence: a connection, a heartbeat or a status is.
    let online = services.presence.chosen(&caller.tenant, &caller.user.id).is_some();
    let user = agent_info(&user, Some(status), Some(online));
    Ok(Json(LoginAnswer { session_token: token, expires_at: expires_at.into(), user }))
}

/// Logs out: the token is worth nothing any more and its sockets close.
#[utoipa::path(post, path = "/api/kefu/logout", tag = "agents", responses((status = 204)))]
pub(crate) async fn logout(
    State(services): State<Arc<Services>>,
    access: Access<Agents>,
) -> Result<StatusCode, Problem> {
    let Credential::Login { hash, .. } = access.credential else { return Ok(StatusCode::NO_CONTENT) };
    services.auth.log_out(hash).await?;
    services.presence.logged_out(&access.tenant, &access.user.id);
    let revoked =
        Notice::Revoked { tenant: access.tenant.clone(), user: access.user.clone(), session: Some(hex(&hash)) };
    services.upstream.notify(&revoked).await;
    Ok(StatusCode::NO_CONTENT)
}

/// An agent's status.
#[derive(Debug, Deserialize, garde::Validate, ToSchema)]
pub(crate) struct StatusRequest {
    #[garde(skip)]
    status: AgentStatus,
    /// Most sessions at a time, at most what the agent was given.
    #[garde(range(max = 1_000))]
    capacity: Option<u16>,
}

/// An agent's status.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StatusAnswer {
    user_id: String,
    status: AgentStatus,
    capacity: u16,
    /// Sessions that take a place.
    active: u16,
}

/// The caller's status.
#[utoipa::path(get, path = "/api/kefu/status", tag = "agents", responses((status = 200, body = StatusAnswer)))]
pub(crate) async fn status(State(services): State<Arc<Services>>, access: Access<Agents>) -> Json<StatusAnswer> {
    let status = services.status_of(&access).await.status;
    Json(status_answer(&services, &access, status.into(), None).await)
}

/// Sets the caller's status.
#[utoipa::path(put, path = "/api/kefu/status", tag = "agents", request_body = StatusRequest,
    responses((status = 200, body = StatusAnswer)))]
pub(crate) async fn set_status(
    State(services): State<Arc<Services>>,
    access: Access<Agents>,
    BodyOf(request): BodyOf<StatusRequest>,
) -> Result<Json<StatusAnswer>, Problem> {
    if request.capacity.is_some_and(|capacity| access.capacity.is_some_and(|given| capacity > given)) {
        return Err(Problem::field("capacity", "is more than the agent was given"));
    }
    let status = request.status.into();
    services.presence.heartbeat(&access, Chosen::now(status), heartbeat_until(&services));
    services.presence.set_status(&access, status, request.capacity);
    // Whoever asks next may ask another edge. In an outage it is made so later.
    let told = services.presence.until_told(&access.tenant, &access.user.id);
    let _ = tokio::time::timeout(TOLD_WITHIN, told).await;
    Ok(Json(status_answer(&services, &access, request.status, request.capacity).await))
}

/// The same as PUT.
#[utoipa::path(post, path = "/api/kefu/status", tag = "agents", request_body = StatusRequest,
    responses((status = 200, body = StatusAnswer)))]
pub(crate) async fn post_status(
    state: State<Arc<Services>>,
    access: Access<Agents>,
    body: BodyOf<StatusRequest>,
) -> Result<Json<StatusAnswer>, Problem> {
    set_status(state, access, body).await
}

async fn status_answer(
    services: &Services,
    access: &Access<Agents>,
    status: AgentStatus,
    capacity: Option<u16>,
) -> StatusAnswer {
    let view = services.glance(&access.tenant).await.unwrap_or_default();
    let known = view.agents.into_iter().find(|agent| agent.id == access.user.id);
    let load = known.as_ref().map_or(0, |agent| agent.load);
    let capacity = capacity.or(known.map(|agent| agent.capacity)).or(access.capacity).unwrap_or_default();
    StatusAnswer { user_id: access.user.id.as_str().to_owned(), status, capacity, active: load }
}

/// A heartbeat.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeartbeatAnswer {
    expires_at: Time,
    status: AgentStatus,
}

/// Says that the caller is here, for clients without a socket. It counts for a minute.
#[utoipa::path(post, path = "/api/kefu/heartbeat", tag = "agents", responses((status = 200, body = HeartbeatAnswer)))]
pub(crate) async fn heartbeat(
    State(services): State<Arc<Services>>,
    access: Access<Agents>,
) -> Result<Json<HeartbeatAnswer>, Problem> {
    let chosen = services.status_of(&access).await;
    services.presence.heartbeat(&access, chosen, heartbeat_until(&services));
    let Credential::Login { expires_at, .. } = access.credential else {
        return Err(Problem::of(Code::NoCredential));
    };
    Ok(Json(HeartbeatAnswer { expires_at: expires_at.into(), status: chosen.status.into() }))
}

fn heartbeat_until(services: &Services) -> u64 {
    clock::steady_ms() + services.config.heartbeat_ttl_ms
}

/// Ends all logins of an agent, and their sockets.
pub(super) async fn revoke_all(services: &Services, access: &Access<impl Sized>, agent: &User) -> Result<(), Problem> {
    services.auth.log_out_all(&access.tenant, &agent.id).await?;
    let revoked = Notice::Revoked { tenant: access.tenant.clone(), user: agent.clone(), session: None };
    services.upstream.notify(&revoked).await;
    Ok(())
}
