//! Sessions, and those that are open.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use kefu_model::conversation::SessionStatus;
use kefu_model::{At, ConversationId, Name, TenantId, User, UserId};
use scylla::value::MaybeUnset;
use scylla::{DeserializeRow, SerializeRow};

use super::buckets::{OPEN_SHARDS, open_shard};
use super::client::Client;
use super::expiry::now;
use super::log_rows::{Id, id};
use super::session_lists::{self, Entry};
use super::statements::statements;
use super::values::{
    at, int, kind, limit, read_at, read_conversation, read_name, read_opt_at, read_stamp, read_u8, read_u64,
    read_user_id, write_time,
};
use crate::error::StoreError;
use crate::history::SessionCounts;
use crate::limits::COUNT_ROWS;
use crate::log::{ConversationKey, SessionRow};
use crate::rows::{status_from, status_number, user_from_text};

statements! {
    KNOWN = "SELECT agent, WRITETIME(status) FROM sessions WHERE tenant = ? AND conversation = ? AND ordinal = ?";
    CLOSE = "DELETE FROM open_sessions USING TIMESTAMP ?
        WHERE tenant = ? AND shard = ? AND conversation = ? AND ordinal = ?";
    OPEN = "INSERT INTO open_sessions (tenant, shard, conversation, ordinal, status, agent, opened_at)
        VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
    INSERT = "INSERT INTO sessions
            (tenant, conversation, ordinal, status, customer, customer_name, opened_at, agent, agent_name, assigned_at,
             ended_at, ended_by_kind, ended_by, end_reason, rating, comment)
        VALUES (:tenant, :conversation, :ordinal, :status, :customer, :customer_name, :opened_at, :agent,
                :agent_name, :assigned_at, :ended_at, :ended_by_kind, :ended_by, :end_reason, :rating, :comment)
        USING TIMESTAMP :stamp";
    OPEN_OF_SHARD = "SELECT opened_at, conversation, ordinal, status, agent FROM open_sessions
        WHERE tenant = ? AND shard = ? LIMIT ?";
    STATUS = "SELECT status FROM sessions WHERE tenant = ? AND conversation = ? AND ordinal = ?";
    OF_CONVERSATION = "SELECT opened_at, conversation, ordinal, status, agent FROM sessions
        WHERE tenant = ? AND conversation = ? LIMIT ?";
    ONE = "SELECT status, customer, customer_name, opened_at, agent, agent_name, assigned_at, ended_at, ended_by_kind,
               ended_by, end_reason, rating, comment, WRITETIME(status) AS written
        FROM sessions WHERE tenant = ? AND conversation = ? AND ordinal = ?";
}

/// Sessions written, or shards read, side by side.
const ABREAST: usize = 32;

/// `gc_grace_seconds` of the table of open sessions, by its migration.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// Most old entries that are judged by their rows for one list or count.
const JUDGED: usize = 1_000;

/// Writes sessions: the lists first, the row itself last, so that an entry of a list is at worst one whose row does not
/// say the same yet, and is judged by the row.
pub(super) async fn write(client: &Client, rows: &[SessionRow]) -> Result<(), StoreError> {
    let writes: Vec<_> = rows.iter().map(|row| write_one(client, row)).collect();
    futures::stream::iter(writes).buffer_unordered(ABREAST).try_collect().await
}

async fn write_one(client: &Client, row: &SessionRow) -> Result<(), StoreError> {
    let (tenant, conversation) = (row.conversation.tenant.as_str(), id(row.conversation.conversation));
    let known = client.first::<(Option<String>, Option<i64>)>(KNOWN, (tenant, conversation, int(row.ordinal))).await?;
    let (agent, written) = known.unwrap_or_default();
    // An older row changes no list: its entry might be one that was never written and so was never taken away.
    if written.is_none_or(|written| written <= write_time(row.stamp)) {
        session_lists::place(client, row, agent.as_deref().unwrap_or("")).await?;
        open_or_close(client, row).await?;
    }
    insert(client, row).await
}

async fn open_or_close(client: &Client, row: &SessionRow) -> Result<(), StoreError> {
    let key = &row.conversation;
    let (tenant, shard, conversation) = (key.tenant.as_str(), open_shard(key.conversation), id(key.conversation));
    if row.status == SessionStatus::Ended {
        return client.write(CLOSE, (write_time(row.stamp), tenant, shard, conversation, int(row.ordinal))).await;
    }
    let place = (tenant, shard, conversation, int(row.ordinal));
    let says = (status(row.status), agent_id(row), at(row.opened_at), write_time(row.stamp));
    client.write(OPEN, (place.0, place.1, place.2, place.3, says.0, says.1, says.2, says.3)).await
}

