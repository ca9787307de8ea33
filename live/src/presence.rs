//! Presence of agents.

use std::time::Duration;

use kefu_model::{TenantId, UserId};

use crate::registry::EdgeId;

/// What an agent says of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PresenceStatus {
    /// Takes sessions.
    Online,
    /// Here, but takes no new sessions.
    Busy,
    /// Not at the desk; takes no new sessions.
    Away,
    /// Connected, but off duty.
    Offline,
}

impl PresenceStatus {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Busy => "busy",
            Self::Away => "away",
            Self::Offline => "offline",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Online, Self::Busy, Self::Away, Self::Offline].into_iter().find(|status| status.as_str() == text)
    }
}

/// An edge's word that an agent is connected to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceLease {
    /// The tenant.
    pub tenant: TenantId,
    /// Who.
    pub agent: UserId,
    /// Connected to which edge.
    pub edge: EdgeId,
    /// What they said last.
    pub status: PresenceStatus,
    /// When they said it, in milliseconds since the Unix epoch: of several edges' words the latest counts.
    pub status_at_ms: u64,
    /// How long this holds unless renewed; at most [`crate::limits::LEASE_TTL`].
    pub ttl: Duration,
}

/// An agent who is connected somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Who.
    pub agent: UserId,
    /// What they said last, at any edge.
    pub status: PresenceStatus,
    /// When they said it, in milliseconds since the Unix epoch.
    pub status_at_ms: u64,
    /// Until their last lease ends.
    pub expires_in: Duration,
    /// How many edges they are connected to.
    pub edges: usize,
}

/// An agent who was connected and is not now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lapsed {
    /// Who.
    pub agent: UserId,
    /// How long ago their last lease ended.
    pub ago: Duration,
    /// Whether the lease was released, rather than left to run out.
    pub released: bool,
}

/// One life of the memory behind `live`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incarnation {
    /// Random; another one after the memory was lost, and after nobody could reach it to renew leases.
    pub id: u64,
    /// How long it has lived.
    pub age: Duration,
    /// Whether it may outlive a process that uses it, or be lost before it: then what other processes told a former
    /// incarnation is not known here.
    pub shared: bool,
}

impl Incarnation {
    /// Whether what leases of this length say is complete: who is not found has none, at any edge. In a memory that was
    /// lost this is so once every edge must have renewed. A memory of this very process knows all that its edge told.
    #[must_use]
    pub fn knows_leases_of(&self, ttl: Duration) -> bool {
        !self.shared || self.age >= ttl
    }
}
