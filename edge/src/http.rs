//! What all HTTP handlers share: problems, extractors, rights, layers.

mod access;
mod cors;
mod extract;
mod headers;
mod layer;
mod limiter;
mod pages;
mod problem;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};

use crate::config::EdgeConfig;
use crate::forwarded::client_address;

pub(crate) use access::{Access, Admins, Agents, AnyUser, Overseers, Public, limit_address};
pub(crate) use extract::{BodyOf, JsonBytes, PathOf, QueryOf, given_id, given_name};
pub(crate) use layer::around;
pub(crate) use limiter::Limiter;
pub(crate) use pages::page;
pub(crate) use problem::{Problem, ProblemBody};

/// The peer of a TCP connection, put into every request by the accept loop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// The client's address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client(pub(crate) IpAddr);

/// The client's address, from the peer or from what a trusted proxy says.
pub(crate) fn client_of(extensions: &Extensions, headers: &HeaderMap, config: &EdgeConfig) -> IpAddr {
    let peer = extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    client_address(peer, headers, &config.trusted_proxies)
}

impl FromRequestParts<std::sync::Arc<crate::services::Services>> for Client {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        services: &std::sync::Arc<crate::services::Services>,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self(client_of(&parts.extensions, &parts.headers, &services.config)))
    }
}

/// The credential of an `Authorization: Bearer` header.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
