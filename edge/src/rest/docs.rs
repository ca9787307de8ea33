//! The API's description, and a browser for it.

use std::sync::Arc;
use std::sync::OnceLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use utoipa_swagger_ui::Config;

use crate::frame::Code;
use crate::http::{PathOf, Problem};

/// `GET /api/openapi.json`.
pub(crate) async fn openapi_json() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    json(TEXT.get_or_init(super::openapi))
}

/// `GET /api/frames.json`.
pub(crate) async fn frames_json() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    json(TEXT.get_or_init(crate::frame::schema))
}

fn json(text: &'static str) -> Response {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], text).into_response()
}

/// `GET /docs`.
pub(crate) async fn redirect() -> Redirect {
    Redirect::permanent("/docs/")
}

/// `GET /docs/`.
pub(crate) async fn index() -> Response {
    file("index.html")
}

/// `GET /docs/{*path}`.
pub(crate) async fn asset(PathOf(path): PathOf<String>) -> Response {
    file(&path)
}

fn file(path: &str) -> Response {
    static CONFIG: OnceLock<Arc<Config<'static>>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| Arc::new(Config::new(["/api/openapi.json"])));
    match utoipa_swagger_ui::serve(path, Arc::clone(config)) {
        Ok(Some(file)) => ([(CONTENT_TYPE, file.content_type)], file.bytes.to_vec()).into_response(),
        Ok(None) => Problem::of(Code::NotFound).into_response(),
        Err(error) => {
            tracing::error!(%error, "the API browser cannot be served");
            Problem::of(Code::Internal).into_response()
        }
    }
}
