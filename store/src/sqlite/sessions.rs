//! Lists of sessions.

use kefu_model::conversation::SessionStatus;
use kefu_model::{ConversationId, TenantId, User, UserId};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params, params_from_iter};

use super::values::{
    all, count, get, get_at, get_conversation, get_opt_at, get_opt_name, get_stamp, get_tenant, get_u64, int, one,
};
use crate::error::StoreError;
use crate::history::{SessionCounts, SessionCursor, SessionPage, SessionQuery};
use crate::limits::COUNT_ROWS;
use crate::log::{ConversationKey, SessionRow};
use crate::paging::{cut, page};
use crate::rows::{status_from, status_number, text_id, user_from_text};

/// Conditions and their values.
struct Filter {
    sql: String,
    values: Vec<Value>,
}

impl Filter {
    fn new(tenant: &TenantId, query: &SessionQuery) -> Self {
        let mut filter = Self { sql: "tenant = ?".into(), values: vec![tenant.as_str().to_owned().into()] };
        if let Some(status) = query.status {
            filter.and("status = ?", i64::from(status_number(status)));
        }
        if let Some(agent) = &query.agent {
            filter.and("agent = ?", agent.as_str().to_owned());
        }
        if let Some(customer) = &query.customer {
            filter.and("conversation = ?", ConversationId::support(tenant, customer).to_bytes().to_vec());
        }
        if let Some(from) = query.opened_from {
            filter.and("opened_at >= ?", int(from.0));
        }
        if let Some(to) = query.opened_to {
            filter.and("opened_at < ?", int(to.0));
        }
        filter
    }

    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.push(value.into());
    }

    fn after(&mut self, cursor: SessionCursor, oldest_first: bool) {
        let sign = if oldest_first { '>' } else { '<' };
        self.and(&format!("(opened_at, conversation, ordinal) {sign} (?"), int(cursor.opened_at.0));
        self.sql.push_str(", ?, ?)");
        self.values.push(cursor.conversation.to_bytes().to_vec().into());
        self.values.push(int(cursor.ordinal).into());
    }
}

pub(super) fn list(conn: &Connection, tenant: &TenantId, query: &SessionQuery) -> Result<SessionPage, StoreError> {
    let limit = page(query.limit, query.skip)?;
    let mut filter = Filter::new(tenant, query);
    let counting = format!("SELECT COUNT(*) FROM (SELECT 1 FROM sessions WHERE {} LIMIT {COUNT_ROWS})", filter.sql);
    let total = count(conn, &counting, params_from_iter(filter.values.iter()))?;
    if let Some(cursor) = query.cursor {
        filter.after(cursor, query.oldest_first);
    }
    let order = if query.oldest_first { "ASC" } else { "DESC" };
    let sql = format!(
        "SELECT * FROM sessions WHERE {}
         ORDER BY opened_at {order}, conversation {order}, ordinal {order} LIMIT ? OFFSET ?",
        filter.sql
    );
    filter.values.extend([i64::from(limit + 1).into(), i64::from(query.skip).into()]);
    let mut sessions = all(conn, &sql, params_from_iter(filter.values.iter()), session)?;
    let more = cut(&mut sessions, limit);
    let next = sessions.last().filter(|_| more).map(|last| SessionCursor {
        opened_at: last.opened_at,
        conversation: last.conversation.conversation,
        ordinal: last.ordinal,
    });
    Ok(SessionPage { sessions, total, next })
}

pub(super) fn one_session(
    conn: &Connection,
    tenant: &TenantId,
    conversation: ConversationId,
    ordinal: u64,
) -> Result<Option<SessionRow>, StoreError> {
    let sql = "SELECT * FROM sessions WHERE tenant = ?1 AND conversation = ?2 AND ordinal = ?3";
    one(conn, sql, params![tenant.as_str(), conversation.to_bytes(), int(ordinal)], session)
}

pub(super) fn counts(
    conn: &Connection,
    tenant: &TenantId,
    agent: Option<&UserId>,
) -> Result<SessionCounts, StoreError> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM sessions WHERE tenant = ?1 AND status = ?2
                   AND (?3 IS NULL OR agent = ?3) LIMIT ?4)";
    let of = |status| {
        let params = params![tenant.as_str(), status_number(status), agent.map(UserId::as_str), int(COUNT_ROWS)];
        count(conn, sql, params)
    };
    Ok(SessionCounts { waiting: of(SessionStatus::Waiting)?, active: of(SessionStatus::Active)? })
}

fn session(row: &Row<'_>) -> Result<SessionRow, StoreError> {
    let ended_by_kind: Option<u8> = get(row, "ended_by_kind")?;
    let ended_by: Option<String> = get(row, "ended_by")?;
    let customer = person(row, "customer", User::customer)?;
    let agent = person(row, "agent", User::agent)?;
    Ok(SessionRow {
        conversation: ConversationKey { tenant: get_tenant(row)?, conversation: get_conversation(row)? },
        ordinal: get_u64(row, "ordinal")?,
        status: status_from(get(row, "status")?)?,
        customer: customer.map(|user| Ok::<_, StoreError>((user, get_opt_name(row, "customer_name")?))).transpose()?,
        opened_at: get_at(row, "opened_at")?,
        agent: agent.map(|user| Ok::<_, StoreError>((user, get_opt_name(row, "agent_name")?))).transpose()?,
        assigned_at: get_opt_at(row, "assigned_at")?,
        ended_at: get_opt_at(row, "ended_at")?,
        ended_by: ended_by_kind.zip(ended_by).map(|(kind, id)| user_from_text(kind, &id)).transpose()?,
        end_reason: get(row, "end_reason")?,
        rating: get(row, "rating")?,
        comment: get(row, "comment")?,
        stamp: get_stamp(row)?,
    })
}

fn person(row: &Row<'_>, column: &str, user: fn(UserId) -> User) -> Result<Option<User>, StoreError> {
    get::<Option<String>>(row, column)?.map(|id| Ok(user(text_id("user id", UserId::new, &id)?))).transpose()
}
