//! Headers that keep browsers from helping attackers.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};

use crate::config::EdgeConfig;

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Adds them. What a handler set itself stays.
pub(super) fn secure(headers: &mut HeaderMap, path: &str, config: &EdgeConfig) {
    let mut set = |name: HeaderName, value: HeaderValue| {
        headers.entry(name).or_insert(value);
    };
    set(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    set(REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
    set(PERMISSIONS_POLICY, HeaderValue::from_static("camera=(self), microphone=(self), geolocation=()"));
    set(OPENER_POLICY, HeaderValue::from_static("same-origin"));
    if path.starts_with("/api/") || path.starts_with("/ws") {
        set(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(policy) = HeaderValue::from_str(&policy(path, config)) {
        set(CONTENT_SECURITY_POLICY, policy);
    }
}

fn policy(path: &str, config: &EdgeConfig) -> String {
    // The API browser is a vendored page with styles of its own.
    let styles = if path.starts_with("/docs") { "style-src 'self' 'unsafe-inline'; " } else { "" };
    let ancestors: String = config.frame_ancestors.iter().map(|origin| format!(" {origin}")).collect();
    format!(
        "default-src 'self'; {styles}img-src 'self' data: blob: https:; media-src 'self' blob:; object-src 'none'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'self'{ancestors}"
    )
}
