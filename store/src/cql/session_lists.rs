//! Lists of sessions. Which table answers a question:
//!
//! * a customer's: the sessions of their conversation;
//! * waiting or active ones: the open sessions of the tenant;
//! * all others: the tenant's or the agent's list by the time of opening, bucket by bucket.
//!
//! The first two are short; they are read whole and sorted here. Entries of any table are judged by the session's own row
//! before they are shown.

use futures::{StreamExt as _, TryStreamExt as _};
use kefu_model::conversation::SessionStatus;
use kefu_model::{At, ConversationId, TenantId};
use scylla::DeserializeRow;

use super::buckets::of_session;
use super::client::Client;
use super::list_buckets::{self, List};
use super::log_rows::id;
use super::sessions::{self, agent_id};
use super::statements::statements;
use super::values::{at, int, limit, read_at, read_conversation, read_u64, write_time};
use crate::error::StoreError;
use crate::history::{SessionCursor, SessionPage, SessionQuery};
use crate::limits::COUNT_ROWS;
use crate::log::SessionRow;
use crate::paging::{cut, page};

statements! {
    UNLIST = "DELETE FROM session_lists USING TIMESTAMP ?
        WHERE tenant = ? AND agent = ? AND bucket = ? AND opened_at = ? AND conversation = ? AND ordinal = ?";
    LIST = "INSERT INTO session_lists (tenant, agent, bucket, opened_at, conversation, ordinal, status)
        VALUES (?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
    ASCENDING = "SELECT opened_at, conversation, ordinal, status, agent FROM session_lists
        WHERE tenant = ? AND agent = ? AND bucket = ? AND (opened_at, conversation, ordinal) >= (?, ?, ?)
            AND (opened_at, conversation, ordinal) < (?, ?, ?)
        ORDER BY opened_at ASC, conversation ASC, ordinal ASC LIMIT ?";
    DESCENDING = "SELECT opened_at, conversation, ordinal, status, agent FROM session_lists
        WHERE tenant = ? AND agent = ? AND bucket = ? AND (opened_at, conversation, ordinal) >= (?, ?, ?)
            AND (opened_at, conversation, ordinal) < (?, ?, ?)
        ORDER BY opened_at DESC, conversation DESC, ordinal DESC LIMIT ?";
}

/// Rows of one read.
const CHUNK: usize = 1_000;
/// Sessions of a page that are read side by side.
const ABREAST: usize = 32;

/// A session as a list has it.
#[derive(Debug, Clone, DeserializeRow)]
pub(super) struct Entry {
    pub(super) opened_at: i64,
    pub(super) conversation: Vec<u8>,
    pub(super) ordinal: i64,
    pub(super) status: i8,
    pub(super) agent: Option<String>,
}

/// Where an entry stands in a list: by time, then by what makes it unique.
type Place = (i64, Vec<u8>, i64);

impl Entry {
    fn place(&self) -> Place {
        (self.opened_at, self.conversation.clone(), self.ordinal)
    }

    fn cursor(&self) -> Result<SessionCursor, StoreError> {
        Ok(SessionCursor {
            opened_at: read_at(self.opened_at)?,
            conversation: read_conversation(&self.conversation)?,
            ordinal: read_u64(self.ordinal)?,
        })
    }
}

/// Puts a session into the lists it belongs to and takes it out of the one of the agent who had it before.
pub(super) async fn place(client: &Client, row: &SessionRow, agent_before: &str) -> Result<(), StoreError> {
    let agent = agent_id(row);
    list(client, row, "").await?;
    if !agent.is_empty() {
        list(client, row, agent).await?;
    }
    if agent_before.is_empty() || agent_before == agent {
        return Ok(());
    }
    let (key, bucket) = (&row.conversation, int(of_session(agent_before, row.opened_at.0)));
    let place = (at(row.opened_at), id(key.conversation), int(row.ordinal));
    let values = (write_time(row.stamp), key.tenant.as_str(), agent_before, bucket, place.0, place.1, place.2);
    client.write(UNLIST, values).await
}

async fn list(client: &Client, row: &SessionRow, agent: &str) -> Result<(), StoreError> {
    let (key, bucket) = (&row.conversation, of_session(agent, row.opened_at.0));
    list_buckets::note(client, &key.tenant, List::Sessions(agent), bucket, row.stamp).await?;
    let place = (at(row.opened_at), id(key.conversation), int(row.ordinal));
    let (status, written) = (sessions::status(row.status), write_time(row.stamp));
    client.write(LIST, (key.tenant.as_str(), agent, int(bucket), place.0, place.1, place.2, status, written)).await
}

pub(super) async fn read(client: &Client, tenant: &TenantId, query: &SessionQuery) -> Result<SessionPage, StoreError> {
    let limit = page(query.limit, query.skip)?;
    let question = Question { client, tenant, query };
    let most = limit as usize + 1;
    let (mut entries, total) = match question.whole().await? {
        Some(entries) => question.cut_whole(entries, most)?,
        None => (question.walk(most).await?, question.count().await?),
    };
    let more = cut(&mut entries, limit);
    let next = entries.last().filter(|_| more).map(Entry::cursor).transpose()?;
    let rows: Vec<_> = entries.iter().map(|entry| entry.session(client, tenant)).collect();
    let rows: Vec<Option<SessionRow>> = futures::stream::iter(rows).buffered(ABREAST).try_collect().await?;
    let sessions = rows.into_iter().flatten().filter(|row| question.wants(row)).collect();
    Ok(SessionPage { sessions, total, next })
}

struct Question<'a> {
    client: &'a Client,
    tenant: &'a TenantId,
    query: &'a SessionQuery,
}

