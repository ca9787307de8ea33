//! Lists of a user's conversations, and the reads for people.

use async_trait::async_trait;
use kefu_model::{ConversationId, TenantId, User, UserId};
use rusqlite::{Connection, Row, params};

use super::history::Scope;
use super::log_store::read_conversation;
use super::values::{all, count, get, get_at, get_conversation, get_stamp, get_tenant, get_u64, int};
use super::{SqliteStore, sessions};
use crate::error::StoreError;
use crate::history::{
    ConversationCursor, ConversationEntry, ConversationPage, ConversationQuery, HistoryPage, HistoryQuery,
    HistoryStore, SessionCounts, SessionPage, SessionQuery,
};
use crate::limits::COUNT_ROWS;
use crate::log::{ConversationKey, Item, MemberRow, SessionRow, Version};
use crate::paging::{cut, page};
use crate::rows::{user_from_text, user_kind};

#[async_trait]
impl HistoryStore for SqliteStore {
    async fn history(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
        query: HistoryQuery,
    ) -> Result<HistoryPage, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| Scope { conn, tenant: &tenant, conversation }.page(query)).await
    }

    async fn message(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
        seq: u64,
    ) -> Result<Option<Item>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| Scope { conn, tenant: &tenant, conversation }.message(seq)).await
    }

    async fn versions(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
        seq: u64,
    ) -> Result<Vec<Version>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| Scope { conn, tenant: &tenant, conversation }.versions(seq)).await
    }

    async fn conversations_of(
        &self,
        tenant: &TenantId,
        user: &User,
        query: ConversationQuery,
    ) -> Result<ConversationPage, StoreError> {
        let (tenant, user) = (tenant.clone(), user.clone());
        self.read(move |conn| conversations_of(conn, &tenant, &user, &query)).await
    }

    async fn sessions(&self, tenant: &TenantId, query: &SessionQuery) -> Result<SessionPage, StoreError> {
        let (tenant, query) = (tenant.clone(), query.clone());
        self.read(move |conn| sessions::list(conn, &tenant, &query)).await
    }

    async fn session(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
        ordinal: u64,
    ) -> Result<Option<SessionRow>, StoreError> {
        let tenant = tenant.clone();
        self.read(move |conn| sessions::one_session(conn, &tenant, conversation, ordinal)).await
    }

    async fn session_counts(&self, tenant: &TenantId, agent: Option<&UserId>) -> Result<SessionCounts, StoreError> {
        let (tenant, agent) = (tenant.clone(), agent.cloned());
        self.read(move |conn| sessions::counts(conn, &tenant, agent.as_ref())).await
    }
}

fn conversations_of(
    conn: &Connection,
    tenant: &TenantId,
    user: &User,
    query: &ConversationQuery,
) -> Result<ConversationPage, StoreError> {
    let limit = page(query.limit, query.skip)?;
    let mut members = members(conn, tenant, user, query, limit + 1)?;
    let more = cut(&mut members, limit);
    let next = members.last().filter(|_| more).map(|member| ConversationCursor {
        updated_at: member.updated_at,
        conversation: member.conversation.conversation,
    });
    let mut entries = Vec::with_capacity(members.len());
    for member in members {
        // A member's row is visible before the conversation's state on backends without transactions.
        let Some(conversation) = read_conversation(conn, &member.conversation)? else { continue };
        let scope = Scope { conn, tenant, conversation: member.conversation.conversation };
        let last_message = scope.message(conversation.value.seq)?;
        entries.push(ConversationEntry { member, conversation, last_message });
    }
    Ok(ConversationPage { entries, total: total(conn, tenant, user, query.active_only)?, next })
}

fn members(
    conn: &Connection,
    tenant: &TenantId,
    user: &User,
    query: &ConversationQuery,
    limit: u32,
) -> Result<Vec<MemberRow>, StoreError> {
    let sql = "SELECT * FROM by_member WHERE tenant = ?1 AND user_kind = ?2 AND user_id = ?3
                   AND (?4 = 0 OR active = 1) AND (updated_at, conversation) < (?5, ?6)
               ORDER BY updated_at DESC, conversation DESC LIMIT ?7 OFFSET ?8";
    let (before_at, before_id) = match query.cursor {
        None => (i64::MAX, [0xff; 17]),
        Some(cursor) => (int(cursor.updated_at.0), cursor.conversation.to_bytes()),
    };
    let params = params![
        tenant.as_str(),
        user_kind(user.kind),
        user.id.as_str(),
        query.active_only,
        before_at,
        before_id,
        limit,
        query.skip,
    ];
    all(conn, sql, params, member)
}

fn total(conn: &Connection, tenant: &TenantId, user: &User, active_only: bool) -> Result<u64, StoreError> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM by_member WHERE tenant = ?1 AND user_kind = ?2 AND user_id = ?3
                   AND (?4 = 0 OR active = 1) LIMIT ?5)";
    count(conn, sql, params![tenant.as_str(), user_kind(user.kind), user.id.as_str(), active_only, int(COUNT_ROWS)])
}

fn member(row: &Row<'_>) -> Result<MemberRow, StoreError> {
    Ok(MemberRow {
        conversation: ConversationKey { tenant: get_tenant(row)?, conversation: get_conversation(row)? },
        user: user_from_text(get(row, "user_kind")?, &get::<String>(row, "user_id")?)?,
        active: get(row, "active")?,
        read: get_u64(row, "read")?,
        delivered: get_u64(row, "delivered")?,
        rev: get_u64(row, "rev")?,
        seq: get_u64(row, "seq")?,
        updated_at: get_at(row, "updated_at")?,
        stamp: get_stamp(row)?,
    })
}
