//! What values look like in the server: encodings of their own, so that two releases can share one.
//!
//! A value of a version that is not known here counts as absent. That is harmless for all of them: a lease is renewed, a
//! connection is registered again, a login is looked up in the store.

use kefu_model::{At, TenantId, User, UserId, UserKind};
use serde::{Deserialize, Serialize};

use crate::CachedLogin;
use crate::presence::PresenceStatus;
use crate::registry::{Connection, EdgeId};

/// A connection, without its tenant, which stands in the key.
#[derive(Serialize, Deserialize)]
struct ConnectionV1 {
    id: String,
    kind: String,
    user: String,
    edge: String,
    device: String,
    connected_at_ms: u64,
    transport: String,
    client: Option<String>,
    address: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct LoginV1 {
    tenant: String,
    kind: String,
    user: String,
    #[serde(with = "serde_bytes")]
    value: Vec<u8>,
}

const V1: u8 = 1;

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![V1];
    bytes.extend(rmp_serde::to_vec(value).expect("texts, numbers and bytes can be encoded"));
    bytes
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    let (version, rest) = bytes.split_first()?;
    if *version == V1 { rmp_serde::from_slice(rest).ok() } else { None }
}

pub(super) fn connection_to_bytes(connection: &Connection) -> Vec<u8> {
    encode(&ConnectionV1 {
        id: connection.id.clone(),
        kind: connection.user.kind.as_str().to_owned(),
        user: connection.user.id.as_str().to_owned(),
        edge: connection.edge.as_str().to_owned(),
        device: connection.device.clone(),
        connected_at_ms: connection.connected_at.0,
        transport: connection.transport.clone(),
        client: connection.client.clone(),
        address: connection.address.clone(),
    })
}

pub(super) fn connection_from_bytes(tenant: &TenantId, bytes: &[u8]) -> Option<Connection> {
    let value: ConnectionV1 = decode(bytes)?;
    Some(Connection {
        tenant: tenant.clone(),
        user: user_of(&value.kind, &value.user)?,
        id: value.id,
        edge: EdgeId::new(&value.edge),
        device: value.device,
        connected_at: At(value.connected_at_ms),
        transport: value.transport,
        client: value.client,
        address: value.address,
    })
}

pub(super) fn login_to_bytes(login: &CachedLogin) -> Vec<u8> {
    encode(&LoginV1 {
        tenant: login.tenant.as_str().to_owned(),
        kind: login.user.kind.as_str().to_owned(),
        user: login.user.id.as_str().to_owned(),
        value: login.value.clone(),
    })
}

pub(super) fn login_from_bytes(bytes: &[u8]) -> Option<CachedLogin> {
    let value: LoginV1 = decode(bytes)?;
    let tenant = TenantId::new(&value.tenant).ok()?;
    Some(CachedLogin { tenant, user: user_of(&value.kind, &value.user)?, value: value.value })
}

fn user_of(kind: &str, id: &str) -> Option<User> {
    Some(User { kind: UserKind::parse(kind)?, id: UserId::new(id).ok()? })
}

/// What an agent said, and whether the lease was released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) status: PresenceStatus,
    pub(super) status_at_ms: u64,
    pub(super) released: bool,
}

impl Word {
    /// `<status> <said at>`: version and release are the scripts'.
    pub(super) fn said(status: PresenceStatus, status_at_ms: u64) -> String {
        format!("{} {status_at_ms}", status.as_str())
    }

    /// Reads `1 <status> <said at> <1 when released>`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(' ').collect();
        let ["1", status, at, released] = parts[..] else { return None };
        let status = PresenceStatus::parse(status)?;
        Some(Self { status, status_at_ms: at.parse().ok()?, released: released == "1" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        Connection {
            tenant: TenantId::new("t").expect("a tenant"),
            id: "c\0 1".into(),
            user: User::customer(UserId::new("客").expect("an id")),
            edge: EdgeId::new("e"),
            device: "d".into(),
            connected_at: At(u64::MAX),
            transport: "sse".into(),
            client: None,
            address: Some("::1".into()),
        }
    }

    #[test]
    fn what_was_written_is_read_back() {
        let one = connection();
        assert_eq!(connection_from_bytes(&one.tenant, &connection_to_bytes(&one)), Some(one.clone()));
        let login = CachedLogin { tenant: one.tenant, user: one.user, value: vec![0, 255] };
        assert_eq!(login_from_bytes(&login_to_bytes(&login)), Some(login));
        let word = format!("1 {} 1", Word::said(PresenceStatus::Busy, u64::MAX));
        let expected = Word { status: PresenceStatus::Busy, status_at_ms: u64::MAX, released: true };
        assert_eq!(Word::parse(&word), Some(expected));
    }

    #[test]
    fn another_version_is_absent() {
        let mut bytes = connection_to_bytes(&connection());
        bytes[0] = 2;
        assert_eq!(connection_from_bytes(&connection().tenant, &bytes), None);
        assert_eq!(login_from_bytes(&[]), None);
        assert_eq!(Word::parse("2 online 5 0"), None);
        assert_eq!(Word::parse("1 asleep 5 0"), None);
        assert_eq!(Word::parse(""), None);
    }
}
