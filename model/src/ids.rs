//! Identifiers as newtypes, and the stable hash that maps a conversation to its partition.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Longest id of a tenant, user or device, in bytes.
pub const MAX_ID_BYTES: usize = 64;
/// Longest display name, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty.
    #[error("is empty")]
    Empty,
    /// The text is longer than the limit, in bytes.
    #[error("is longer than {0} bytes")]
    TooLong(usize),
    /// A character is not allowed there.
    #[error("has a character that is not allowed")]
    Character,
    /// Not the form of this kind of id.
    #[error("does not have the form of such an id")]
    Form,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:expr, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and wraps a text.
            ///
            /// # Errors
            /// Empty, too long, or a character that is not allowed.
            pub fn new(text: &str) -> Result<Self, IdError> {
                if text.is_empty() {
                    return Err(IdError::Empty);
                }
                if text.len() > $max {
                    return Err(IdError::TooLong($max));
                }
                let allowed: fn(char) -> bool = $allowed;
                if !text.chars().all(allowed) {
                    return Err(IdError::Character);
                }
                Ok(Self(text.into()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

fn token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

text_id!(
    /// An organisation: 1–64 characters `A-Za-z0-9_-`.
    TenantId, MAX_ID_BYTES, token_char
);
text_id!(
    /// A user's id within tenant and kind: 1–64 bytes without control characters, white space or `/`.
    UserId, MAX_ID_BYTES, |c| !c.is_control() && !c.is_whitespace() && c != '/'
);
text_id!(
    /// One client instance with its outbox: 1–64 characters `A-Za-z0-9_-`.
    DeviceId, MAX_ID_BYTES, token_char
);
text_id!(
    /// A display name: 1–128 bytes without control characters.
    Name, MAX_NAME_BYTES, |c| !c.is_control()
);
text_id!(
    /// A key that makes a command unique in its conversation (`client_msg_id`, or a worker's): 1–128 bytes without
    /// control characters.
    CommandKey, 128, |c| !c.is_control()
);

/// Agents and customers live in separate name spaces, so that no customer's id ever meets an agent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum UserKind {
    /// 客服, somebody who answers.
    Agent,
    /// 客户, a visitor.
    Customer,
}

impl UserKind {
    /// The name on the wire: `kefu` or `kehu`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agent => "kefu",
            Self::Customer => "kehu",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "kefu" => Some(Self::Agent),
            "kehu" => Some(Self::Customer),
            _ => None,
        }
    }
}

/// A user of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct User {
    /// Agent or customer.
    pub kind: UserKind,
    /// The id within that kind.
    pub id: UserId,
}

impl User {
    /// An agent.
    #[must_use]
    pub fn agent(id: UserId) -> Self {
        Self { kind: UserKind::Agent, id }
    }

    /// A customer.
    #[must_use]
    pub fn customer(id: UserId) -> Self {
        Self { kind: UserKind::Customer, id }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.id)
    }
}

/// What a user may do. Ordered: each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// A visitor.
    Customer,
    /// Answers visitors.
    Agent,
    /// Sees and corrects every conversation of the tenant.
    Supervisor,
    /// Administers the tenant.
    Admin,
}

impl Role {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Agent => "agent",
            Self::Supervisor => "supervisor",
            Self::Admin => "admin",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Customer, Self::Agent, Self::Supervisor, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }

    /// Supervisors and admins oversee all conversations of their tenant.
    #[must_use]
    pub fn oversees(self) -> bool {
        self >= Self::Supervisor
    }
}

/// The three kinds of conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConversationKind {
    /// A customer's lasting thread with the organisation.
    Support,
    /// Two agents.
    Direct,
    /// Any members.
    Room,
}

impl ConversationKind {
    fn letter(self) -> char {
        match self {
            Self::Support => 's',
            Self::Direct => 'd',
            Self::Room => 'r',
        }
    }
}

/// A conversation's id: its kind and 128 bits. Support and direct ids are computed from their parties, so everyone finds
/// them without a look-up; a room's is random. The tenant is part of the hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConversationId {
    kind: ConversationKind,
    bits: [u8; 16],
}

impl ConversationId {
    /// Length of the text form, in bytes.
    pub const TEXT_BYTES: usize = 23;

    /// The support conversation of a customer.
    #[must_use]
    pub fn support(tenant: &TenantId, customer: &UserId) -> Self {
        Self {
            kind: ConversationKind::Support,
            bits: hash16(&[b"support", tenant.as_str().as_bytes(), customer.as_str().as_bytes()]),
        }
    }

