//! A conversation: its state, its decider and what it remembers of commands.

mod apply;
mod decide;
mod dedup;
mod visibility;

use std::collections::{BTreeMap, VecDeque};

use crate::ids::{At, ConversationId, ConversationKind, Name, TenantId, User, UserKind};

pub use apply::ApplyError;
pub use decide::{Decision, decide, is_closed_to};
pub use dedup::{DeviceLog, KeptAnswer, KeyEntry, Prior};
pub use visibility::{View, sees};

/// The state of a conversation after some outcomes of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The tenant.
    pub tenant: TenantId,
    /// The id.
    pub id: ConversationId,
    /// Number of the last event; 0 while the conversation does not exist.
    pub rev: u64,
    /// Number of the last message to all.
    pub seq: u64,
    /// When the last event happened.
    pub updated_at: At,
    /// Past and present members.
    pub members: BTreeMap<User, Member>,
    /// The last session, open or ended.
    pub session: Option<Session>,
    /// Messages that may still be edited or recalled, oldest first.
    pub editable: VecDeque<EditableMessage>,
}

/// A member's part in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Display name when they came in.
    pub name: Option<Name>,
    /// When they were in, oldest first; the last one is open while they are.
    pub intervals: Vec<Interval>,
    /// Read up to this seq.
    pub read: u64,
    /// Delivered up to this seq.
    pub delivered: u64,
}

impl Member {
    /// Whether they are in now.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.intervals.last().is_some_and(|interval| interval.until.is_none())
    }
}

/// A stretch of membership in `rev`s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// First event that the member sees.
    pub from: u64,
    /// Last event that the member sees; none while they are in.
    pub until: Option<u64>,
}

/// One episode of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// From 1 in its conversation.
    pub ordinal: u64,
    /// Where it stands.
    pub status: SessionStatus,
    /// When it was opened.
    pub opened_at: At,
    /// The `rev` of its last queueing.
    pub queued_rev: u64,
    /// Who has it, or had it last.
    pub agent: Option<User>,
    /// When they got it.
    pub assigned_at: Option<At>,
    /// When it ended.
    pub ended_at: Option<At>,
    /// Who ended it; none for the system.
    pub ended_by: Option<User>,
    /// The customer's score, 1 to 5.
    pub rating: Option<u8>,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SessionStatus {
    /// It waits for an agent.
    Waiting,
    /// An agent has it.
    Active,
    /// It is over.
    Ended,
}

impl SessionStatus {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::Ended => "ended",
        }
    }
}

/// What deciding an edit or recall needs to know of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditableMessage {
    /// Which.
    pub seq: u64,
    /// Its author.
    pub by: Option<User>,
    /// When it was sent.
    pub at: At,
    /// Whether it was recalled.
    pub recalled: bool,
}

impl Conversation {
    /// A conversation that does not exist yet.
    #[must_use]
    pub fn absent(tenant: TenantId, id: ConversationId) -> Self {
        Self {
            tenant,
            id,
            rev: 0,
            seq: 0,
            updated_at: At::default(),
            members: BTreeMap::new(),
            session: None,
            editable: VecDeque::new(),
        }
    }

    /// The state without what only editing needs, which is most of a busy one.
    #[must_use]
    pub fn without_editable(&self) -> Self {
        Self {
            tenant: self.tenant.clone(),
            id: self.id,
            rev: self.rev,
            seq: self.seq,
            updated_at: self.updated_at,
            members: self.members.clone(),
            session: self.session.clone(),
            editable: VecDeque::new(),
        }
    }

    /// Whether it exists.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.rev > 0
    }

    /// The session that is waiting or active.
    #[must_use]
    pub fn open_session(&self) -> Option<&Session> {
        self.session.as_ref().filter(|session| session.status != SessionStatus::Ended)
    }

    /// Whether the user is a member now.
    #[must_use]
    pub fn has_active(&self, user: &User) -> bool {
        self.members.get(user).is_some_and(Member::is_active)
    }

    /// The customer of a support conversation: whom its id is computed from, whoever else is linked to it.
    #[must_use]
    pub fn customer(&self) -> Option<&User> {
        let mut customers = self.customers();
        let first = customers.next()?;
        if self.id.kind() != ConversationKind::Support || customers.next().is_none() {
            return Some(first);
        }
        self.customers().find(|user| self.is_support_of(user))
    }

    /// The person whom the visitor of this support conversation was linked to.
    #[must_use]
    pub fn linked_person(&self) -> Option<&User> {
        let customer = self.customer().filter(|_| self.id.kind() == ConversationKind::Support)?;
        self.customers().find(|user| *user != customer)
    }

    fn customers(&self) -> impl Iterator<Item = &User> {
        self.members.keys().filter(|user| user.kind == UserKind::Customer)
    }

    fn is_support_of(&self, user: &User) -> bool {
        ConversationId::support(&self.tenant, &user.id) == self.id
    }

    /// Unread messages of a member: head minus read mark (G5).
    #[must_use]
    pub fn unread(&self, user: &User) -> u64 {
        self.members.get(user).map_or(0, |member| self.seq.saturating_sub(member.read))
    }
}

#[cfg(test)]
mod tests;