#[derive(SerializeRow)]
struct SessionValues<'a> {
    tenant: &'a str,
    conversation: Id,
    ordinal: i64,
    status: i8,
    customer: Option<&'a str>,
    customer_name: Option<&'a str>,
    opened_at: i64,
    agent: Option<&'a str>,
    agent_name: Option<&'a str>,
    assigned_at: Option<i64>,
    ended_at: Option<i64>,
    ended_by_kind: Option<i8>,
    ended_by: Option<&'a str>,
    end_reason: MaybeUnset<&'a str>,
    rating: Option<i8>,
    comment: MaybeUnset<&'a str>,
    stamp: i64,
}

async fn insert(client: &Client, row: &SessionRow) -> Result<(), StoreError> {
    let (customer, customer_name) = person(row.customer.as_ref());
    let (agent, agent_name) = person(row.agent.as_ref());
    let values = SessionValues {
        tenant: row.conversation.tenant.as_str(),
        conversation: id(row.conversation.conversation),
        ordinal: int(row.ordinal),
        status: status(row.status),
        customer,
        customer_name,
        opened_at: at(row.opened_at),
        agent,
        agent_name,
        assigned_at: row.assigned_at.map(at),
        ended_at: row.ended_at.map(at),
        ended_by_kind: row.ended_by.as_ref().map(kind),
        ended_by: row.ended_by.as_ref().map(|user| user.id.as_str()),
        end_reason: MaybeUnset::from_option(row.end_reason.as_deref()),
        rating: row.rating.map(u8::cast_signed),
        comment: MaybeUnset::from_option(row.comment.as_deref()),
        stamp: write_time(row.stamp),
    };
    client.write(INSERT, values).await
}

/// A status for a column.
pub(super) fn status(status: SessionStatus) -> i8 {
    status_number(status).cast_signed()
}

/// The agent's id, empty when there is none.
pub(super) fn agent_id(row: &SessionRow) -> &str {
    row.agent.as_ref().map_or("", |(user, _)| user.id.as_str())
}

fn person(person: Option<&(User, Option<Name>)>) -> (Option<&str>, Option<&str>) {
    match person {
        None => (None, None),
        Some((user, name)) => (Some(user.id.as_str()), name.as_ref().map(Name::as_str)),
    }
}

/// All open sessions of a tenant, at most [`COUNT_ROWS`] of each shard.
///
/// A deletion is forgotten after [`FORGOTTEN_AFTER`], and a replica that had missed it may bring the entry back. Such an
/// entry is older than that; the oldest of the old ones are judged by their rows, at most [`JUDGED`] of them.
pub(super) async fn open(client: &Client, tenant: &TenantId) -> Result<Vec<Entry>, StoreError> {
    let limit = limit(usize::try_from(COUNT_ROWS).unwrap_or(usize::MAX));
    let shards: Vec<_> =
        (0..OPEN_SHARDS).map(|shard| client.rows::<Entry>(OPEN_OF_SHARD, (tenant.as_str(), shard, limit))).collect();
    let entries: Vec<Vec<Entry>> = futures::stream::iter(shards).buffered(ABREAST).try_collect().await?;
    let (judged, mut open) = doubtful(entries.concat(), now());
    let judging: Vec<_> = judged.into_iter().map(|entry| as_row_says(client, tenant, entry)).collect();
    let mut judging = futures::stream::iter(judging).buffer_unordered(ABREAST);
    while let Some(entry) = judging.try_next().await? {
        open.extend(entry);
    }
    Ok(open)
}

/// Entries that may be of sessions that have ended long ago, and the others.
fn doubtful(mut entries: Vec<Entry>, now: At) -> (Vec<Entry>, Vec<Entry>) {
    entries.sort_unstable_by_key(|entry| entry.opened_at);
    let old_until = at(now).saturating_sub_unsigned(FORGOTTEN_AFTER.as_millis() as u64);
    let old = entries.partition_point(|entry| entry.opened_at <= old_until);
    let young = entries.split_off(old.min(JUDGED));
    (entries, young)
}

/// The entry, if its session is there and open.
async fn as_row_says(client: &Client, tenant: &TenantId, entry: Entry) -> Result<Option<Entry>, StoreError> {
    let conversation = entry.conversation.as_slice();
    let row = client.first::<(i8,)>(STATUS, (tenant.as_str(), conversation, entry.ordinal)).await?;
    let Some((status,)) = row else { return Ok(None) };
    let is_open = status_from(read_u8(status)?)? != SessionStatus::Ended;
    Ok(Some(entry).filter(|_| is_open))
}

