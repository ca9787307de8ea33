//! Ids on the wire.

use std::borrow::Cow;

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

/// A text that is written from where it is and read without a copy, for what every message goes through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TextWire<'a>(#[serde(borrow)] Cow<'a, str>);

impl TextWire<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn into_string(self) -> String {
        self.0.into_owned()
    }
}

impl<'a> From<&'a str> for TextWire<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl AsRef<str> for TextWire<'_> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Kind and id; the text is a `String` where a payload is kept for a while.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct UserWire<Text = String>(bool, Text);

/// A user within a payload that is read at once.
pub(crate) type BorrowedUserWire<'a> = UserWire<TextWire<'a>>;

impl<'a, Text: From<&'a str>> From<&'a User> for UserWire<Text> {
    fn from(user: &'a User) -> Self {
        Self(user.kind == UserKind::Agent, user.id.as_str().into())
    }
}

impl<Text: AsRef<str>> TryFrom<UserWire<Text>> for User {
    type Error = PayloadError;
    fn try_from(wire: UserWire<Text>) -> Result<Self, PayloadError> {
        let kind = if wire.0 { UserKind::Agent } else { UserKind::Customer };
        Ok(Self { kind, id: UserId::new(wire.1.as_ref())? })
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
pub(crate) enum IdentityWire<'a> {
    #[serde(rename = "d")]
    Device(#[serde(borrow)] TextWire<'a>, u64),
    #[serde(rename = "k")]
    Key(#[serde(borrow)] TextWire<'a>),
}

impl<'a> From<&'a Identity> for IdentityWire<'a> {
    fn from(identity: &'a Identity) -> Self {
        match identity {
            Identity::Device { device, n } => Self::Device(device.as_str().into(), *n),
            Identity::Key(key) => Self::Key(key.as_str().into()),
        }
    }
}

impl TryFrom<IdentityWire<'_>> for Identity {
    type Error = PayloadError;
    fn try_from(wire: IdentityWire<'_>) -> Result<Self, PayloadError> {
        Ok(match wire {
            IdentityWire::Device(device, n) => Self::Device { device: DeviceId::new(device.as_str())?, n },
            IdentityWire::Key(key) => Self::Key(CommandKey::new(key.as_str())?),
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

pub(crate) fn name<Text: AsRef<str>>(text: Option<Text>) -> Result<Option<Name>, PayloadError> {
    Ok(text.map(|text| Name::new(text.as_ref())).transpose()?)
}

pub(crate) fn name_text<'a, Text: From<&'a str>>(name: Option<&'a Name>) -> Option<Text> {
    name.map(|name| name.as_str().into())
}

pub(crate) fn refusal(code: u16) -> Result<Refusal, PayloadError> {
    Refusal::from_code(code).ok_or(PayloadError::Unknown("refusal"))
}

pub(crate) fn at(millis: Option<u64>) -> Option<At> {
    millis.map(At)
}
