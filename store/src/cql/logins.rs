//! Login sessions. They expire by their TTL.
//!
//! Two tables hold a login: `login_sessions` is what counts, `logins_by_user` says whose there are and is written first
//! and deleted last, so that whoever deletes all logins of a user finds them all. The time of a write is the time of use
//! that it tells, so a later use wins over an earlier one whatever order they come in. A deletion is dated an hour ahead:
//! no use whose write was under way then, by a clock that is up to an hour fast, brings the login back.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use kefu_model::{At, TenantId, User};
use scylla::{DeserializeRow, SerializeRow};

use super::client::Client;
use super::expiry::{now, ttl_seconds};
use super::statements::statements;
use super::values::{at, int, kind, limit, read_at, read_tenant, read_u8, read_u64};
use crate::directory::{LoginSession, TokenHash};
use crate::error::StoreError;
use crate::limits::LOGINS_PER_USER;
use crate::rows::user_from_text;

statements! {
    OF_USER = "SELECT created_at, token_hash FROM logins_by_user WHERE tenant = ? AND user_kind = ? AND user_id = ? LIMIT ?";
    LIST = "INSERT INTO logins_by_user (tenant, user_kind, user_id, created_at, token_hash) VALUES (?, ?, ?, ?, ?)
        USING TTL ? AND TIMESTAMP ?";
    INSERT = "INSERT INTO login_sessions
            (token_hash, tenant, user_kind, user_id, created_at, expires_at, last_seen_at, remember, device)
        VALUES
            (:token_hash, :tenant, :user_kind, :user_id, :created_at, :expires_at, :last_seen_at, :remember, :device)
        USING TTL :ttl AND TIMESTAMP :written";
    DELETE = "DELETE FROM login_sessions USING TIMESTAMP ? WHERE token_hash = ?";
    UNLIST = "DELETE FROM logins_by_user USING TIMESTAMP ?
        WHERE tenant = ? AND user_kind = ? AND user_id = ? AND created_at = ? AND token_hash = ?";
    STORED = "SELECT tenant, user_kind, user_id, created_at, expires_at, last_seen_at, remember, device,
               WRITETIME(last_seen_at) AS written
        FROM login_sessions WHERE token_hash = ?";
}

const DELETED_AHEAD: Duration = Duration::from_secs(60 * 60);
/// Pages of logins that are deleted in one call; nobody has so many.
const REVOKED_PAGES: u64 = 1_000;
/// Logins read or deleted side by side.
const ABREAST: usize = 32;

/// Stores a login. Its time of write is the one of its first use, so that the same again does not undo a later use.
pub(super) async fn put(client: &Client, login: &LoginSession) -> Result<(), StoreError> {
    write(client, login, micros(login.last_seen_at)).await
}

pub(super) async fn by_hash(client: &Client, token_hash: TokenHash) -> Result<Option<LoginSession>, StoreError> {
    Ok(stored(client, token_hash).await?.map(|(login, _)| login))
}

pub(super) async fn touch(
    client: &Client,
    token_hash: TokenHash,
    expires_at: At,
    last_seen_at: At,
) -> Result<bool, StoreError> {
    let Some((login, written)) = stored(client, token_hash).await? else { return Ok(false) };
    let next = LoginSession {
        expires_at: login.expires_at.max(expires_at),
        last_seen_at: login.last_seen_at.max(last_seen_at),
        ..login.clone()
    };
    if next != login {
        write(client, &next, micros(next.last_seen_at).max(written + 1)).await?;
    }
    Ok(true)
}

pub(super) async fn of_user(client: &Client, tenant: &TenantId, user: &User) -> Result<Vec<LoginSession>, StoreError> {
    let entries = listed(client, tenant, user).await?;
    let logins = futures::stream::iter(entries).map(|(_, hash)| by_hash(client, hash));
    logins.buffered(ABREAST).try_filter_map(|login| async move { Ok(login) }).try_collect().await
}

/// The newest ones of a user's list.
async fn listed(client: &Client, tenant: &TenantId, user: &User) -> Result<Vec<(At, TokenHash)>, StoreError> {
    let values = (tenant.as_str(), kind(user), user.id.as_str(), limit(LOGINS_PER_USER as usize));
    let rows: Vec<(i64, Vec<u8>)> = client.rows(OF_USER, values).await?;
    rows.into_iter().map(|(created_at, hash)| Ok((read_at(created_at)?, read_hash(&hash)?))).collect()
}

pub(super) async fn revoke(client: &Client, token_hash: TokenHash) -> Result<bool, StoreError> {
    let Some(login) = by_hash(client, token_hash).await? else { return Ok(false) };
    let key = Key { tenant: &login.tenant, user: &login.user, created_at: login.created_at, token_hash };
    delete(client, key, login.last_seen_at).await?;
    Ok(true)
}

