//! Commands on the wire.

use kefu_model::command::{Actor, Body, Command, Parties};
use kefu_model::event::{Audience, QueueReason};
use kefu_model::ids::Role;
use serde::{Deserialize, Serialize};

use super::PayloadError;
use super::content::ContentWire;
use super::ids::{ConversationWire, HashWire, IdentityWire, UserWire, name, name_text, tenant};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CommandWire {
    tenant: String,
    conversation: ConversationWire,
    actor: Option<ActorWire>,
    identity: Option<IdentityWire>,
    hash: HashWire,
    parties: Option<PartiesWire>,
    body: BodyWire,
}

#[derive(Debug, Serialize, Deserialize)]
struct ActorWire(UserWire, String, Option<String>);

#[derive(Debug, Serialize, Deserialize)]
enum PartiesWire {
    #[serde(rename = "s")]
    Support(UserWire, Option<String>),
    #[serde(rename = "d")]
    Direct(UserWire, UserWire),
}

#[derive(Debug, Serialize, Deserialize)]
enum BodyWire {
    #[serde(rename = "m")]
    Message(ContentWire, bool),
    #[serde(rename = "e")]
    Edit(u64, ContentWire),
    #[serde(rename = "r")]
    Recall(u64),
    #[serde(rename = "k")]
    Mark(Option<u64>, Option<u64>),
    #[serde(rename = "am")]
    AddMember(UserWire),
    #[serde(rename = "rm")]
    RemoveMember(UserWire),
    #[serde(rename = "so")]
    OpenSession,
    #[serde(rename = "sa")]
    Assign(UserWire, Option<String>, u64, String),
    #[serde(rename = "st")]
    Transfer(UserWire, UserWire, Option<String>, String),
    #[serde(rename = "sq")]
    Requeue(UserWire, String),
    #[serde(rename = "se")]
    EndSession(Option<String>),
    #[serde(rename = "sr")]
    Rate(u64, u8, Option<String>),
}

pub(super) fn queue_reason(text: &str) -> Result<QueueReason, PayloadError> {
    [QueueReason::Opened, QueueReason::AgentGone, QueueReason::Released]
        .into_iter()
        .find(|reason| reason.as_str() == text)
        .ok_or(PayloadError::Unknown("reason of queueing"))
}

pub(super) fn audience(staff: bool) -> Audience {
    if staff { Audience::Staff } else { Audience::All }
}

impl From<&Command> for CommandWire {
    fn from(command: &Command) -> Self {
        let actor = match &command.actor {
            Actor::Worker => None,
            Actor::User { user, role, name } => {
                Some(ActorWire(user.into(), role.as_str().to_owned(), name_text(name.as_ref())))
            }
        };
        Self {
            tenant: command.tenant.as_str().to_owned(),
            conversation: command.conversation.into(),
            actor,
            identity: command.identity.as_ref().map(IdentityWire::from),
            hash: command.hash.into(),
            parties: command.parties.as_ref().map(PartiesWire::from),
            body: (&command.body).into(),
        }
    }
}

impl From<&Parties> for PartiesWire {
    fn from(parties: &Parties) -> Self {
        match parties {
            Parties::Support { customer, name } => Self::Support(customer.into(), name_text(name.as_ref())),
            Parties::Direct(a, b) => Self::Direct(a.into(), b.into()),
        }
    }
}

impl From<&Body> for BodyWire {
    fn from(body: &Body) -> Self {
        match body {
            Body::Message { content, audience } => Self::Message(content.into(), *audience == Audience::Staff),
            Body::Edit { seq, content } => Self::Edit(*seq, content.into()),
            Body::Recall { seq } => Self::Recall(*seq),
            Body::Mark { read, delivered } => Self::Mark(*read, *delivered),
            Body::AddMember { user } => Self::AddMember(user.into()),
            Body::RemoveMember { user } => Self::RemoveMember(user.into()),
            Body::OpenSession => Self::OpenSession,
            Body::Assign { agent, name, queued_rev, reason } => {
                Self::Assign(agent.into(), name_text(name.as_ref()), *queued_rev, reason.clone())
            }
            Body::Transfer { from, agent, name, reason } => {
                Self::Transfer(from.into(), agent.into(), name_text(name.as_ref()), reason.clone())
            }
            Body::Requeue { from, reason } => Self::Requeue(from.into(), reason.as_str().to_owned()),
            Body::EndSession { reason } => Self::EndSession(reason.clone()),
            Body::Rate { session, score, comment } => Self::Rate(*session, *score, comment.clone()),
        }
    }
}

impl TryFrom<CommandWire> for Command {
    type Error = PayloadError;
    fn try_from(wire: CommandWire) -> Result<Self, PayloadError> {
        let actor = match wire.actor {
            None => Actor::Worker,
            Some(ActorWire(user, role, text)) => Actor::User {
                user: user.try_into()?,
                role: Role::parse(&role).ok_or(PayloadError::Unknown("role"))?,
                name: name(text.as_deref())?,
            },
        };
        Ok(Self {
            tenant: tenant(&wire.tenant)?,
            conversation: wire.conversation.try_into()?,
            actor,
            identity: wire.identity.map(TryInto::try_into).transpose()?,
            hash: wire.hash.into(),
            parties: wire.parties.map(TryInto::try_into).transpose()?,
            body: wire.body.try_into()?,
        })
    }
}

impl TryFrom<PartiesWire> for Parties {
    type Error = PayloadError;
    fn try_from(wire: PartiesWire) -> Result<Self, PayloadError> {
        Ok(match wire {
            PartiesWire::Support(customer, text) => {
                Self::Support { customer: customer.try_into()?, name: name(text.as_deref())? }
            }
            PartiesWire::Direct(a, b) => Self::Direct(a.try_into()?, b.try_into()?),
        })
    }
}

impl TryFrom<BodyWire> for Body {
    type Error = PayloadError;
    fn try_from(wire: BodyWire) -> Result<Self, PayloadError> {
        Ok(match wire {
            BodyWire::Message(content, staff) => Self::Message { content: content.into(), audience: audience(staff) },
            BodyWire::Edit(seq, content) => Self::Edit { seq, content: content.into() },
            BodyWire::Recall(seq) => Self::Recall { seq },
            BodyWire::Mark(read, delivered) => Self::Mark { read, delivered },
            BodyWire::AddMember(user) => Self::AddMember { user: user.try_into()? },
            BodyWire::RemoveMember(user) => Self::RemoveMember { user: user.try_into()? },
            BodyWire::OpenSession => Self::OpenSession,
            BodyWire::Assign(agent, text, queued_rev, reason) => {
                Self::Assign { agent: agent.try_into()?, name: name(text.as_deref())?, queued_rev, reason }
            }
            BodyWire::Transfer(from, agent, text, reason) => Self::Transfer {
                from: from.try_into()?,
                agent: agent.try_into()?,
                name: name(text.as_deref())?,
                reason,
            },
            BodyWire::Requeue(from, reason) => Self::Requeue { from: from.try_into()?, reason: queue_reason(&reason)? },
            BodyWire::EndSession(reason) => Self::EndSession { reason },
            BodyWire::Rate(session, score, comment) => Self::Rate { session, score, comment },
        })
    }
}
