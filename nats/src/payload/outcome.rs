//! Outcomes of conversations on the wire and in the log.

use kefu_model::event::{Audience, Event, Numbered, Outcome, Verdict};
use kefu_model::ids::At;
use serde::{Deserialize, Serialize};

use super::PayloadError;
use super::command::{audience, queue_reason};
use super::content::ContentWire;
use super::ids::{ConversationWire, HashWire, IdentityWire, UserWire, name, name_text, refusal, tenant};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OutcomeWire {
    tenant: String,
    conversation: ConversationWire,
    identity: Option<IdentityWire>,
    hash: HashWire,
    at_ms: u64,
    rev: u64,
    verdict: VerdictWire,
}

#[derive(Debug, Serialize, Deserialize)]
enum VerdictWire {
    #[serde(rename = "a")]
    Accepted(Vec<(u64, u64, EventWire)>),
    #[serde(rename = "r")]
    Refused(u16),
}

#[derive(Debug, Serialize, Deserialize)]
enum EventWire {
    #[serde(rename = "c")]
    Created(Vec<(UserWire, Option<String>)>),
    #[serde(rename = "m")]
    Message(Option<UserWire>, Option<String>, ContentWire, bool),
    #[serde(rename = "e")]
    Edited(u64, UserWire, ContentWire),
    #[serde(rename = "r")]
    Recalled(u64, UserWire),
    #[serde(rename = "k")]
    Marked(UserWire, u64, u64),
    #[serde(rename = "am")]
    MemberAdded(UserWire),
    #[serde(rename = "rm")]
    MemberRemoved(UserWire),
    #[serde(rename = "so")]
    SessionOpened(u64),
    #[serde(rename = "sq")]
    SessionQueued(u64, String, u64, UserWire, Option<String>),
    #[serde(rename = "sa")]
    SessionAssigned(u64, UserWire, Option<String>, String),
    #[serde(rename = "st")]
    SessionTransferred(u64, UserWire, UserWire, Option<String>, String),
    #[serde(rename = "se")]
    SessionEnded(u64, Option<UserWire>, Option<String>),
    #[serde(rename = "sr")]
    SessionRated(u64, u8, Option<String>),
}

impl From<&Outcome> for OutcomeWire {
    fn from(outcome: &Outcome) -> Self {
        let verdict = match &outcome.verdict {
            Verdict::Refused(refusal) => VerdictWire::Refused(refusal.code()),
            Verdict::Accepted(events) => VerdictWire::Accepted(
                events.iter().map(|numbered| (numbered.rev, numbered.seq, (&numbered.event).into())).collect(),
            ),
        };
        Self {
            tenant: outcome.tenant.as_str().to_owned(),
            conversation: outcome.conversation.into(),
            identity: outcome.identity.as_ref().map(IdentityWire::from),
            hash: outcome.hash.into(),
            at_ms: outcome.at.0,
            rev: outcome.rev,
            verdict,
        }
    }
}

impl TryFrom<OutcomeWire> for Outcome {
    type Error = PayloadError;
    fn try_from(wire: OutcomeWire) -> Result<Self, PayloadError> {
        let verdict = match wire.verdict {
            VerdictWire::Refused(code) => Verdict::Refused(refusal(code)?),
            VerdictWire::Accepted(events) => Verdict::Accepted(
                events
                    .into_iter()
                    .map(|(rev, seq, event)| Ok(Numbered { rev, seq, event: event.try_into()? }))
                    .collect::<Result<_, PayloadError>>()?,
            ),
        };
        Ok(Self {
            tenant: tenant(&wire.tenant)?,
            conversation: wire.conversation.try_into()?,
            identity: wire.identity.map(TryInto::try_into).transpose()?,
            hash: wire.hash.into(),
            at: At(wire.at_ms),
            rev: wire.rev,
            verdict,
        })
    }
}

