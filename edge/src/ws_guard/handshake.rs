//! The handshake: who may open a socket, and in which subprotocol.

use axum::extract::FromRequestParts;
use axum::http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Response, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastwebsockets::upgrade::{IncomingUpgrade, UpgradeFut};
use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Guard, GuardLimits};
use crate::accept::WriteLimit;
use crate::config::EdgeConfig;
use crate::frame::{Code, Codec};

/// Bytes of a handshake's key.
const KEY_BYTES: usize = 16;

/// An accepted handshake: the answer, and the socket once the answer was sent.
pub(crate) struct Handshake {
    /// The answer.
    pub(crate) answer: Answer,
    /// The socket.
    pub(crate) pending: Pending,
}

/// The answer to a handshake.
pub(crate) struct Answer {
    /// Send this.
    pub(crate) response: Response<Empty<Bytes>>,
    /// The subprotocol agreed on.
    pub(crate) codec: Codec,
}

/// A socket whose handshake's answer is on its way.
pub(crate) struct Pending {
    upgrade: UpgradeFut,
}

/// A refused handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) Code);

/// The socket behind a handshake: plain TCP, or whatever carried the request.
pub(crate) enum Socket {
    /// TCP without anything in between.
    Tcp(Guard<TcpStream>),
    /// Another stream.
    Other(Guard<TokioIo<Upgraded>>),
}

impl Pending {
    /// Waits for the socket.
    pub(crate) async fn finish(self, limits: GuardLimits) -> Option<Socket> {
        let upgraded = self.upgrade.await.ok()?.into_inner().into_inner();
        Some(match upgraded.downcast::<TokioIo<WriteLimit<TcpStream>>>() {
            Ok(parts) => Socket::Tcp(Guard::new(parts.io.into_inner().into_inner(), limits, &parts.read_buf)),
            Err(upgraded) => Socket::Other(Guard::new(TokioIo::new(upgraded), limits, &[])),
        })
    }
}

/// Checks origin, subprotocol and the request itself, and takes the socket.
pub(crate) async fn accept(parts: &mut Parts, config: &EdgeConfig) -> Result<Handshake, Refused> {
    check_origin(&parts.headers, config)?;
    let (codec, named) = choose_codec(&parts.headers)?;
    if !is_upgrade(parts) {
        return Err(Refused(Code::NotAnUpgrade));
    }
    let incoming = IncomingUpgrade::from_request_parts(parts, &()).await.map_err(|_| Refused(Code::NotAnUpgrade))?;
    let (mut response, upgrade) = incoming.upgrade().map_err(|_| Refused(Code::NotAnUpgrade))?;
    if named {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(codec.subprotocol()));
    }
    Ok(Handshake { answer: Answer { response, codec }, pending: Pending { upgrade } })
}

/// Whether it is a handshake as RFC 6455 (4.2.1) has it. A body would be taken for frames, so it must have none.
fn is_upgrade(parts: &Parts) -> bool {
    let headers = &parts.headers;
    let key = only(headers, &SEC_WEBSOCKET_KEY).and_then(|key| STANDARD.decode(key).ok());
    parts.method == Method::GET
        && parts.version == Version::HTTP_11
        && names(headers, &UPGRADE, "websocket")
        && names(headers, &CONNECTION, "upgrade")
        && only(headers, &SEC_WEBSOCKET_VERSION) == Some("13")
        && key.is_some_and(|key| key.len() == KEY_BYTES)
        && !headers.contains_key(TRANSFER_ENCODING)
        && headers.get(CONTENT_LENGTH).is_none_or(|length| length == "0")
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

/// Whether a list header has that word.
fn names(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|item| item.trim().eq_ignore_ascii_case(word))
}

/// Absent is not a browser; present must be allowed.
pub(crate) fn check_origin(headers: &HeaderMap, config: &EdgeConfig) -> Result<(), Refused> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let allowed = match (origins.next(), origins.next()) {
        (None, _) => true,
        (Some(origin), None) => origin.to_str().is_ok_and(|origin| {
            config.origin_allowed(origin) || (config.public_url.is_none() && is_own(origin, headers))
        }),
        (Some(_), Some(_)) => false,
    };
    if allowed { Ok(()) } else { Err(Refused(Code::Origin)) }
}

/// Whether the page came from the address that it now calls. Trusted only while nobody said by which address browsers see
/// this deployment.
fn is_own(origin: &str, headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    host.is_some() && host == authority
}

/// The codec, and whether the client named it. JSON when none is asked for.
fn choose_codec(headers: &HeaderMap) -> Result<(Codec, bool), Refused> {
    let offered: Vec<&str> =
        headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok()).collect();
    if offered.is_empty() {
        return Ok((Codec::Json, false));
    }
    let codec = Codec::choose(&offered.join(",")).ok_or(Refused(Code::UnknownSubprotocol))?;
    Ok((codec, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn an_absent_origin_is_no_browser() {
        let config = EdgeConfig { public_url: Some("https://a.example".into()), ..EdgeConfig::default() };
        assert!(check_origin(&HeaderMap::new(), &config).is_ok());
        assert!(check_origin(&headers("origin", &["https://a.example"]), &config).is_ok());
        assert_eq!(check_origin(&headers("origin", &["https://b.example"]), &config), Err(Refused(Code::Origin)));
        assert_eq!(check_origin(&headers("origin", &["null"]), &config), Err(Refused(Code::Origin)));
        let two = headers("origin", &["https://a.example", "https://b.example"]);
        assert_eq!(check_origin(&two, &config), Err(Refused(Code::Origin)));
    }

    #[test]
    fn without_a_public_url_a_page_may_call_where_it_came_from() {
        let with_host = |origin: &str| {
            let mut headers = headers("host", &["10.0.0.5:6006"]);
            headers.insert(ORIGIN, origin.parse().unwrap());
            headers
        };
        let open = EdgeConfig::default();
        assert!(check_origin(&with_host("http://10.0.0.5:6006"), &open).is_ok());
        assert_eq!(check_origin(&with_host("http://evil.example"), &open), Err(Refused(Code::Origin)));
        assert_eq!(check_origin(&with_host("null"), &open), Err(Refused(Code::Origin)));
        let known = EdgeConfig { public_url: Some("https://a.example".into()), ..EdgeConfig::default() };
        assert_eq!(check_origin(&with_host("http://10.0.0.5:6006"), &known), Err(Refused(Code::Origin)));
    }

    #[test]
    fn only_known_subprotocols_are_spoken() {
        assert_eq!(choose_codec(&HeaderMap::new()), Ok((Codec::Json, false)));
        let offered = headers("sec-websocket-protocol", &["soap", "kefu.v1.msgpack"]);
        assert_eq!(choose_codec(&offered), Ok((Codec::Msgpack, true)));
        let unknown = headers("sec-websocket-protocol", &["soap, wamp"]);
        assert_eq!(choose_codec(&unknown), Err(Refused(Code::UnknownSubprotocol)));
    }
}
