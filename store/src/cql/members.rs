//! Memberships, and the list of a user's conversations.
//!
//! The list is sorted by activity, which changes with every message, so it is not in a key. All of a user's rows are read
//! in pieces and the newest kept: their number has to be told anyway, and with `active_only` only the rows know it. Whose
//! rows are more than one piece waits for a turn, so that few such lists are read at a time.

use futures::{StreamExt as _, TryStreamExt as _};
use kefu_model::{TenantId, User};
use scylla::{DeserializeRow, SerializeRow};

use super::batches::{Placed, lanes};
use super::client::Client;
use super::history::Scope;
use super::log_rows::{Id, id};
use super::log_store;
use super::statements::statements;
use super::values::{at, int, kind, limit, read_at, read_conversation, read_stamp, read_u64, write_time};
use crate::error::StoreError;
use crate::history::{ConversationCursor, ConversationEntry, ConversationPage, ConversationQuery};
use crate::limits::COUNT_ROWS;
use crate::log::{ConversationKey, MemberRow};
use crate::paging::{cut, page};

statements! {
    INSERT = "INSERT INTO by_member
            (tenant, user_kind, user_id, conversation, active, read, delivered, rev, seq, updated_at)
        VALUES
            (:tenant, :user_kind, :user_id, :conversation, :active, :read, :delivered, :rev, :seq, :updated_at)
        USING TIMESTAMP :stamp";
    OF_USER = "SELECT conversation, active, read, delivered, rev, seq, updated_at, WRITETIME(updated_at) AS written
        FROM by_member WHERE tenant = ? AND user_kind = ? AND user_id = ? AND conversation > ? LIMIT ?";
}

/// Rows of one read.
const CHUNK: usize = 5_000;
/// Entries of a page whose states and last messages are read side by side.
const ABREAST: usize = 32;

#[derive(SerializeRow)]
struct MemberValues<'a> {
    tenant: &'a str,
    user_kind: i8,
    user_id: &'a str,
    conversation: Id,
    active: bool,
    read: i64,
    delivered: i64,
    rev: i64,
    seq: i64,
    updated_at: i64,
    stamp: i64,
}

/// About how many bytes a row has.
const ROW_BYTES: usize = 256;

pub(super) async fn write(client: &Client, rows: &[MemberRow]) -> Result<(), StoreError> {
    let placed = rows.iter().map(|row| {
        let values = MemberValues {
            tenant: row.conversation.tenant.as_str(),
            user_kind: kind(&row.user),
            user_id: row.user.id.as_str(),
            conversation: id(row.conversation.conversation),
            active: row.active,
            read: int(row.read),
            delivered: int(row.delivered),
            rev: int(row.rev),
            seq: int(row.seq),
            updated_at: at(row.updated_at),
            stamp: write_time(row.stamp),
        };
        Placed { partition: (&row.conversation.tenant, &row.user), bytes: ROW_BYTES, values }
    });
    client.write_lanes(INSERT, lanes(placed)).await
}

pub(super) async fn list(
    client: &Client,
    tenant: &TenantId,
    user: &User,
    query: &ConversationQuery,
) -> Result<ConversationPage, StoreError> {
    let limit = page(query.limit, query.skip)?;
    let (newest, total) = newest(client, tenant, user, query, query.skip as usize + limit as usize + 1).await?;
    let mut members = newest.into_iter().skip(query.skip as usize).collect::<Vec<_>>();
    let more = cut(&mut members, limit);
    let next = members.last().filter(|_| more).map(cursor);
    let entries: Vec<_> = members.into_iter().map(|member| entry(client, member)).collect();
    let entries = futures::stream::iter(entries).buffered(ABREAST);
    let entries = entries.try_filter_map(|entry| async move { Ok(entry) }).try_collect().await?;
    Ok(ConversationPage { entries, total, next })
}

/// The newest rows after the query's cursor, and the number of all.
async fn newest(
    client: &Client,
    tenant: &TenantId,
    user: &User,
    query: &ConversationQuery,
    most: usize,
) -> Result<(Vec<MemberRow>, u64), StoreError> {
    let (mut newest, mut total, mut after, mut turn) = (Vec::new(), 0, Vec::new(), None);
    loop {
        let values = (tenant.as_str(), kind(user), user.id.as_str(), after.as_slice(), limit(CHUNK));
        let rows: Vec<Row> = client.rows(OF_USER, values).await?;
        let is_last = rows.len() < CHUNK;
        for row in rows {
            after.clone_from(&row.conversation);
            let member = row.into_member(tenant, user)?;
            if query.active_only && !member.active {
                continue;
            }
            total += 1;
            if query.cursor.is_none_or(|cursor| place(&member) < (cursor.updated_at, cursor.conversation.to_bytes())) {
                newest.push(member);
            }
        }
        newest.sort_unstable_by_key(|member| std::cmp::Reverse(place(member)));
        newest.truncate(most);
        if is_last {
            return Ok((newest, total.min(COUNT_ROWS)));
        }
        if turn.is_none() {
            turn = Some(client.long_list().await?);
        }
    }
}

fn place(member: &MemberRow) -> (kefu_model::At, [u8; 17]) {
    (member.updated_at, member.conversation.conversation.to_bytes())
}

fn cursor(member: &MemberRow) -> ConversationCursor {
    ConversationCursor { updated_at: member.updated_at, conversation: member.conversation.conversation }
}

/// A member's row is visible before the conversation's state; until then there is no entry.
async fn entry(client: &Client, member: MemberRow) -> Result<Option<ConversationEntry>, StoreError> {
    let key = &member.conversation;
    let Some(conversation) = log_store::conversation(client, key).await? else { return Ok(None) };
    let scope = Scope::new(client, &key.tenant, key.conversation);
    let last_message = scope.message(conversation.value.seq).await?;
    Ok(Some(ConversationEntry { member, conversation, last_message }))
}

#[derive(DeserializeRow)]
struct Row {
    conversation: Vec<u8>,
    active: bool,
    read: i64,
    delivered: i64,
    rev: i64,
    seq: i64,
    updated_at: i64,
    written: i64,
}

impl Row {
    fn into_member(self, tenant: &TenantId, user: &User) -> Result<MemberRow, StoreError> {
        let conversation = read_conversation(&self.conversation)?;
        Ok(MemberRow {
            conversation: ConversationKey { tenant: tenant.clone(), conversation },
            user: user.clone(),
            active: self.active,
            read: read_u64(self.read)?,
            delivered: read_u64(self.delivered)?,
            rev: read_u64(self.rev)?,
            seq: read_u64(self.seq)?,
            updated_at: read_at(self.updated_at)?,
            stamp: read_stamp(self.written)?,
        })
    }
}
