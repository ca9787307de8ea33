//! An agent's own logins: where they are logged in, and an end to each.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kefu_nats::notice::Notice;
use kefu_store::LoginSession;
use serde::Serialize;
use utoipa::ToSchema;

use super::shapes::List;
use crate::auth::{Credential, hex};
use crate::frame::{Code, Time};
use crate::http::{Access, Agents, PathOf, Problem, ProblemBody};
use crate::services::Services;

/// Bytes of a token's hash that name its login.
const NAME_BYTES: usize = 16;

/// A login.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LoginInfo {
    /// Names the login; not its token.
    id: String,
    created_at: Time,
    /// It moves on while the login is used.
    expires_at: Time,
    /// To the minute.
    last_seen_at: Time,
    /// Whether "remember me" was set.
    remember: bool,
    /// What the browser said it is.
    device: String,
    /// Whether this call was made with it.
    current: bool,
}

fn name_of(hash: &[u8; 32]) -> String {
    hex(&hash[..NAME_BYTES])
}

fn own_hash(access: &Access<Agents>) -> Option<[u8; 32]> {
    match access.credential {
        Credential::Login { hash, .. } => Some(hash),
        Credential::Visitor { .. } => None,
    }
}

async fn logins_of(services: &Services, access: &Access<Agents>) -> Result<Vec<LoginSession>, Problem> {
    let mut logins = services.store.logins_of(&access.tenant, &access.user).await?;
    logins.sort_by_key(|login| std::cmp::Reverse(login.last_seen_at));
    Ok(logins)
}

/// The caller's logins, last used first.
#[utoipa::path(get, path = "/api/kefu/logins", tag = "agents", operation_id = "list_logins",
    responses((status = 200, body = List<LoginInfo>), (status = "default", body = ProblemBody)))]
pub(crate) async fn list(
    State(services): State<Arc<Services>>,
    access: Access<Agents>,
) -> Result<Json<List<LoginInfo>>, Problem> {
    let own = own_hash(&access);
    let info = |login: LoginSession| LoginInfo {
        id: name_of(&login.token_hash.0),
        created_at: login.created_at.into(),
        expires_at: login.expires_at.into(),
        last_seen_at: login.last_seen_at.into(),
        remember: login.remember,
        device: login.device,
        current: own == Some(login.token_hash.0),
    };
    let items: Vec<LoginInfo> = logins_of(&services, &access).await?.into_iter().map(info).collect();
    let total = Some(items.len() as u64);
    Ok(Json(List { items, total, next: None }))
}

/// Ends one of the caller's logins: its token is worth nothing any more and its sockets close (4203).
#[utoipa::path(delete, path = "/api/kefu/logins/{id}", tag = "agents", operation_id = "end_login",
    params(("id" = String, Path)), responses((status = 204), (status = 404, body = ProblemBody)))]
pub(crate) async fn end(
    State(services): State<Arc<Services>>,
    access: Access<Agents>,
    PathOf(id): PathOf<String>,
) -> Result<StatusCode, Problem> {
    let logins = logins_of(&services, &access).await?;
    let login = logins.into_iter().find(|login| name_of(&login.token_hash.0) == id);
    let hash = login.ok_or_else(|| Problem::of(Code::NotFound))?.token_hash.0;
    services.auth.log_out(hash).await?;
    let revoked =
        Notice::Revoked { tenant: access.tenant.clone(), user: access.user.clone(), session: Some(hex(&hash)) };
    services.upstream.notify(&revoked).await;
    Ok(StatusCode::NO_CONTENT)
}
