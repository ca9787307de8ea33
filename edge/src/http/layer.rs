//! Around every request: its id, limits, time, headers, metrics; and no panic reaches the socket.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use parking_lot::Mutex;

use super::access::limit_calls;
use super::problem::{Problem, RefusedWith};
use super::{cors, headers};
use crate::config::millis;
use crate::frame::Code;
use crate::services::Services;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATE_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATE_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
/// Longest request id that is taken over, in bytes.
const REQUEST_ID_BYTES: usize = 64;

/// What is known of the request being handled.
struct Handling {
    request_id: String,
    limit: Mutex<Option<Limit>>,
}

/// A rate limit as the client is told of it.
#[derive(Clone, Copy)]
struct Limit {
    limit: u32,
    remaining: u32,
    reset: Duration,
}

tokio::task_local! {
    static HANDLING: Handling;
}

/// The id of the request being handled; empty outside of one.
pub(super) fn request_id() -> String {
    HANDLING.try_with(|handling| handling.request_id.clone()).unwrap_or_default()
}

/// Notes the tightest limit of the request being handled.
pub(super) fn note_limit(limit: u32, remaining: u32, reset: Duration) {
    let _ = HANDLING.try_with(|handling| {
        let mut noted = handling.limit.lock();
        if noted.is_none_or(|other| remaining <= other.remaining) {
            *noted = Some(Limit { limit, remaining, reset });
        }
    });
}

/// The middleware.
pub(crate) async fn around(State(services): State<Arc<Services>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = given_request_id(&request).unwrap_or_else(|| uuid::Uuid::new_v4().simple().to_string());
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let origin = cors::origin_of(&request, &services.config);
    let handling = Handling { request_id: request_id.clone(), limit: Mutex::default() };
    let (mut response, limit) = HANDLING
        .scope(handling, async {
            let response = guarded(&services, request, next).await;
            let limit = HANDLING.with(|handling| *handling.limit.lock());
            (response, limit)
        })
        .await;
    observe(&services, &method, &route, &response, started);
    let all = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        all.insert(REQUEST_ID, value);
    }
    if let Some(limit) = limit {
        all.insert(RATE_LIMIT, limit.limit.into());
        all.insert(RATE_REMAINING, limit.remaining.into());
        all.insert(RATE_RESET, limit.reset.as_secs().into());
    }
    headers::secure(all, &path, &services.config);
    cors::allow(all, origin);
    response
}

async fn guarded(services: &Arc<Services>, request: Request, next: Next) -> Response {
    if let Some(answer) = cors::preflight(&request, &services.config) {
        return answer;
    }
    let path = request.uri().path().to_owned();
    let (parts, body) = request.into_parts();
    if path.starts_with("/api/")
        && let Err(problem) = limit_calls(services, &parts).await
    {
        return problem.into_response();
    }
    let request = Request::from_parts(parts, body);
    let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(millis(services.config.request_timeout_ms), handled).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            tracing::error!("a request handler panicked");
            Problem::of(Code::Internal).into_response()
        }
        Err(_) => Problem::of(Code::TimedOut).into_response(),
    }
}

fn observe(services: &Services, method: &Method, route: &str, response: &Response<Body>, started: Instant) {
    let status = response.status();
    let labels = [method_label(method), route, status.as_str()];
    services.metrics.requests.with_label_values(&labels).observe(started.elapsed().as_secs_f64());
    if let Some(RefusedWith(code)) = response.extensions().get() {
        services.metrics.refuse(*code);
    }
}

/// A method's name in metrics. A peer may invent methods; each name would be a time series for ever.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn given_request_id(request: &Request) -> Option<String> {
    let id = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (plain && !id.is_empty() && id.len() <= REQUEST_ID_BYTES).then(|| id.to_owned())
}