/// Deletes page after page until none is listed. What is listed without being there (its first write is under way) is
/// deleted too, and so does not come.
pub(super) async fn revoke_all(client: &Client, tenant: &TenantId, user: &User) -> Result<Vec<TokenHash>, StoreError> {
    let mut revoked = Vec::new();
    for _ in 0..REVOKED_PAGES {
        let page = listed(client, tenant, user).await?;
        let is_last = page.len() < LOGINS_PER_USER as usize;
        let deletions: Vec<_> = page.into_iter().map(|entry| delete_listed(client, tenant, user, entry)).collect();
        let mut deletions = futures::stream::iter(deletions).buffer_unordered(ABREAST);
        while let Some(deleted) = deletions.try_next().await? {
            revoked.extend(deleted);
        }
        if is_last {
            return Ok(revoked);
        }
    }
    let limit = u64::from(LOGINS_PER_USER) * REVOKED_PAGES;
    Err(StoreError::TooMany { what: "logins of a user", asked: limit + 1, limit })
}

/// Answers its hash if it was there.
async fn delete_listed(
    client: &Client,
    tenant: &TenantId,
    user: &User,
    (created_at, token_hash): (At, TokenHash),
) -> Result<Option<TokenHash>, StoreError> {
    let login = by_hash(client, token_hash).await?;
    let last_seen_at = login.as_ref().map_or(created_at, |login| login.last_seen_at);
    delete(client, Key { tenant, user, created_at, token_hash }, last_seen_at).await?;
    Ok(login.map(|login| login.token_hash))
}

#[derive(SerializeRow)]
struct LoginValues<'a> {
    token_hash: &'a [u8],
    tenant: &'a str,
    user_kind: i8,
    user_id: &'a str,
    created_at: i64,
    expires_at: i64,
    last_seen_at: i64,
    remember: bool,
    device: &'a str,
    ttl: i32,
    written: i64,
}

async fn write(client: &Client, login: &LoginSession, written: i64) -> Result<(), StoreError> {
    let (tenant, user_kind, user_id) = (login.tenant.as_str(), kind(&login.user), login.user.id.as_str());
    let ttl = ttl_seconds(login.expires_at, now());
    let (hash, created_at) = (login.token_hash.0.as_slice(), at(login.created_at));
    client.write(LIST, (tenant, user_kind, user_id, created_at, hash, ttl, written)).await?;
    let values = LoginValues {
        token_hash: hash,
        tenant,
        user_kind,
        user_id,
        created_at,
        expires_at: at(login.expires_at),
        last_seen_at: at(login.last_seen_at),
        remember: login.remember,
        device: &login.device,
        ttl,
        written,
    };
    client.write(INSERT, values).await
}

/// Where a login stands in both tables.
struct Key<'a> {
    tenant: &'a TenantId,
    user: &'a User,
    created_at: At,
    token_hash: TokenHash,
}

async fn delete(client: &Client, key: Key<'_>, last_seen_at: At) -> Result<(), StoreError> {
    let hash = key.token_hash.0.as_slice();
    let ahead = At(now().0.saturating_add(DELETED_AHEAD.as_millis() as u64));
    let deleted = micros(ahead.max(last_seen_at)) + 999;
    client.write(DELETE, (deleted, hash)).await?;
    let (tenant, user_kind, user_id) = (key.tenant.as_str(), kind(key.user), key.user.id.as_str());
    client.write(UNLIST, (deleted, tenant, user_kind, user_id, at(key.created_at), hash)).await
}

#[derive(DeserializeRow)]
struct LoginRow {
    tenant: String,
    user_kind: i8,
    user_id: String,
    created_at: i64,
    expires_at: i64,
    last_seen_at: i64,
    remember: bool,
    device: String,
    written: i64,
}

/// A login and the time of its last write.
async fn stored(client: &Client, token_hash: TokenHash) -> Result<Option<(LoginSession, i64)>, StoreError> {
    let Some(row) = client.first::<LoginRow>(STORED, (token_hash.0.as_slice(),)).await? else { return Ok(None) };
    let login = LoginSession {
        token_hash,
        tenant: read_tenant(&row.tenant)?,
        user: user_from_text(read_u8(row.user_kind)?, &row.user_id)?,
        created_at: read_at(row.created_at)?,
        expires_at: read_at(row.expires_at)?,
        last_seen_at: read_at(row.last_seen_at)?,
        remember: row.remember,
        device: row.device,
    };
    Ok(Some((login, read_u64(row.written).map(int)?)))
}

fn read_hash(bytes: &[u8]) -> Result<TokenHash, StoreError> {
    bytes.try_into().map(TokenHash).map_err(|error| StoreError::corrupt("token hash", error))
}

fn micros(time: At) -> i64 {
    at(time).saturating_mul(1_000)
}