impl From<&Event> for EventWire {
    fn from(event: &Event) -> Self {
        match event {
            Event::Created { members } => {
                Self::Created(members.iter().map(|(user, name)| (user.into(), name_text(name.as_ref()))).collect())
            }
            Event::Message { by, by_name, content, audience } => Self::Message(
                by.as_ref().map(UserWire::from),
                name_text(by_name.as_ref()),
                content.into(),
                *audience == Audience::Staff,
            ),
            Event::Edited { message, by, content } => Self::Edited(*message, by.into(), content.into()),
            Event::Recalled { message, by } => Self::Recalled(*message, by.into()),
            Event::Marked { user, read, delivered } => Self::Marked(user.into(), *read, *delivered),
            Event::MemberAdded { user } => Self::MemberAdded(user.into()),
            Event::MemberRemoved { user } => Self::MemberRemoved(user.into()),
            Event::SessionOpened { session } => Self::SessionOpened(*session),
            Event::SessionQueued { session, reason, opened_at, customer, name } => Self::SessionQueued(
                *session,
                reason.as_str().to_owned(),
                opened_at.0,
                customer.into(),
                name_text(name.as_ref()),
            ),
            Event::SessionAssigned { session, agent, name, reason } => {
                Self::SessionAssigned(*session, agent.into(), name_text(name.as_ref()), reason.clone())
            }
            Event::SessionTransferred { session, from, agent, name, reason } => {
                Self::SessionTransferred(*session, from.into(), agent.into(), name_text(name.as_ref()), reason.clone())
            }
            Event::SessionEnded { session, by, reason } => {
                Self::SessionEnded(*session, by.as_ref().map(UserWire::from), reason.clone())
            }
            Event::SessionRated { session, score, comment } => Self::SessionRated(*session, *score, comment.clone()),
        }
    }
}

impl TryFrom<EventWire> for Event {
    type Error = PayloadError;
    fn try_from(wire: EventWire) -> Result<Self, PayloadError> {
        Ok(match wire {
            EventWire::Created(members) => Self::Created {
                members: members
                    .into_iter()
                    .map(|(user, text)| Ok((user.try_into()?, name(text.as_deref())?)))
                    .collect::<Result<_, PayloadError>>()?,
            },
            EventWire::Message(by, text, content, staff) => Self::Message {
                by: by.map(TryInto::try_into).transpose()?,
                by_name: name(text.as_deref())?,
                content: content.into(),
                audience: audience(staff),
            },
            EventWire::Edited(message, by, content) => {
                Self::Edited { message, by: by.try_into()?, content: content.into() }
            }
            EventWire::Recalled(message, by) => Self::Recalled { message, by: by.try_into()? },
            EventWire::Marked(user, read, delivered) => Self::Marked { user: user.try_into()?, read, delivered },
            EventWire::MemberAdded(user) => Self::MemberAdded { user: user.try_into()? },
            EventWire::MemberRemoved(user) => Self::MemberRemoved { user: user.try_into()? },
            EventWire::SessionOpened(session) => Self::SessionOpened { session },
            EventWire::SessionQueued(session, reason, opened_at_ms, customer, text) => Self::SessionQueued {
                session,
                reason: queue_reason(&reason)?,
                opened_at: At(opened_at_ms),
                customer: customer.try_into()?,
                name: name(text.as_deref())?,
            },
            EventWire::SessionAssigned(session, agent, text, reason) => {
                Self::SessionAssigned { session, agent: agent.try_into()?, name: name(text.as_deref())?, reason }
            }
            EventWire::SessionTransferred(session, from, agent, text, reason) => Self::SessionTransferred {
                session,
                from: from.try_into()?,
                agent: agent.try_into()?,
                name: name(text.as_deref())?,
                reason,
            },
            EventWire::SessionEnded(session, by, reason) => {
                Self::SessionEnded { session, by: by.map(TryInto::try_into).transpose()?, reason }
            }
            EventWire::SessionRated(session, score, comment) => Self::SessionRated { session, score, comment },
        })
    }
}
