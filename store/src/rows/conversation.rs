//! States of conversations in rows.

use std::borrow::Cow;

use kefu_model::conversation::{EditableMessage, Interval, Member, Session, SessionStatus};
use kefu_model::{At, Conversation, ConversationId, TenantId, User};
use serde::{Deserialize, Serialize};

use super::ids::{UserRow, name_from, name_row, text_id, users};
use super::{Blob, decode, encode};
use crate::error::StoreError;

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct StateRow<'a> {
    tenant: Cow<'a, str>,
    #[serde(with = "serde_bytes")]
    id: Vec<u8>,
    rev: u64,
    seq: u64,
    updated_at: u64,
    members: Vec<MemberRow<'a>>,
    session: Option<SessionRow<'a>>,
    /// Who wrote what may be edited.
    authors: Vec<UserRow<'a>>,
    editable: Vec<EditableRow>,
}

#[derive(Serialize, Deserialize)]
struct MemberRow<'a> {
    user: UserRow<'a>,
    name: Option<Cow<'a, str>>,
    intervals: Vec<(u64, Option<u64>)>,
    read: u64,
    delivered: u64,
}

#[derive(Serialize, Deserialize)]
struct SessionRow<'a> {
    ordinal: u64,
    status: u8,
    opened_at: u64,
    queued_rev: u64,
    agent: Option<UserRow<'a>>,
    assigned_at: Option<u64>,
    ended_at: Option<u64>,
    ended_by: Option<UserRow<'a>>,
    rating: Option<u8>,
}

/// How far it is behind the head in `seq`, its author's index, how long before the last event it was sent, whether it was
/// recalled. A busy conversation has many, so they are kept small.
#[derive(Serialize, Deserialize)]
struct EditableRow(u64, Option<u32>, u64, bool);

/// The number of a session's status.
pub(crate) fn status_number(status: SessionStatus) -> u8 {
    match status {
        SessionStatus::Waiting => 1,
        SessionStatus::Active => 2,
        SessionStatus::Ended => 3,
    }
}

/// Reads the number of a session's status.
pub(crate) fn status_from(number: u8) -> Result<SessionStatus, StoreError> {
    match number {
        1 => Ok(SessionStatus::Waiting),
        2 => Ok(SessionStatus::Active),
        3 => Ok(SessionStatus::Ended),
        other => Err(StoreError::corrupt("session", format!("status {other}"))),
    }
}

fn member_row<'a>((user, member): (&'a User, &'a Member)) -> MemberRow<'a> {
    MemberRow {
        user: user.into(),
        name: name_row(member.name.as_ref()),
        intervals: member.intervals.iter().map(|interval| (interval.from, interval.until)).collect(),
        read: member.read,
        delivered: member.delivered,
    }
}

fn member_from(row: MemberRow<'_>) -> Result<(User, Member), StoreError> {
    let member = Member {
        name: name_from(row.name)?,
        intervals: row.intervals.into_iter().map(|(from, until)| Interval { from, until }).collect(),
        read: row.read,
        delivered: row.delivered,
    };
    Ok((User::try_from(row.user)?, member))
}

fn session_row(session: &Session) -> SessionRow<'_> {
    SessionRow {
        ordinal: session.ordinal,
        status: status_number(session.status),
        opened_at: session.opened_at.0,
        queued_rev: session.queued_rev,
        agent: session.agent.as_ref().map(UserRow::from),
        assigned_at: session.assigned_at.map(|at| at.0),
        ended_at: session.ended_at.map(|at| at.0),
        ended_by: session.ended_by.as_ref().map(UserRow::from),
        rating: session.rating,
    }
}

fn session_from(row: SessionRow<'_>) -> Result<Session, StoreError> {
    Ok(Session {
        ordinal: row.ordinal,
        status: status_from(row.status)?,
        opened_at: At(row.opened_at),
        queued_rev: row.queued_rev,
        agent: users(row.agent)?,
        assigned_at: row.assigned_at.map(At),
        ended_at: row.ended_at.map(At),
        ended_by: users(row.ended_by)?,
        rating: row.rating,
    })
}

fn editable_rows(state: &Conversation) -> (Vec<UserRow<'_>>, Vec<EditableRow>) {
    let mut authors: Vec<&User> = Vec::new();
    let mut index_of = |user| {
        let known = authors.iter().position(|author| *author == user);
        known.unwrap_or_else(|| {
            authors.push(user);
            authors.len() - 1
        }) as u32
    };
    let rows = state
        .editable
        .iter()
        .map(|message| {
            let author = message.by.as_ref().map(&mut index_of);
            let age_ms = state.updated_at.0.saturating_sub(message.at.0);
            EditableRow(state.seq.saturating_sub(message.seq), author, age_ms, message.recalled)
        })
        .collect();
    (authors.into_iter().map(UserRow::from).collect(), rows)
}

fn editable_from(row: EditableRow, seq: u64, updated_at: u64, authors: &[User]) -> Result<EditableMessage, StoreError> {
    let corrupt = |what: &str| StoreError::corrupt("editable message", what.to_owned());
    let EditableRow(behind, author, age_ms, recalled) = row;
    let author = author.map(|index| authors.get(index as usize).cloned().ok_or_else(|| corrupt("no such author")));
    Ok(EditableMessage {
        seq: seq.checked_sub(behind).ok_or_else(|| corrupt("beyond the start"))?,
        by: author.transpose()?,
        at: At(updated_at.checked_sub(age_ms).ok_or_else(|| corrupt("before all time"))?),
        recalled,
    })
}

impl Blob for Conversation {
    const WHAT: &'static str = "conversation state";

    fn to_blob(&self) -> Result<Vec<u8>, StoreError> {
        let (authors, editable) = editable_rows(self);
        let row = StateRow {
            tenant: self.tenant.as_str().into(),
            id: self.id.to_bytes().to_vec(),
            rev: self.rev,
            seq: self.seq,
            updated_at: self.updated_at.0,
            members: self.members.iter().map(member_row).collect(),
            session: self.session.as_ref().map(session_row),
            authors,
            editable,
        };
        encode(Self::WHAT, VERSION, &row)
    }

    fn from_blob(blob: &[u8]) -> Result<Self, StoreError> {
        let row: StateRow<'static> = decode(Self::WHAT, VERSION, blob)?;
        let authors = row.authors.into_iter().map(User::try_from).collect::<Result<Vec<_>, _>>()?;
        let editable =
            row.editable.into_iter().map(|editable| editable_from(editable, row.seq, row.updated_at, &authors));
        Ok(Self {
            tenant: text_id("tenant", TenantId::new, &row.tenant)?,
            id: ConversationId::from_bytes(&row.id).map_err(|error| StoreError::corrupt(Self::WHAT, error))?,
            rev: row.rev,
            seq: row.seq,
            updated_at: At(row.updated_at),
            members: row.members.into_iter().map(member_from).collect::<Result<_, _>>()?,
            session: row.session.map(session_from).transpose()?,
            editable: editable.collect::<Result<_, _>>()?,
        })
    }
}
