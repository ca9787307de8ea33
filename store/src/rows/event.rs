//! Events in rows: the bodies of items of history.

use std::borrow::Cow;

use kefu_model::event::QueueReason;
use kefu_model::{At, Audience, Event, User};
use serde::{Deserialize, Serialize};

use super::content::ContentRow;
use super::ids::{UserRow, name_from, name_row, users};
use super::{Blob, decode, encode};
use crate::error::StoreError;
use crate::log::{Edit, Recall, Version};

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
enum EventRow<'a> {
    #[serde(rename = "m")]
    Message { by: Option<UserRow<'a>>, by_name: Option<Cow<'a, str>>, content: ContentRow<'a>, staff: bool },
    #[serde(rename = "ma")]
    MemberAdded { user: UserRow<'a> },
    #[serde(rename = "mr")]
    MemberRemoved { user: UserRow<'a> },
    #[serde(rename = "so")]
    SessionOpened { session: u64 },
    #[serde(rename = "sq")]
    SessionQueued { session: u64, reason: u8, opened_at: u64, customer: UserRow<'a>, name: Option<Cow<'a, str>> },
    #[serde(rename = "sa")]
    SessionAssigned { session: u64, agent: UserRow<'a>, name: Option<Cow<'a, str>>, reason: Cow<'a, str> },
    #[serde(rename = "st")]
    SessionTransferred {
        session: u64,
        from: UserRow<'a>,
        agent: UserRow<'a>,
        name: Option<Cow<'a, str>>,
        reason: Cow<'a, str>,
    },
    #[serde(rename = "se")]
    SessionEnded { session: u64, by: Option<UserRow<'a>>, reason: Option<Cow<'a, str>> },
    #[serde(rename = "sr")]
    SessionRated { session: u64, score: u8, comment: Option<Cow<'a, str>> },
}

fn reason_number(reason: QueueReason) -> u8 {
    match reason {
        QueueReason::Opened => 1,
        QueueReason::AgentGone => 2,
        QueueReason::Released => 3,
    }
}

fn reason_from(number: u8) -> Result<QueueReason, StoreError> {
    match number {
        1 => Ok(QueueReason::Opened),
        2 => Ok(QueueReason::AgentGone),
        3 => Ok(QueueReason::Released),
        other => Err(StoreError::corrupt("event", format!("queue reason {other}"))),
    }
}

impl<'a> EventRow<'a> {
    /// None for the events that are not items of history.
    fn of(event: &'a Event) -> Option<Self> {
        Some(match event {
            Event::Message { by, by_name, content, audience } => Self::Message {
                by: by.as_ref().map(UserRow::from),
                by_name: name_row(by_name.as_ref()),
                content: content.into(),
                staff: *audience == Audience::Staff,
            },
            Event::MemberAdded { user } => Self::MemberAdded { user: user.into() },
            Event::MemberRemoved { user } => Self::MemberRemoved { user: user.into() },
            Event::Created { .. } | Event::Edited { .. } | Event::Recalled { .. } | Event::Marked { .. } => {
                return None;
            }
            _ => return Self::of_session(event),
        })
    }

    fn of_session(event: &'a Event) -> Option<Self> {
        Some(match event {
            Event::SessionOpened { session } => Self::SessionOpened { session: *session },
            Event::SessionQueued { session, reason, opened_at, customer, name } => Self::SessionQueued {
                session: *session,
                reason: reason_number(*reason),
                opened_at: opened_at.0,
                customer: customer.into(),
                name: name_row(name.as_ref()),
            },
            Event::SessionAssigned { session, agent, name, reason } => Self::SessionAssigned {
                session: *session,
                agent: agent.into(),
                name: name_row(name.as_ref()),
                reason: reason.into(),
            },
            Event::SessionTransferred { session, from, agent, name, reason } => Self::SessionTransferred {
                session: *session,
                from: from.into(),
                agent: agent.into(),
                name: name_row(name.as_ref()),
                reason: reason.into(),
            },
            Event::SessionEnded { session, by, reason } => Self::SessionEnded {
                session: *session,
                by: by.as_ref().map(UserRow::from),
                reason: reason.as_deref().map(Cow::Borrowed),
            },
            Event::SessionRated { session, score, comment } => {
                Self::SessionRated { session: *session, score: *score, comment: comment.as_deref().map(Cow::Borrowed) }
            }
            _ => return None,
        })
    }

    fn into_event(self) -> Result<Event, StoreError> {
        let owned = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        Ok(match self {
            Self::Message { by, by_name, content, staff } => Event::Message {
                by: users(by)?,
                by_name: name_from(by_name)?,
                content: content.into(),
                audience: if staff { Audience::Staff } else { Audience::All },
            },
            Self::MemberAdded { user } => Event::MemberAdded { user: User::try_from(user)? },
            Self::MemberRemoved { user } => Event::MemberRemoved { user: User::try_from(user)? },
            Self::SessionOpened { session } => Event::SessionOpened { session },
            Self::SessionQueued { session, reason, opened_at, customer, name } => Event::SessionQueued {
                session,
                reason: reason_from(reason)?,
                opened_at: At(opened_at),
                customer: User::try_from(customer)?,
                name: name_from(name)?,
            },
            Self::SessionAssigned { session, agent, name, reason } => Event::SessionAssigned {
                session,
                agent: User::try_from(agent)?,
                name: name_from(name)?,
                reason: reason.into_owned(),
            },
            Self::SessionTransferred { session, from, agent, name, reason } => Event::SessionTransferred {
                session,
                from: User::try_from(from)?,
                agent: User::try_from(agent)?,
                name: name_from(name)?,
                reason: reason.into_owned(),
            },
            Self::SessionEnded { session, by, reason } => {
                Event::SessionEnded { session, by: users(by)?, reason: owned(reason) }
            }
            Self::SessionRated { session, score, comment } => {
                Event::SessionRated { session, score, comment: owned(comment) }
            }
        })
    }
}

/// The body of an item.
pub(crate) struct Body(pub Event);

impl Blob for Body {
    const WHAT: &'static str = "history item";

    fn to_blob(&self) -> Result<Vec<u8>, StoreError> {
        event_blob(&self.0)
    }

    fn from_blob(blob: &[u8]) -> Result<Self, StoreError> {
        decode::<EventRow<'static>>(Self::WHAT, VERSION, blob)?.into_event().map(Self)
    }
}

/// Writes the body of an item without taking the event.
pub(crate) fn event_blob(event: &Event) -> Result<Vec<u8>, StoreError> {
    let row = EventRow::of(event).ok_or_else(|| StoreError::Backend("not an item of history".into()))?;
    encode(Body::WHAT, VERSION, &row)
}

#[derive(Serialize, Deserialize)]
struct EditRow<'a>(u64, u64, UserRow<'a>, ContentRow<'a>);

#[derive(Serialize, Deserialize)]
struct RecallRow<'a>(u64, u64, UserRow<'a>);

#[derive(Serialize, Deserialize)]
enum VersionRow<'a> {
    #[serde(rename = "e")]
    Edited(EditRow<'a>),
    #[serde(rename = "r")]
    Recalled(RecallRow<'a>),
}

impl<'a> From<&'a Edit> for EditRow<'a> {
    fn from(edit: &'a Edit) -> Self {
        Self(edit.rev, edit.at.0, (&edit.by).into(), (&edit.content).into())
    }
}

impl<'a> From<&'a Recall> for RecallRow<'a> {
    fn from(recall: &'a Recall) -> Self {
        Self(recall.rev, recall.at.0, (&recall.by).into())
    }
}

fn edit_from(row: EditRow<'_>) -> Result<Edit, StoreError> {
    Ok(Edit { rev: row.0, at: At(row.1), by: User::try_from(row.2)?, content: row.3.into() })
}

fn recall_from(row: RecallRow<'_>) -> Result<Recall, StoreError> {
    Ok(Recall { rev: row.0, at: At(row.1), by: User::try_from(row.2)? })
}

impl Blob for Edit {
    const WHAT: &'static str = "edit";

    fn to_blob(&self) -> Result<Vec<u8>, StoreError> {
        encode(Self::WHAT, VERSION, &EditRow::from(self))
    }

    fn from_blob(blob: &[u8]) -> Result<Self, StoreError> {
        edit_from(decode::<EditRow<'static>>(Self::WHAT, VERSION, blob)?)
    }
}

impl Blob for Recall {
    const WHAT: &'static str = "recall";

    fn to_blob(&self) -> Result<Vec<u8>, StoreError> {
        encode(Self::WHAT, VERSION, &RecallRow::from(self))
    }

    fn from_blob(blob: &[u8]) -> Result<Self, StoreError> {
        recall_from(decode::<RecallRow<'static>>(Self::WHAT, VERSION, blob)?)
    }
}

impl Blob for Version {
    const WHAT: &'static str = "version of a message";

    fn to_blob(&self) -> Result<Vec<u8>, StoreError> {
        let row = match self {
            Self::Edited(edit) => VersionRow::Edited(edit.into()),
            Self::Recalled(recall) => VersionRow::Recalled(recall.into()),
        };
        encode(Self::WHAT, VERSION, &row)
    }

    fn from_blob(blob: &[u8]) -> Result<Self, StoreError> {
        match decode::<VersionRow<'static>>(Self::WHAT, VERSION, blob)? {
            VersionRow::Edited(edit) => edit_from(edit).map(Self::Edited),
            VersionRow::Recalled(recall) => recall_from(recall).map(Self::Recalled),
        }
    }
}
