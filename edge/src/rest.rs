//! REST: the routes, their description, and who may call them.

mod ask;
mod assign;
mod connections;
mod conversations;
mod docs;
mod history;
mod items;
mod kehu;
mod link;
mod login;
mod logins;
mod marks;
mod messages;
mod problems;
mod processes;
mod service;
mod sessions;
mod shapes;
mod statistics;
mod system;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::frame::Code;
use crate::http::{Problem, around, page};
use crate::services::Services;
use crate::{sse, ws};

pub(crate) use history::answer as history_answer;

/// The calls that are described.
fn described() -> OpenApiRouter<Arc<Services>> {
    OpenApiRouter::with_openapi(base())
        .routes(routes!(kehu::session))
        .routes(routes!(service::attendance))
        .routes(routes!(login::login))
        .routes(routes!(login::logout))
        .routes(routes!(login::status, login::set_status, login::post_status))
        .routes(routes!(login::heartbeat))
        .routes(routes!(logins::list))
        .routes(routes!(logins::end))
        .routes(routes!(messages::send))
        .routes(routes!(messages::edit))
        .routes(routes!(messages::recall))
        .routes(routes!(messages::message))
        .routes(routes!(marks::mark_read))
        .routes(routes!(marks::mark_message))
        .routes(routes!(history::messages))
        .routes(routes!(history::with))
        .routes(routes!(conversations::conversations))
        .routes(routes!(sessions::sessions, sessions::open))
        .routes(routes!(statistics::statistics))
        .routes(routes!(sessions::session))
        .routes(routes!(sessions::end))
        .routes(routes!(assign::assign))
        .routes(routes!(assign::release))
        .routes(routes!(assign::customer))
        .routes(routes!(assign::cleanup))
        .routes(routes!(users::users, users::create))
        .routes(routes!(users::user, users::update))
        .routes(routes!(users::password))
        .routes(routes!(connections::connections, connections::disconnect_user))
        .routes(routes!(connections::connection, connections::disconnect))
        .routes(routes!(system::info))
        .routes(routes!(system::health))
        .routes(routes!(system::online_users))
        .routes(routes!(system::websocket_stats))
        .routes(routes!(processes::performance))
        .routes(routes!(processes::resources))
        .routes(routes!(sse::open))
        .routes(routes!(sse::post))
}

/// Everything that this edge answers.
pub(crate) fn router(services: &Arc<Services>) -> Router {
    let (router, _) = described().split_for_parts();
    router
        .route("/ws", get(ws::upgrade))
        .route("/ws/{user_id}", get(ws::upgrade))
        .route("/livez", get(system::livez))
        .route("/readyz", get(system::readyz))
        .route("/metrics", get(system::metrics))
        .route("/api/openapi.json", get(docs::openapi_json))
        .route("/api/frames.json", get(docs::frames_json))
        .route("/docs", get(docs::redirect))
        .route("/docs/", get(docs::index))
        .route("/docs/{*path}", get(docs::asset))
        .fallback(page)
        .method_not_allowed_fallback(async || Problem::of(Code::MethodNotAllowed).into_response())
        .layer(DefaultBodyLimit::max(services.config.body_bytes))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(services), around))
        .with_state(Arc::clone(services))
}

fn base() -> OpenApi {
    let info = InfoBuilder::new()
        .title("Kefu")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Live customer service. Errors are application/problem+json with a stable code."));
    let mut api = OpenApiBuilder::new()
        .info(info)
        .security(Some([SecurityRequirement::new::<_, [&str; 0], &str>("token", [])]))
        .build();
    let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let mut components = api.components.take().unwrap_or_default();
    components.add_security_scheme("token", scheme);
    api.components = Some(components);
    api
}

/// The description of the HTTP API in OpenAPI, pretty-printed; served at `/api/openapi.json`.
#[must_use]
pub fn openapi() -> String {
    let (_, mut api) = described().split_for_parts();
    problems::describe(&mut api);
    let mut text = api.to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests;
