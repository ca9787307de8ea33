//! Connections, for supervisors.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kefu_model::{User, UserKind};
use kefu_nats::notice::Notice;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::shapes::List;
use crate::frame::{Code, Time, User as WireUser, UserType};
use crate::http::{Access, Overseers, PathOf, Problem, ProblemBody, QueryOf, given_id};
use crate::services::Services;

/// A connection.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConnectionInfo {
    id: String,
    user: WireUser,
    device: String,
    /// `websocket` or `sse`.
    transport: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    connected_at: Time,
    /// The edge that holds it.
    edge: String,
}

impl From<kefu_live::Connection> for ConnectionInfo {
    fn from(connection: kefu_live::Connection) -> Self {
        Self {
            id: connection.id,
            user: (&connection.user).into(),
            device: connection.device,
            transport: connection.transport,
            client: connection.client,
            address: connection.address,
            connected_at: connection.connected_at.into(),
            edge: connection.edge.to_string(),
        }
    }
}

/// Which connections.
#[derive(Debug, Deserialize, garde::Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConnectionsParams {
    /// Of this user.
    #[garde(length(max = 64))]
    user_id: Option<String>,
    /// The type of `user_id`, `kefu` unless given.
    #[garde(skip)]
    #[param(inline)]
    user_type: Option<UserType>,
    /// `next` of the answer before.
    #[garde(length(max = 128))]
    cursor: Option<String>,
    /// 50 unless given, at most 200.
    #[garde(range(min = 1, max = 200))]
    limit: Option<usize>,
    /// The same as `limit`.
    #[garde(range(min = 1, max = 200))]
    page_size: Option<usize>,
}

fn user_of(params: &ConnectionsParams) -> Result<Option<User>, Problem> {
    let kind = params.user_type.map_or(UserKind::Agent, Into::into);
    let id = params.user_id.as_deref().map(|id| given_id("user_id", id)).transpose()?;
    Ok(id.map(|id| User { kind, id }))
}

/// Connections of the tenant, or of one user.
#[utoipa::path(get, path = "/api/connections", tag = "system", params(ConnectionsParams),
    responses((status = 200, body = List<ConnectionInfo>), (status = "default", body = ProblemBody)))]
pub(crate) async fn connections(
    State(services): State<Arc<Services>>,
    access: Access<Overseers>,
    QueryOf(params): QueryOf<ConnectionsParams>,
) -> Result<Json<List<ConnectionInfo>>, Problem> {
    if let Some(user) = user_of(&params)? {
        let found = services.live.connections_of(&access.tenant, &user).await?;
        let total = Some(found.len() as u64);
        return Ok(Json(List { items: found.into_iter().map(Into::into).collect(), total, next: None }));
    }
    let limit = params.limit.or(params.page_size).unwrap_or(50);
    let page = services.live.connections(&access.tenant, params.cursor.as_deref(), limit).await?;
    let counts = services.live.connection_counts(&access.tenant).await?;
    let items = page.connections.into_iter().map(Into::into).collect();
    Ok(Json(List { items, total: Some(counts.connections as u64), next: page.next }))
}

/// One connection.
#[utoipa::path(get, path = "/api/connections/{id}", tag = "system", params(("id" = String, Path)),
    responses((status = 200, body = ConnectionInfo), (status = 404, body = ProblemBody)))]
pub(crate) async fn connection(
    State(services): State<Arc<Services>>,
    access: Access<Overseers>,
    PathOf(id): PathOf<String>,
) -> Result<Json<ConnectionInfo>, Problem> {
    let found = find(&services, &access, &id).await?;
    Ok(Json(found.into()))
}

async fn find(services: &Services, access: &Access<Overseers>, id: &str) -> Result<kefu_live::Connection, Problem> {
    if id.len() > kefu_live::limits::TEXT_BYTES {
        return Err(Problem::of(Code::NoConnection));
    }
    services.live.connection(&access.tenant, id).await?.ok_or_else(|| Problem::of(Code::NoConnection))
}

/// Closes a connection (4004). Its client may come back.
#[utoipa::path(delete, path = "/api/connections/{id}", tag = "system", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemBody)))]
pub(crate) async fn disconnect(
    State(services): State<Arc<Services>>,
    access: Access<Overseers>,
    PathOf(id): PathOf<String>,
) -> Result<StatusCode, Problem> {
    let found = find(&services, &access, &id).await?;
    let notice = Notice::Disconnect { tenant: access.tenant.clone(), connection: Some(found.id), user: None };
    services.upstream.notify(&notice).await;
    Ok(StatusCode::NO_CONTENT)
}

/// Closes all connections of a user (4004).
#[utoipa::path(delete, path = "/api/connections", tag = "system", params(ConnectionsParams),
    responses((status = 204), (status = "default", body = ProblemBody)))]
pub(crate) async fn disconnect_user(
    State(services): State<Arc<Services>>,
    access: Access<Overseers>,
    QueryOf(params): QueryOf<ConnectionsParams>,
) -> Result<StatusCode, Problem> {
    let user = user_of(&params)?.ok_or_else(|| Problem::field("user_id", "is missing"))?;
    let notice = Notice::Disconnect { tenant: access.tenant.clone(), connection: None, user: Some(user) };
    services.upstream.notify(&notice).await;
    Ok(StatusCode::NO_CONTENT)
}
