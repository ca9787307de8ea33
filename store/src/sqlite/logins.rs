//! Login sessions.

use kefu_model::{At, TenantId, User};
use rusqlite::{Connection, Row, params};

use super::values::{all, get, get_at, get_tenant, int, one};
use crate::directory::{LoginSession, TokenHash};
use crate::error::StoreError;
use crate::limits::LOGINS_PER_USER;
use crate::rows::{user_from_text, user_kind};

pub(super) fn put(conn: &Connection, login: &LoginSession) -> Result<(), StoreError> {
    conn.prepare_cached("INSERT OR IGNORE INTO login_sessions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?.execute(
        params![
            login.token_hash.0,
            login.tenant.as_str(),
            user_kind(login.user.kind),
            login.user.id.as_str(),
            int(login.created_at.0),
            int(login.expires_at.0),
            int(login.last_seen_at.0),
            login.remember,
            login.device,
        ],
    )?;
    Ok(())
}

pub(super) fn by_hash(conn: &Connection, token_hash: TokenHash) -> Result<Option<LoginSession>, StoreError> {
    one(conn, "SELECT * FROM login_sessions WHERE token_hash = ?1", params![token_hash.0], login)
}

pub(super) fn touch(conn: &Connection, token_hash: TokenHash, expires: At, seen: At) -> Result<bool, StoreError> {
    let changed = conn
        .prepare_cached(
            "UPDATE login_sessions SET expires_at = MAX(expires_at, ?2), last_seen_at = MAX(last_seen_at, ?3)
             WHERE token_hash = ?1",
        )?
        .execute(params![token_hash.0, int(expires.0), int(seen.0)])?;
    Ok(changed > 0)
}

pub(super) fn of_user(conn: &Connection, tenant: &TenantId, user: &User) -> Result<Vec<LoginSession>, StoreError> {
    let sql = "SELECT * FROM login_sessions WHERE tenant = ?1 AND user_kind = ?2 AND user_id = ?3
               ORDER BY created_at DESC LIMIT ?4";
    all(conn, sql, params![tenant.as_str(), user_kind(user.kind), user.id.as_str(), LOGINS_PER_USER], login)
}

pub(super) fn revoke(conn: &Connection, token_hash: TokenHash) -> Result<bool, StoreError> {
    let deleted =
        conn.prepare_cached("DELETE FROM login_sessions WHERE token_hash = ?1")?.execute(params![token_hash.0])?;
    Ok(deleted > 0)
}

pub(super) fn revoke_all(conn: &Connection, tenant: &TenantId, user: &User) -> Result<Vec<TokenHash>, StoreError> {
    let sql = "DELETE FROM login_sessions WHERE tenant = ?1 AND user_kind = ?2 AND user_id = ?3 RETURNING token_hash";
    let params = params![tenant.as_str(), user_kind(user.kind), user.id.as_str()];
    all(conn, sql, params, |row| Ok(TokenHash(get(row, "token_hash")?)))
}

fn login(row: &Row<'_>) -> Result<LoginSession, StoreError> {
    Ok(LoginSession {
        token_hash: TokenHash(get(row, "token_hash")?),
        tenant: get_tenant(row)?,
        user: user_from_text(get(row, "user_kind")?, &get::<String>(row, "user_id")?)?,
        created_at: get_at(row, "created_at")?,
        expires_at: get_at(row, "expires_at")?,
        last_seen_at: get_at(row, "last_seen_at")?,
        remember: get(row, "remember")?,
        device: get(row, "device")?,
    })
}
