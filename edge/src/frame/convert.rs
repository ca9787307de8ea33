//! From the model to the wire.

use kefu_model::conversation as conv;
use kefu_model::event::QueueReason;
use kefu_model::{CommandHash, Conversation, Event as ModelEvent, Identity, MessageId, Numbered, Outcome, UserKind};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::event::{Event, EventKind};
use super::server::{Member, Role, Session, SessionStatus, User, UserType};

/// Hash of a command's content: the first 16 bytes of SHA-256 over its canonical msgpack.
pub(crate) fn hash_of<T: Serialize>(body: &T) -> CommandHash {
    let encoded = rmp_serde::to_vec_named(body).unwrap_or_default();
    let digest = Sha256::digest(&encoded);
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest[..16]);
    CommandHash(hash)
}

impl From<&kefu_model::User> for User {
    fn from(user: &kefu_model::User) -> Self {
        Self { r#type: user.kind.into(), id: user.id.as_str().to_owned() }
    }
}

impl From<UserKind> for UserType {
    fn from(kind: UserKind) -> Self {
        match kind {
            UserKind::Agent => Self::Kefu,
            UserKind::Customer => Self::Kehu,
        }
    }
}

impl From<UserType> for UserKind {
    fn from(kind: UserType) -> Self {
        match kind {
            UserType::Kefu => Self::Agent,
            UserType::Kehu => Self::Customer,
        }
    }
}

impl Role {
    /// The role on the wire; none for customers.
    #[must_use]
    pub fn of(role: kefu_model::Role) -> Option<Self> {
        match role {
            kefu_model::Role::Customer => None,
            kefu_model::Role::Agent => Some(Self::Agent),
            kefu_model::Role::Supervisor => Some(Self::Supervisor),
            kefu_model::Role::Admin => Some(Self::Admin),
        }
    }
}

impl From<Role> for kefu_model::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Agent => Self::Agent,
            Role::Supervisor => Self::Supervisor,
            Role::Admin => Self::Admin,
        }
    }
}

impl From<conv::SessionStatus> for SessionStatus {
    fn from(status: conv::SessionStatus) -> Self {
        match status {
            conv::SessionStatus::Waiting => Self::Waiting,
            conv::SessionStatus::Active => Self::Active,
            conv::SessionStatus::Ended => Self::Ended,
        }
    }
}

/// Members of a conversation with their marks.
pub(crate) fn members_of(conversation: &Conversation) -> Vec<Member> {
    let member = |(user, member): (&kefu_model::User, &conv::Member)| Member {
        user: user.into(),
        read: member.read,
        delivered: member.delivered,
        active: member.is_active(),
    };
    conversation.members.iter().map(member).collect()
}

/// The last session of a conversation.
pub(crate) fn session_of(conversation: &Conversation) -> Option<Session> {
    let session = conversation.session.as_ref()?;
    let agent_name = session.agent.as_ref().and_then(|agent| conversation.members.get(agent)?.name.as_ref());
    Some(Session {
        ordinal: session.ordinal,
        status: session.status.into(),
        opened_at: session.opened_at.into(),
        agent: session.agent.as_ref().map(User::from),
        agent_name: agent_name.map(ToString::to_string),
        assigned_at: session.assigned_at.map(Into::into),
        ended_at: session.ended_at.map(Into::into),
        ended_by: session.ended_by.as_ref().map(User::from),
        rating: session.rating,
    })
}

/// An event of the log on its way to viewers.
#[derive(Clone, Copy)]
pub(crate) struct WireEvent<'a> {
    pub(crate) outcome: &'a Outcome,
    pub(crate) numbered: &'a Numbered,
}

impl WireEvent<'_> {
    /// As somebody of that kind sees it; `device` is the viewer's own name of the device that sent it, if they did.
    pub(crate) fn shown(&self, kind: UserKind, device: Option<&str>) -> Event {
        Event { rev: self.numbered.rev, at: self.outcome.at.into(), kind: self.kind(kind == UserKind::Agent, device) }
    }

    /// As somebody sees it who may not.
    pub(crate) fn hidden(&self) -> Event {
        Event { rev: self.numbered.rev, at: self.outcome.at.into(), kind: EventKind::Hidden }
    }

    fn kind(&self, staff: bool, device: Option<&str>) -> EventKind {
        match &self.numbered.event {
            ModelEvent::Created { .. } | ModelEvent::Marked { .. } => EventKind::Hidden,
            ModelEvent::Message { by, by_name, content, audience } => EventKind::Message {
                message_id: self.message_id(),
                seq: self.numbered.event.takes_seq().then_some(self.numbered.seq),
                by: by.as_ref().map(User::from),
                by_name: by_name.as_ref().map(ToString::to_string),
                content: content.into(),
                audience: (*audience).into(),
                device: device.map(str::to_owned),
                n: device.and_then(|_| self.n()),
            },
            ModelEvent::Edited { message, by, content } => {
                EventKind::Edited { seq: *message, by: by.into(), content: content.into() }
            }
            ModelEvent::Recalled { message, by } => EventKind::Recalled { seq: *message, by: by.into() },
            ModelEvent::MemberAdded { user } => EventKind::MemberAdded { user: user.into() },
            ModelEvent::MemberRemoved { user } => EventKind::MemberRemoved { user: user.into() },
            session => session_kind(session, staff),
        }
    }

    fn message_id(&self) -> Option<String> {
        let id = MessageId { conversation: self.outcome.conversation, seq: self.numbered.seq };
        self.numbered.event.takes_seq().then(|| id.to_string())
    }

    fn n(&self) -> Option<u64> {
        match self.outcome.identity {
            Some(Identity::Device { n, .. }) => Some(n),
            _ => None,
        }
    }
}

/// A session's event; why an agent was chosen is for staff.
pub(crate) fn session_kind(event: &ModelEvent, staff: bool) -> EventKind {
    let why = |reason: &String| staff.then(|| reason.clone());
    match event {
        ModelEvent::SessionOpened { session } => EventKind::SessionOpened { session: *session },
        ModelEvent::SessionQueued { session, reason: QueueReason::Opened, .. } => {
            EventKind::SessionQueued { session: *session }
        }
        ModelEvent::SessionQueued { session, reason, .. } => {
            EventKind::SessionRequeued { session: *session, reason: reason.as_str().to_owned() }
        }
        ModelEvent::SessionAssigned { session, agent, name, reason } => EventKind::SessionAssigned {
            session: *session,
            agent: agent.into(),
            agent_name: name.as_ref().map(ToString::to_string),
            reason: why(reason),
        },
        ModelEvent::SessionTransferred { session, from, agent, name, reason } => EventKind::SessionTransferred {
            session: *session,
            from: from.into(),
            agent: agent.into(),
            agent_name: name.as_ref().map(ToString::to_string),
            reason: why(reason),
        },
        ModelEvent::SessionEnded { session, by, reason } => {
            EventKind::SessionEnded { session: *session, by: by.as_ref().map(User::from), reason: reason.clone() }
        }
        ModelEvent::SessionRated { session, score, comment } => {
            EventKind::SessionRated { session: *session, score: *score, comment: comment.clone() }
        }
        _ => EventKind::Hidden,
    }
}