/// All sessions of a conversation, at most [`COUNT_ROWS`].
pub(super) async fn of_conversation(
    client: &Client,
    tenant: &TenantId,
    conversation: ConversationId,
) -> Result<Vec<Entry>, StoreError> {
    let limit = limit(usize::try_from(COUNT_ROWS).unwrap_or(usize::MAX));
    client.rows(OF_CONVERSATION, (tenant.as_str(), id(conversation), limit)).await
}

pub(super) async fn counts(
    client: &Client,
    tenant: &TenantId,
    agent: Option<&UserId>,
) -> Result<SessionCounts, StoreError> {
    let mut counts = SessionCounts::default();
    for entry in open(client, tenant).await? {
        if agent.is_some_and(|agent| entry.agent.as_deref() != Some(agent.as_str())) {
            continue;
        }
        match entry.status()? {
            SessionStatus::Waiting => counts.waiting += 1,
            SessionStatus::Active => counts.active += 1,
            SessionStatus::Ended => {}
        }
    }
    Ok(SessionCounts { waiting: counts.waiting.min(COUNT_ROWS), active: counts.active.min(COUNT_ROWS) })
}

#[derive(DeserializeRow)]
struct Row {
    status: i8,
    customer: Option<String>,
    customer_name: Option<String>,
    opened_at: i64,
    agent: Option<String>,
    agent_name: Option<String>,
    assigned_at: Option<i64>,
    ended_at: Option<i64>,
    ended_by_kind: Option<i8>,
    ended_by: Option<String>,
    end_reason: Option<String>,
    rating: Option<i8>,
    comment: Option<String>,
    written: i64,
}

pub(super) async fn one_session(
    client: &Client,
    tenant: &TenantId,
    conversation: ConversationId,
    ordinal: u64,
) -> Result<Option<SessionRow>, StoreError> {
    let row = client.first::<Row>(ONE, (tenant.as_str(), id(conversation), int(ordinal))).await?;
    let key = ConversationKey { tenant: tenant.clone(), conversation };
    row.map(|row| row.into_session(key, ordinal)).transpose()
}

impl Row {
    fn into_session(self, conversation: ConversationKey, ordinal: u64) -> Result<SessionRow, StoreError> {
        let ended_by = self.ended_by_kind.zip(self.ended_by);
        Ok(SessionRow {
            conversation,
            ordinal,
            status: status_from(read_u8(self.status)?)?,
            customer: read_person(self.customer.as_deref(), self.customer_name.as_deref(), User::customer)?,
            opened_at: read_at(self.opened_at)?,
            agent: read_person(self.agent.as_deref(), self.agent_name.as_deref(), User::agent)?,
            assigned_at: read_opt_at(self.assigned_at)?,
            ended_at: read_opt_at(self.ended_at)?,
            ended_by: ended_by.map(|(kind, id)| user_from_text(read_u8(kind)?, &id)).transpose()?,
            end_reason: self.end_reason,
            rating: self.rating.map(read_u8).transpose()?,
            comment: self.comment,
            stamp: read_stamp(self.written)?,
        })
    }
}

fn read_person(
    id: Option<&str>,
    name: Option<&str>,
    user: fn(UserId) -> User,
) -> Result<Option<(User, Option<Name>)>, StoreError> {
    id.map(|id| Ok((user(read_user_id(id)?), read_name(name)?))).transpose()
}

impl Entry {
    pub(super) fn status(&self) -> Result<SessionStatus, StoreError> {
        status_from(read_u8(self.status)?)
    }

    /// The row itself.
    pub(super) async fn session(&self, client: &Client, tenant: &TenantId) -> Result<Option<SessionRow>, StoreError> {
        one_session(client, tenant, read_conversation(&self.conversation)?, read_u64(self.ordinal)?).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(opened_at: i64) -> Entry {
        Entry { opened_at, conversation: Vec::new(), ordinal: 1, status: 1, agent: None }
    }

    #[test]
    fn old_entries_are_doubtful_and_not_all_of_them() {
        let (day, now) = (24 * 60 * 60 * 1_000, At(10 * 24 * 60 * 60 * 1_000));
        let (old, young) = doubtful([10, 9, 8, 3].map(|days| entry(days * day)).to_vec(), now);
        assert_eq!(old.iter().map(|entry| entry.opened_at / day).collect::<Vec<_>>(), [3, 8, 9]);
        assert_eq!(young.iter().map(|entry| entry.opened_at / day).collect::<Vec<_>>(), [10]);
        let many = (0..JUDGED + 10).map(|_| entry(1)).collect();
        let (old, others) = doubtful(many, now);
        assert_eq!((old.len(), others.len()), (JUDGED, 10));
        assert_eq!(doubtful(Vec::new(), At(0)).0.len(), 0);
    }
}
