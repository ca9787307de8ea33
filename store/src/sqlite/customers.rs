//! Customers, as the log knows them.

use kefu_model::{TenantId, UserId};
use rusqlite::{Connection, Row, params};

use super::values::{all, count, get_at, get_opt_name, get_tenant, get_user_id, int, one};
use crate::directory::{Customer, CustomerPage, CustomerQuery};
use crate::error::StoreError;
use crate::limits::COUNT_ROWS;
use crate::paging::{cut, page};

pub(super) fn by_id(conn: &Connection, tenant: &TenantId, id: &UserId) -> Result<Option<Customer>, StoreError> {
    let sql = "SELECT * FROM customers WHERE tenant = ?1 AND id = ?2";
    one(conn, sql, params![tenant.as_str(), id.as_str()], customer)
}

pub(super) fn list(conn: &Connection, tenant: &TenantId, query: &CustomerQuery) -> Result<CustomerPage, StoreError> {
    let limit = page(query.limit, query.skip)?;
    let (before_at, before_id) = match &query.cursor {
        None => (i64::MAX, ""),
        Some((at, id)) => (int(at.0), id.as_str()),
    };
    let sql = "SELECT * FROM customers WHERE tenant = ?1 AND (last_seen_at, id) < (?2, ?3)
               ORDER BY last_seen_at DESC, id DESC LIMIT ?4 OFFSET ?5";
    let params = params![tenant.as_str(), before_at, before_id, limit + 1, query.skip];
    let mut customers = all(conn, sql, params, customer)?;
    let more = cut(&mut customers, limit);
    let next = customers.last().filter(|_| more).map(|last| (last.last_seen_at, last.id.clone()));
    let counting = "SELECT COUNT(*) FROM (SELECT 1 FROM customers WHERE tenant = ?1 LIMIT ?2)";
    let total = count(conn, counting, params![tenant.as_str(), int(COUNT_ROWS)])?;
    Ok(CustomerPage { customers, total, next })
}

fn customer(row: &Row<'_>) -> Result<Customer, StoreError> {
    Ok(Customer {
        tenant: get_tenant(row)?,
        id: get_user_id(row, "id")?,
        name: get_opt_name(row, "name")?,
        created_at: get_at(row, "created_at")?,
        last_seen_at: get_at(row, "last_seen_at")?,
    })
}
