//! Extractors whose refusals are problems.

use axum::body::Bytes;
use axum::extract::path::ErrorKind;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use garde::Validate;
use kefu_model::{Name, UserId};
use serde::de::{DeserializeOwned, IgnoredAny};

use super::problem::Problem;
use crate::frame::{Code, MAX_DEPTH, json_depth_ok};

/// A JSON body, validated.
pub(crate) struct BodyOf<T>(pub(crate) T);

/// A body of that content type which nobody has looked into; without a body the type does not matter.
pub(crate) struct JsonBytes(pub(crate) Bytes);

/// A query, validated.
pub(crate) struct QueryOf<T>(pub(crate) T);

/// Parts of the path.
pub(crate) struct PathOf<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Validate<Context = ()>> FromRequest<S> for BodyOf<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        // Calls whose fields are all optional may have no body at all.
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        if !json_depth_ok(bytes, MAX_DEPTH) {
            return Err(Problem::of(Code::BadRequest).detail("it nests too deeply"));
        }
        validated(object(bytes)?).map(Self)
    }
}

/// Reads an object's fields. Only what could not be read is looked at again, for whether it is JSON at all.
fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Serde would take an array for the fields in their order.
    let is_object = bytes.trim_ascii_start().first() == Some(&b'{');
    let wrong = match is_object.then(|| serde_json::from_slice(bytes)) {
        Some(Ok(value)) => return Ok(value),
        Some(Err(error)) => error.to_string(),
        None => "an object is needed".to_owned(),
    };
    Err(match serde_json::from_slice::<IgnoredAny>(bytes) {
        Err(error) => Problem::of(Code::BadRequest).detail(error.to_string()),
        Ok(_) => Problem::of(Code::BadField).detail(wrong),
    })
}

impl<S: Send + Sync> FromRequest<S> for JsonBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let too_large = rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE;
            Problem::of(if too_large { Code::BodyTooLarge } else { Code::BadRequest })
        })?;
        if is_json || bytes.is_empty() { Ok(Self(bytes)) } else { Err(Problem::of(Code::ContentType)) }
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Validate<Context = ()>> FromRequestParts<S> for QueryOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        let Query(value) = query.map_err(|rejection| Problem::of(Code::BadField).detail(rejection.body_text()))?;
        validated(value).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathOf<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<T>::from_request_parts(parts, state).await;
        path.map(|Path(value)| Self(value)).map_err(|rejection| match rejection {
            axum::extract::rejection::PathRejection::FailedToDeserializePathParams(failed)
                if matches!(failed.kind(), ErrorKind::InvalidUtf8InPathParam { .. }) =>
            {
                Problem::of(Code::BadRequest)
            }
            _ => Problem::of(Code::NotFound),
        })
    }
}

fn validated<T: Validate<Context = ()>>(value: T) -> Result<T, Problem> {
    match value.validate() {
        Ok(()) => Ok(value),
        Err(report) => Err(Problem::of(Code::BadField).detail(report.to_string().trim().replace('\n', "; "))),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// A user's id that was given.
pub(crate) fn given_id(field: &str, text: &str) -> Result<UserId, Problem> {
    UserId::new(text).map_err(|error| Problem::field(field, &error.to_string()))
}

/// A display name that was given.
pub(crate) fn given_name(field: &str, text: &str) -> Result<Name, Problem> {
    Name::new(text.trim()).map_err(|error| Problem::field(field, &error.to_string()))
}