impl Question<'_> {
    /// The entries of a list that is short, in no order; none when it may be long.
    async fn whole(&self) -> Result<Option<Vec<Entry>>, StoreError> {
        match (&self.query.customer, self.query.status) {
            (Some(customer), _) => {
                let conversation = ConversationId::support(self.tenant, customer);
                sessions::of_conversation(self.client, self.tenant, conversation).await.map(Some)
            }
            (None, Some(SessionStatus::Waiting | SessionStatus::Active)) => {
                sessions::open(self.client, self.tenant).await.map(Some)
            }
            (None, _) => Ok(None),
        }
    }

    /// Filters, sorts and cuts a short list, and counts it.
    fn cut_whole(&self, mut entries: Vec<Entry>, most: usize) -> Result<(Vec<Entry>, u64), StoreError> {
        let status = self.query.status.map(sessions::status);
        let (from, to) = self.times();
        entries.retain(|entry| {
            status.is_none_or(|status| entry.status == status)
                && self.query.agent.as_ref().is_none_or(|agent| entry.agent.as_deref() == Some(agent.as_str()))
                && (from..to).contains(&entry.opened_at)
        });
        let total = (entries.len() as u64).min(COUNT_ROWS);
        let Range { lower, upper } = self.range();
        entries.retain(|entry| (&lower..&upper).contains(&&entry.place()));
        entries.sort_unstable_by_key(Entry::place);
        if !self.query.oldest_first {
            entries.reverse();
        }
        let entries = entries.into_iter().skip(self.query.skip as usize).take(most).collect();
        Ok((entries, total))
    }

    /// Entries of a long list after the cursor.
    async fn walk(&self, most: usize) -> Result<Vec<Entry>, StoreError> {
        let (mut passed, mut entries) = (0, Vec::new());
        let chunk = (self.query.skip as usize + most).min(CHUNK);
        self.visit(self.range(), chunk, |entry| {
            if passed < self.query.skip {
                passed += 1;
            } else {
                entries.push(entry);
            }
            entries.len() < most
        })
        .await?;
        Ok(entries)
    }

    /// Length of a long list without paging.
    async fn count(&self) -> Result<u64, StoreError> {
        let mut total = 0;
        let (from, to) = self.times();
        let whole = Range { lower: (from, Vec::new(), i64::MIN), upper: (to, Vec::new(), i64::MIN) };
        self.visit(whole, CHUNK, |_| {
            total += 1;
            total < COUNT_ROWS
        })
        .await?;
        Ok(total)
    }

    /// Shows entries of a long list in the query's order until `take` has had enough.
    async fn visit(
        &self,
        mut range: Range,
        chunk: usize,
        mut take: impl FnMut(Entry) -> bool,
    ) -> Result<(), StoreError> {
        let agent = self.query.agent.as_ref().map_or("", |agent| agent.as_str());
        let status = self.query.status.map(sessions::status);
        let bucket_of = |opened_at: i64| of_session(agent, opened_at.max(0).cast_unsigned());
        let buckets = bucket_of(range.lower.0)..=bucket_of(range.upper.0);
        let list = List::Sessions(agent);
        for bucket in list_buckets::read(self.client, self.tenant, list, buckets, self.query.oldest_first).await? {
            loop {
                let entries = self.chunk(agent, bucket, &range, chunk).await?;
                let is_last = entries.len() < chunk;
                for entry in entries {
                    range.pass(entry.place(), self.query.oldest_first);
                    if status.is_none_or(|status| entry.status == status) && !take(entry) {
                        return Ok(());
                    }
                }
                if is_last {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn chunk(&self, agent: &str, bucket: u64, range: &Range, rows: usize) -> Result<Vec<Entry>, StoreError> {
        let cql = if self.query.oldest_first { ASCENDING } else { DESCENDING };
        let (lower, upper) = (&range.lower, &range.upper);
        let values = (
            (self.tenant.as_str(), agent, int(bucket)),
            (lower.0, lower.1.as_slice(), lower.2),
            (upper.0, upper.1.as_slice(), upper.2),
        );
        let ((tenant, agent, bucket), lower, upper) = values;
        let values = (tenant, agent, bucket, lower.0, lower.1, lower.2, upper.0, upper.1, upper.2, limit(rows));
        self.client.rows(cql, values).await
    }

    /// The times of opening that were asked for.
    fn times(&self) -> (i64, i64) {
        (self.query.opened_from.map_or(0, at), self.query.opened_to.map_or(i64::MAX, at))
    }

    /// The places after the cursor.
    fn range(&self) -> Range {
        let (from, to) = self.times();
        let mut range = Range { lower: (from, Vec::new(), i64::MIN), upper: (to, Vec::new(), i64::MIN) };
        if let Some(cursor) = self.query.cursor {
            let place = (at(cursor.opened_at), id(cursor.conversation), int(cursor.ordinal));
            range.pass(place, self.query.oldest_first);
        }
        range
    }

    /// Whether the row itself is what was asked for: an entry may be of a moment before or after.
    fn wants(&self, row: &SessionRow) -> bool {
        let query = self.query;
        let agent_fits = |agent: &kefu_model::UserId| row.agent.as_ref().is_some_and(|(user, _)| user.id == *agent);
        query.status.is_none_or(|status| row.status == status)
            && query.agent.as_ref().is_none_or(agent_fits)
            && query.opened_from.is_none_or(|from| row.opened_at >= from)
            && row.opened_at < query.opened_to.unwrap_or(At(u64::MAX))
    }
}

/// Places from `lower` on, before `upper`.
struct Range {
    lower: Place,
    upper: Place,
}

impl Range {
    /// Leaves what comes after a place in the order of reading.
    fn pass(&mut self, place: Place, oldest_first: bool) {
        if oldest_first {
            let after = (place.0, place.1, place.2.saturating_add(1));
            self.lower = after.max(std::mem::take(&mut self.lower));
        } else {
            self.upper = place.min(std::mem::take(&mut self.upper));
        }
    }
}
