//! Errors of HTTP: RFC 9457 with a stable number.

use std::borrow::Cow;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_VERSION, UPGRADE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use kefu_live::LiveError;
use kefu_model::Refusal;
use kefu_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use super::layer::request_id;
use crate::auth::{AuthError, PasswordError};
use crate::directory::DirectoryError;
use crate::frame::Code;

/// An error on its way to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: u16,
    title: Cow<'static, str>,
    detail: Option<String>,
    retry_after_ms: Option<u64>,
}

/// An error as the client reads it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    /// Always `about:blank`: `code` tells problems apart.
    r#type: &'static str,
    /// One line for people who develop clients.
    title: Cow<'static, str>,
    /// The HTTP status.
    status: u16,
    /// What exactly is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// A number of docs/protocol.md or docs/http-api.md.
    code: u16,
    /// To be named when asking for help.
    request_id: String,
}

impl Problem {
    /// The problem with one of our numbers.
    pub(crate) fn of(code: Code) -> Self {
        Self {
            status: status_of(code),
            code: code.number(),
            title: code.title().into(),
            detail: None,
            retry_after_ms: matches!(code, Code::Unavailable | Code::EdgeFull | Code::Stopping).then_some(1_000),
        }
    }

    /// A command's refusal.
    pub(crate) fn refusal(refusal: Refusal) -> Self {
        Self {
            status: status_of_refusal(refusal),
            code: refusal.code(),
            title: refusal.title().into(),
            detail: None,
            retry_after_ms: refusal.is_retryable().then_some(1_000),
        }
    }

    /// A field that is missing or wrong.
    pub(crate) fn field(name: &str, what: &str) -> Self {
        Self::of(Code::BadField).detail(format!("{name} {what}"))
    }

    /// Says what exactly is wrong.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says when to try again.
    pub(crate) fn retry_after_ms(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }
}

fn status_of(code: Code) -> StatusCode {
    match code {
        Code::BadRequest | Code::UnknownSubprotocol | Code::NotAFrame | Code::BadFrame | Code::UnknownKind => {
            StatusCode::BAD_REQUEST
        }
        Code::NotAnUpgrade => StatusCode::UPGRADE_REQUIRED,
        Code::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::BodyTooLarge | Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::BadField | Code::TooManyItems => StatusCode::UNPROCESSABLE_ENTITY,
        Code::NotFound | Code::UnknownSite | Code::NoUser | Code::NoConnection => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::TooManyRequests | Code::LockedOut | Code::TooFast | Code::TooManyConnections => {
            StatusCode::TOO_MANY_REQUESTS
        }
        Code::WrongPassword | Code::BadIdentity | Code::NoCredential | Code::Expired | Code::Revoked => {
            StatusCode::UNAUTHORIZED
        }
        Code::OtherUser | Code::Origin => StatusCode::FORBIDDEN,
        Code::Conflict => StatusCode::CONFLICT,
        Code::Unavailable | Code::Stopping | Code::EdgeFull | Code::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn status_of_refusal(refusal: Refusal) -> StatusCode {
    match refusal.code() {
        1004 => StatusCode::TOO_MANY_REQUESTS,
        1100..=1199 => StatusCode::FORBIDDEN,
        1201 | 1202 | 1213 => StatusCode::NOT_FOUND,
        1300..=1399 => StatusCode::UNPROCESSABLE_ENTITY,
        1402 => StatusCode::GATEWAY_TIMEOUT,
        1400..=1499 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::CONFLICT,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            r#type: "about:blank",
            title: self.title,
            status: self.status.as_u16(),
            detail: self.detail,
            code: self.code,
            request_id: request_id(),
        };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(ms) = self.retry_after_ms {
            headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(axum::http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response.extensions_mut().insert(RefusedWith(self.code));
        response
    }
}

/// The number of a problem, for metrics.
#[derive(Debug, Clone, Copy)]
pub(super) struct RefusedWith(pub(super) u16);

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::refusal(refusal)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict { .. } => Self::of(Code::Conflict),
            StoreError::NotFound { .. } => Self::of(Code::NotFound),
            StoreError::TooMany { .. } => Self::of(Code::BadField).detail(error.to_string()),
            retryable if retryable.is_retryable() => {
                // The store's outage is logged once, by whoever watches it.
                tracing::debug!(%error, "the store did not answer a request");
                Self::of(Code::Unavailable)
            }
            _ => {
                tracing::error!(%error, "the store failed a request");
                Self::of(Code::Internal)
            }
        }
    }
}

impl From<LiveError> for Problem {
    fn from(error: LiveError) -> Self {
        if matches!(error, LiveError::Unavailable(_)) {
            // Its outage is logged once, by whoever watches it.
            tracing::debug!(%error, "live state did not answer a request");
        } else {
            tracing::warn!(%error, "live state refused a request");
        }
        Self::of(Code::Unavailable)
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Store(error) => error.into(),
            other => Self::of(other.code()),
        }
    }
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        DirectoryError::from(error).into()
    }
}

impl From<DirectoryError> for Problem {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Store(error) => error.into(),
            DirectoryError::Busy => Self::of(Code::Unavailable),
            DirectoryError::NoAgent => Self::of(Code::NoUser),
            wrong => Self::of(Code::BadField).detail(wrong.to_string()),
        }
    }
}
