//! Ids on the wire.

use kefu_model::command::CommandHash;
use kefu_model::ids::{At, CommandKey, ConversationId, DeviceId, IdError, Name, TenantId, User, UserId, UserKind};
use kefu_model::{Identity, Refusal};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

use super::PayloadError;

impl From<IdError> for PayloadError {
    fn from(_: IdError) -> Self {
        Self::Unknown("id")
    }
}

/// Kind and id.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct UserWire(bool, String);

impl From<&User> for UserWire {
    fn from(user: &User) -> Self {
        Self(user.kind == UserKind::Agent, user.id.as_str().to_owned())
    }
}

impl TryFrom<UserWire> for User {
    type Error = PayloadError;
    fn try_from(wire: UserWire) -> Result<Self, PayloadError> {
        let kind = if wire.0 { UserKind::Agent } else { UserKind::Customer };
        Ok(Self { kind, id: UserId::new(&wire.1)? })
    }
}

/// Kind letter and bits.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct ConversationWire(ByteArray<17>);

impl From<ConversationId> for ConversationWire {
    fn from(id: ConversationId) -> Self {
        Self(ByteArray::new(id.to_bytes()))
    }
}

impl TryFrom<ConversationWire> for ConversationId {
    type Error = PayloadError;
    fn try_from(wire: ConversationWire) -> Result<Self, PayloadError> {
        Ok(Self::from_bytes(&wire.0[..])?)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum IdentityWire {
    #[serde(rename = "d")]
    Device(String, u64),
    #[serde(rename = "k")]
    Key(String),
}

impl From<&Identity> for IdentityWire {
    fn from(identity: &Identity) -> Self {
        match identity {
            Identity::Device { device, n } => Self::Device(device.as_str().to_owned(), *n),
            Identity::Key(key) => Self::Key(key.as_str().to_owned()),
        }
    }
}

impl TryFrom<IdentityWire> for Identity {
    type Error = PayloadError;
    fn try_from(wire: IdentityWire) -> Result<Self, PayloadError> {
        Ok(match wire {
            IdentityWire::Device(device, n) => Self::Device { device: DeviceId::new(&device)?, n },
            IdentityWire::Key(key) => Self::Key(CommandKey::new(&key)?),
        })
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct HashWire(ByteArray<16>);

impl From<CommandHash> for HashWire {
    fn from(hash: CommandHash) -> Self {
        Self(ByteArray::new(hash.0))
    }
}

impl From<HashWire> for CommandHash {
    fn from(wire: HashWire) -> Self {
        Self(wire.0.into_array())
    }
}

pub(crate) fn tenant(text: &str) -> Result<TenantId, PayloadError> {
    Ok(TenantId::new(text)?)
}

pub(crate) fn user_id(text: &str) -> Result<UserId, PayloadError> {
    Ok(UserId::new(text)?)
}

pub(crate) fn name(text: Option<&str>) -> Result<Option<Name>, PayloadError> {
    Ok(text.map(Name::new).transpose()?)
}

pub(crate) fn name_text(name: Option<&Name>) -> Option<String> {
    name.map(|name| name.as_str().to_owned())
}

pub(crate) fn refusal(code: u16) -> Result<Refusal, PayloadError> {
    Refusal::from_code(code).ok_or(PayloadError::Unknown("refusal"))
}

pub(crate) fn at(millis: Option<u64>) -> Option<At> {
    millis.map(At)
}
