//! Commands on the wire.

use kefu_model::command::{Actor, Body, Command, Parties};
use kefu_model::event::{Audience, QueueReason};
use kefu_model::ids::Role;
use serde::{Deserialize, Serialize};

use super::PayloadError;
use super::content::ContentWire;
use super::ids::{BorrowedUserWire, ConversationWire, HashWire, IdentityWire, TextWire, name, name_text, tenant};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CommandWire<'a> {
    #[serde(borrow)]
    tenant: TextWire<'a>,
    conversation: ConversationWire,
    #[serde(borrow)]
    actor: Option<ActorWire<'a>>,
    #[serde(borrow)]
    identity: Option<IdentityWire<'a>>,
    hash: HashWire,
    #[serde(borrow)]
    parties: Option<PartiesWire<'a>>,
    #[serde(borrow)]
    body: BodyWire<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ActorWire<'a>(
    #[serde(borrow)] BorrowedUserWire<'a>,
    #[serde(borrow)] TextWire<'a>,
    #[serde(borrow)] Option<TextWire<'a>>,
);

#[derive(Debug, Serialize, Deserialize)]
enum PartiesWire<'a> {
    #[serde(rename = "s")]
    Support(#[serde(borrow)] BorrowedUserWire<'a>, #[serde(borrow)] Option<TextWire<'a>>),
    #[serde(rename = "d")]
    Direct(#[serde(borrow)] BorrowedUserWire<'a>, #[serde(borrow)] BorrowedUserWire<'a>),
}

#[derive(Debug, Serialize, Deserialize)]
enum BodyWire<'a> {
    #[serde(rename = "m")]
    Message(#[serde(borrow)] ContentWire<'a>, bool),
    #[serde(rename = "e")]
    Edit(u64, #[serde(borrow)] ContentWire<'a>),
    #[serde(rename = "r")]
    Recall(u64),
    #[serde(rename = "k")]
    Mark(Option<u64>, Option<u64>),
    #[serde(rename = "am")]
    AddMember(#[serde(borrow)] BorrowedUserWire<'a>),
    #[serde(rename = "rm")]
    RemoveMember(#[serde(borrow)] BorrowedUserWire<'a>),
    #[serde(rename = "l")]
    Link(#[serde(borrow)] BorrowedUserWire<'a>),
    #[serde(rename = "so")]
    OpenSession,
    #[serde(rename = "sa")]
    Assign(
        #[serde(borrow)] BorrowedUserWire<'a>,
        #[serde(borrow)] Option<TextWire<'a>>,
        u64,
        #[serde(borrow)] TextWire<'a>,
    ),
    #[serde(rename = "st")]
    Transfer(
        #[serde(borrow)] BorrowedUserWire<'a>,
        #[serde(borrow)] BorrowedUserWire<'a>,
        #[serde(borrow)] Option<TextWire<'a>>,
        #[serde(borrow)] TextWire<'a>,
    ),
    #[serde(rename = "sq")]
    Requeue(#[serde(borrow)] BorrowedUserWire<'a>, #[serde(borrow)] TextWire<'a>),
    #[serde(rename = "se")]
    EndSession(#[serde(borrow)] Option<TextWire<'a>>),
    #[serde(rename = "sr")]
    Rate(u64, u8, #[serde(borrow)] Option<TextWire<'a>>),
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

impl<'a> From<&'a Command> for CommandWire<'a> {
    fn from(command: &'a Command) -> Self {
        let actor = match &command.actor {
            Actor::Worker => None,
            Actor::User { user, role, name } => {
                Some(ActorWire(user.into(), role.as_str().into(), name_text(name.as_ref())))
            }
        };
        Self {
            tenant: command.tenant.as_str().into(),
            conversation: command.conversation.into(),
            actor,
            identity: command.identity.as_ref().map(IdentityWire::from),
            hash: command.hash.into(),
            parties: command.parties.as_ref().map(PartiesWire::from),
            body: (&command.body).into(),
        }
    }
}

impl<'a> From<&'a Parties> for PartiesWire<'a> {
    fn from(parties: &'a Parties) -> Self {
        match parties {
            Parties::Support { customer, name } => Self::Support(customer.into(), name_text(name.as_ref())),
            Parties::Direct(a, b) => Self::Direct(a.into(), b.into()),
        }
    }
}

impl<'a> From<&'a Body> for BodyWire<'a> {
    fn from(body: &'a Body) -> Self {
        match body {
            Body::Message { content, audience } => Self::Message(content.into(), *audience == Audience::Staff),
            Body::Edit { seq, content } => Self::Edit(*seq, content.into()),
            Body::Recall { seq } => Self::Recall(*seq),
            Body::Mark { read, delivered } => Self::Mark(*read, *delivered),
            Body::AddMember { user } => Self::AddMember(user.into()),
            Body::RemoveMember { user } => Self::RemoveMember(user.into()),
            Body::Link { person } => Self::Link(person.into()),
            Body::OpenSession => Self::OpenSession,
            Body::Assign { agent, name, queued_rev, reason } => {
                Self::Assign(agent.into(), name_text(name.as_ref()), *queued_rev, reason.as_str().into())
            }
            Body::Transfer { from, agent, name, reason } => {
                Self::Transfer(from.into(), agent.into(), name_text(name.as_ref()), reason.as_str().into())
            }
            Body::Requeue { from, reason } => Self::Requeue(from.into(), reason.as_str().into()),
            Body::EndSession { reason } => Self::EndSession(reason.as_deref().map(TextWire::from)),
            Body::Rate { session, score, comment } => {
                Self::Rate(*session, *score, comment.as_deref().map(TextWire::from))
            }
        }
    }
}

impl TryFrom<CommandWire<'_>> for Command {
    type Error = PayloadError;
    fn try_from(wire: CommandWire<'_>) -> Result<Self, PayloadError> {
        let actor = match wire.actor {
            None => Actor::Worker,
            Some(ActorWire(user, role, text)) => Actor::User {
                user: user.try_into()?,
                role: Role::parse(role.as_str()).ok_or(PayloadError::Unknown("role"))?,
                name: name(text)?,
            },
        };
        Ok(Self {
            tenant: tenant(wire.tenant.as_str())?,
            conversation: wire.conversation.try_into()?,
            actor,
            identity: wire.identity.map(TryInto::try_into).transpose()?,
            hash: wire.hash.into(),
            parties: wire.parties.map(TryInto::try_into).transpose()?,
            body: wire.body.try_into()?,
        })
    }
}

impl TryFrom<PartiesWire<'_>> for Parties {
    type Error = PayloadError;
    fn try_from(wire: PartiesWire<'_>) -> Result<Self, PayloadError> {
        Ok(match wire {
            PartiesWire::Support(customer, text) => Self::Support { customer: customer.try_into()?, name: name(text)? },
            PartiesWire::Direct(a, b) => Self::Direct(a.try_into()?, b.try_into()?),
        })
    }
}

impl TryFrom<BodyWire<'_>> for Body {
    type Error = PayloadError;
    fn try_from(wire: BodyWire<'_>) -> Result<Self, PayloadError> {
        Ok(match wire {
            BodyWire::Message(content, staff) => Self::Message { content: content.into(), audience: audience(staff) },
            BodyWire::Edit(seq, content) => Self::Edit { seq, content: content.into() },
            BodyWire::Recall(seq) => Self::Recall { seq },
            BodyWire::Mark(read, delivered) => Self::Mark { read, delivered },
            BodyWire::AddMember(user) => Self::AddMember { user: user.try_into()? },
            BodyWire::RemoveMember(user) => Self::RemoveMember { user: user.try_into()? },
            BodyWire::Link(person) => Self::Link { person: person.try_into()? },
            BodyWire::OpenSession => Self::OpenSession,
            BodyWire::Assign(agent, text, queued_rev, reason) => {
                Self::Assign { agent: agent.try_into()?, name: name(text)?, queued_rev, reason: reason.into_string() }
            }
            BodyWire::Transfer(from, agent, text, reason) => Self::Transfer {
                from: from.try_into()?,
                agent: agent.try_into()?,
                name: name(text)?,
                reason: reason.into_string(),
            },
            BodyWire::Requeue(from, reason) => {
                Self::Requeue { from: from.try_into()?, reason: queue_reason(reason.as_str())? }
            }
            BodyWire::EndSession(reason) => Self::EndSession { reason: reason.map(TextWire::into_string) },
            BodyWire::Rate(session, score, comment) => {
                Self::Rate { session, score, comment: comment.map(TextWire::into_string) }
            }
        })
    }
}
