//! Outcomes of conversations on the wire and in the log.

use kefu_model::event::{Audience, Event, Numbered, Outcome, Verdict};
use kefu_model::ids::At;
use serde::{Deserialize, Serialize};

use super::PayloadError;
use super::command::{audience, queue_reason};
use super::content::ContentWire;
use super::ids::{
    BorrowedUserWire, ConversationWire, HashWire, IdentityWire, TextWire, UserWire, name, name_text, refusal, tenant,
};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OutcomeWire<'a> {
    #[serde(borrow)]
    tenant: TextWire<'a>,
    conversation: ConversationWire,
    #[serde(borrow)]
    identity: Option<IdentityWire<'a>>,
    hash: HashWire,
    at_ms: u64,
    rev: u64,
    #[serde(borrow)]
    verdict: VerdictWire<'a>,
}

#[derive(Debug, Serialize, Deserialize)]
enum VerdictWire<'a> {
    #[serde(rename = "a")]
    Accepted(#[serde(borrow)] Vec<(u64, u64, EventWire<'a>)>),
    #[serde(rename = "r")]
    Refused(u16),
}

#[derive(Debug, Serialize, Deserialize)]
enum EventWire<'a> {
    #[serde(rename = "c")]
    Created(#[serde(borrow)] Vec<(BorrowedUserWire<'a>, Option<TextWire<'a>>)>),
    #[serde(rename = "m")]
    Message(
        #[serde(borrow)] Option<BorrowedUserWire<'a>>,
        #[serde(borrow)] Option<TextWire<'a>>,
        #[serde(borrow)] ContentWire<'a>,
        bool,
    ),
    #[serde(rename = "e")]
    Edited(u64, #[serde(borrow)] BorrowedUserWire<'a>, #[serde(borrow)] ContentWire<'a>),
    #[serde(rename = "r")]
    Recalled(u64, #[serde(borrow)] BorrowedUserWire<'a>),
    #[serde(rename = "k")]
    Marked(#[serde(borrow)] BorrowedUserWire<'a>, u64, u64),
    #[serde(rename = "am")]
    MemberAdded(#[serde(borrow)] BorrowedUserWire<'a>),
    #[serde(rename = "rm")]
    MemberRemoved(#[serde(borrow)] BorrowedUserWire<'a>),
    #[serde(rename = "so")]
    SessionOpened(u64),
    #[serde(rename = "sq")]
    SessionQueued(
        u64,
        #[serde(borrow)] TextWire<'a>,
        u64,
        #[serde(borrow)] BorrowedUserWire<'a>,
        #[serde(borrow)] Option<TextWire<'a>>,
    ),
    #[serde(rename = "sa")]
    SessionAssigned(
        u64,
        #[serde(borrow)] BorrowedUserWire<'a>,
        #[serde(borrow)] Option<TextWire<'a>>,
        #[serde(borrow)] TextWire<'a>,
    ),
    #[serde(rename = "st")]
    SessionTransferred(
        u64,
        #[serde(borrow)] BorrowedUserWire<'a>,
        #[serde(borrow)] BorrowedUserWire<'a>,
        #[serde(borrow)] Option<TextWire<'a>>,
        #[serde(borrow)] TextWire<'a>,
    ),
    #[serde(rename = "se")]
    SessionEnded(u64, #[serde(borrow)] Option<BorrowedUserWire<'a>>, #[serde(borrow)] Option<TextWire<'a>>),
    #[serde(rename = "sr")]
    SessionRated(u64, u8, #[serde(borrow)] Option<TextWire<'a>>),
}

impl<'a> From<&'a Outcome> for OutcomeWire<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        let verdict = match &outcome.verdict {
            Verdict::Refused(refusal) => VerdictWire::Refused(refusal.code()),
            Verdict::Accepted(events) => VerdictWire::Accepted(
                events.iter().map(|numbered| (numbered.rev, numbered.seq, (&numbered.event).into())).collect(),
            ),
        };
        Self {
            tenant: outcome.tenant.as_str().into(),
            conversation: outcome.conversation.into(),
            identity: outcome.identity.as_ref().map(IdentityWire::from),
            hash: outcome.hash.into(),
            at_ms: outcome.at.0,
            rev: outcome.rev,
            verdict,
        }
    }
}

impl TryFrom<OutcomeWire<'_>> for Outcome {
    type Error = PayloadError;
    fn try_from(wire: OutcomeWire<'_>) -> Result<Self, PayloadError> {
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
            tenant: tenant(wire.tenant.as_str())?,
            conversation: wire.conversation.try_into()?,
            identity: wire.identity.map(TryInto::try_into).transpose()?,
            hash: wire.hash.into(),
            at: At(wire.at_ms),
            rev: wire.rev,
            verdict,
        })
    }
}

impl<'a> From<&'a Event> for EventWire<'a> {
    fn from(event: &'a Event) -> Self {
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
                reason.as_str().into(),
                opened_at.0,
                customer.into(),
                name_text(name.as_ref()),
            ),
            Event::SessionAssigned { session, agent, name, reason } => {
                Self::SessionAssigned(*session, agent.into(), name_text(name.as_ref()), reason.as_str().into())
            }
            Event::SessionTransferred { session, from, agent, name, reason } => Self::SessionTransferred(
                *session,
                from.into(),
                agent.into(),
                name_text(name.as_ref()),
                reason.as_str().into(),
            ),
            Event::SessionEnded { session, by, reason } => {
                Self::SessionEnded(*session, by.as_ref().map(UserWire::from), reason.as_deref().map(TextWire::from))
            }
            Event::SessionRated { session, score, comment } => {
                Self::SessionRated(*session, *score, comment.as_deref().map(TextWire::from))
            }
        }
    }
}

impl TryFrom<EventWire<'_>> for Event {
    type Error = PayloadError;
    fn try_from(wire: EventWire<'_>) -> Result<Self, PayloadError> {
        Ok(match wire {
            EventWire::Created(members) => Self::Created {
                members: members.into_iter().map(|(user, text)| Ok((user.try_into()?, name(text)?))).collect::<Result<
                    _,
                    PayloadError,
                >>(
                )?,
            },
            EventWire::Message(by, text, content, staff) => Self::Message {
                by: by.map(TryInto::try_into).transpose()?,
                by_name: name(text)?,
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
                reason: queue_reason(reason.as_str())?,
                opened_at: At(opened_at_ms),
                customer: customer.try_into()?,
                name: name(text)?,
            },
            EventWire::SessionAssigned(session, agent, text, reason) => Self::SessionAssigned {
                session,
                agent: agent.try_into()?,
                name: name(text)?,
                reason: reason.into_string(),
            },
            EventWire::SessionTransferred(session, from, agent, text, reason) => Self::SessionTransferred {
                session,
                from: from.try_into()?,
                agent: agent.try_into()?,
                name: name(text)?,
                reason: reason.into_string(),
            },
            EventWire::SessionEnded(session, by, reason) => Self::SessionEnded {
                session,
                by: by.map(TryInto::try_into).transpose()?,
                reason: reason.map(TextWire::into_string),
            },
            EventWire::SessionRated(session, score, comment) => {
                Self::SessionRated { session, score, comment: comment.map(TextWire::into_string) }
            }
        })
    }
}
