//! Whether anybody is there.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::attendance::{Service, service};
use crate::http::{Access, AnyUser, ProblemBody};
use crate::services::Services;

/// Whether anybody is there.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceAnswer {
    service: Service,
}

/// Whether anybody takes chats now. The answer may be a few seconds old.
#[utoipa::path(get, path = "/api/kehu/service", tag = "visitors",
    responses((status = 200, body = ServiceAnswer), (status = "default", body = ProblemBody)))]
pub(crate) async fn attendance(State(services): State<Arc<Services>>, access: Access<AnyUser>) -> Json<ServiceAnswer> {
    Json(ServiceAnswer { service: service(&services, &access.tenant).await })
}
