//! Static pages.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};

use super::problem::Problem;
use crate::assets::Asset;
use crate::auth::hex;
use crate::frame::Code;
use crate::services::Services;

/// Whatever no route takes: a page, a file, or nothing.
pub(crate) async fn page(State(services): State<Arc<Services>>, request: Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/api/") || path == "/ws" || path.starts_with("/ws/") {
        return Problem::of(Code::NotFound).into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Problem::of(Code::MethodNotAllowed).into_response();
    }
    if path == "/kefu" || path == "/kehu" {
        return Redirect::permanent(&format!("{path}/")).into_response();
    }
    match find(&services, path) {
        Some(asset) => file(asset, request.headers().get(IF_NONE_MATCH)),
        None => Problem::of(Code::NotFound).into_response(),
    }
}

fn find(services: &Services, path: &str) -> Option<Asset> {
    let path = path.trim_start_matches('/');
    if path.split('/').any(|part| part == "..") {
        return None;
    }
    let folder = path.is_empty() || path.ends_with('/');
    let own = if folder { format!("{path}index.html") } else { path.to_owned() };
    services.assets.get(&own).or_else(|| {
        // An address within the console is the console's own business.
        let last = path.rsplit('/').next().unwrap_or_default();
        let page = (path.starts_with("kefu/") && !last.contains('.')).then_some("kefu/index.html")?;
        services.assets.get(page)
    })
}

fn file(asset: Asset, known: Option<&HeaderValue>) -> Response {
    let cache = if asset.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let digest = asset.bytes.as_ref();
    let etag = format!("\"{}\"", hex(&hash_bytes(digest)[..12]));
    let Ok(etag) = HeaderValue::from_str(&etag) else { return Problem::of(Code::Internal).into_response() };
    let unchanged = known == Some(&etag);
    let mut response = if unchanged {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mime = HeaderValue::from_str(&asset.mime).unwrap_or(HeaderValue::from_static("application/octet-stream"));
        ([(CONTENT_TYPE, mime)], asset.bytes).into_response()
    };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    response.headers_mut().insert(ETAG, etag);
    response
}

fn hash_bytes(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}