    /// The direct conversation of two users, in either order.
    #[must_use]
    pub fn direct(tenant: &TenantId, a: &User, b: &User) -> Self {
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        let (low, high) = (low.to_string(), high.to_string());
        Self {
            kind: ConversationKind::Direct,
            bits: hash16(&[b"direct", tenant.as_str().as_bytes(), low.as_bytes(), high.as_bytes()]),
        }
    }

    /// A room from random bits.
    #[must_use]
    pub fn room(bits: [u8; 16]) -> Self {
        Self { kind: ConversationKind::Room, bits }
    }

    /// The kind.
    #[must_use]
    pub fn kind(self) -> ConversationKind {
        self.kind
    }

    /// Kind letter and bits, 17 bytes: the binary form.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 17] {
        let mut bytes = [0; 17];
        bytes[0] = self.kind.letter() as u8;
        bytes[1..].copy_from_slice(&self.bits);
        bytes
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// [`IdError::Form`] for another length or kind.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdError> {
        let (letter, bits) = bytes.split_first().ok_or(IdError::Form)?;
        let kind = match letter {
            b's' => ConversationKind::Support,
            b'd' => ConversationKind::Direct,
            b'r' => ConversationKind::Room,
            _ => return Err(IdError::Form),
        };
        Ok(Self { kind, bits: bits.try_into().map_err(|_| IdError::Form)? })
    }

    /// Reads the text form.
    ///
    /// # Errors
    /// [`IdError::Form`] when it is not one.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.len() != Self::TEXT_BYTES || !text.is_ascii() {
            return Err(IdError::Form);
        }
        let bits = URL_SAFE_NO_PAD.decode(&text[1..]).map_err(|_| IdError::Form)?;
        let mut bytes = vec![text.as_bytes()[0]];
        bytes.extend(bits);
        Self::from_bytes(&bytes)
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind.letter(), URL_SAFE_NO_PAD.encode(self.bits))
    }
}

impl fmt::Debug for ConversationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The address of a message: its conversation and seq, in one opaque text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId {
    /// The conversation.
    pub conversation: ConversationId,
    /// The message's number in it, from 1.
    pub seq: u64,
}

impl MessageId {
    /// Reads the text form.
    ///
    /// # Errors
    /// [`IdError::Form`] when it is not one.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        if text.len() > 64 {
            return Err(IdError::Form);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| IdError::Form)?;
        let (conversation, seq) = bytes.split_at_checked(17).ok_or(IdError::Form)?;
        let seq = u64::from_be_bytes(seq.try_into().map_err(|_| IdError::Form)?);
        Ok(Self { conversation: ConversationId::from_bytes(conversation)?, seq })
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.conversation.to_bytes().to_vec();
        bytes.extend(self.seq.to_be_bytes());
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// The number of a partition, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Partition(pub u16);

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of the partition hash, stored with a deployment: `sha256/8` is the first eight bytes, big-endian, of
/// SHA-256 over the length-prefixed parts, modulo the number of partitions.
pub const PARTITION_HASH: &str = "sha256/8";

/// The partition of a conversation.
#[must_use]
pub fn partition_of(tenant: &TenantId, conversation: ConversationId, partitions: u16) -> Partition {
    bucket(&[tenant.as_str().as_bytes(), &conversation.to_bytes()], partitions)
}

/// The allocation partition of a tenant.
#[must_use]
pub fn allocation_partition_of(tenant: &TenantId, partitions: u16) -> Partition {
    bucket(&[b"allocation", tenant.as_str().as_bytes()], partitions)
}

fn bucket(parts: &[&[u8]], count: u16) -> Partition {
    #[expect(clippy::cast_possible_truncation, reason = "the remainder of a u16 fits")]
    Partition((stable_hash(parts) % u64::from(count.max(1))) as u16)
}

/// A hash that is the same on every machine and in every release: the first 8 bytes, big-endian, of SHA-256 over the parts,
/// each behind its length as 8 bytes.
#[must_use]
pub fn stable_hash(parts: &[&[u8]]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&digest(parts)[..8]);
    u64::from_be_bytes(first)
}

fn hash16(parts: &[&[u8]]) -> [u8; 16] {
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest(parts)[..16]);
    bits
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// A moment, in milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct At(pub u64);

impl At {
    /// Milliseconds from `earlier` to this moment, 0 when it is not earlier.
    #[must_use]
    pub fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests;
