//! Users and the deployment.

use kefu_model::{Name, TenantId, UserId};
use rusqlite::{Connection, Row, params};

use super::values::{all, count, get, get_at, get_tenant, get_u64, get_user_id, int, one};
use crate::directory::{Deployment, Secret, UserPage, UserQuery, UserRecord, canonical_username};
use crate::error::StoreError;
use crate::limits::USERNAME_BYTES;
use crate::paging::{cut, page};
use crate::rows::{role_from_text, text_id};

pub(super) fn deployment(conn: &Connection) -> Result<Option<Deployment>, StoreError> {
    one(conn, "SELECT * FROM deployment WHERE one = 1", (), |row| {
        Ok(Deployment {
            id: get(row, "id")?,
            partitions: get(row, "partitions")?,
            allocation_partitions: get(row, "allocation_partitions")?,
            partition_hash: get(row, "partition_hash")?,
            created_at: get_at(row, "created_at")?,
            demo: get(row, "demo")?,
            signing_secret: Secret(get(row, "signing_secret")?),
        })
    })
}

pub(super) fn deployment_or_create(conn: &Connection, proposal: &Deployment) -> Result<Deployment, StoreError> {
    conn.prepare_cached("INSERT OR IGNORE INTO deployment VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(
        params![
            proposal.id,
            proposal.partitions,
            proposal.allocation_partitions,
            proposal.partition_hash,
            int(proposal.created_at.0),
            proposal.demo,
            proposal.signing_secret.0,
        ],
    )?;
    deployment(conn)?.ok_or_else(|| StoreError::corrupt("deployment", "it is gone"))
}

/// The name is claimed first: on a backend without transactions, a claim without its user is completed by the same call
/// made again.
pub(super) fn create(conn: &Connection, user: &UserRecord) -> Result<(), StoreError> {
    let key = canonical_username(&user.username)?;
    conn.prepare_cached("INSERT OR IGNORE INTO usernames (tenant, username, id) VALUES (?1, ?2, ?3)")?
        .execute(params![user.tenant.as_str(), key, user.id.as_str()])?;
    if owner(conn, &user.tenant, &key)?.as_ref() != Some(&user.id) {
        return Err(StoreError::Conflict { what: "the user name" });
    }
    conn.prepare_cached(
        "INSERT OR IGNORE INTO users (tenant, id, username, name, role, password_hash, capacity, disabled,
                                      created_at, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1)",
    )?
    .execute(params![
        user.tenant.as_str(),
        user.id.as_str(),
        user.username,
        user.name.as_str(),
        user.role.as_str(),
        user.password_hash,
        user.capacity,
        user.disabled,
        int(user.created_at.0),
    ])?;
    match by_id(conn, &user.tenant, &user.id)? {
        // Who made the same user at the same time has another hash: those are salted.
        Some(stored) if stored.username == user.username && stored.password_hash == user.password_hash => Ok(()),
        Some(stored) if canonical_username(&stored.username)? == key => {
            Err(StoreError::Conflict { what: "the user name" })
        }
        _ => Err(StoreError::Conflict { what: "the user id" }),
    }
}

pub(super) fn update(conn: &Connection, user: &UserRecord) -> Result<u64, StoreError> {
    let Some(stored) = by_id(conn, &user.tenant, &user.id)? else {
        return Err(StoreError::NotFound { what: "user" });
    };
    if stored.version != user.version || stored.username != user.username {
        return Err(StoreError::Conflict { what: "the user" });
    }
    let version = user.version + 1;
    conn.prepare_cached(
        "UPDATE users SET name = ?3, role = ?4, password_hash = ?5, capacity = ?6, disabled = ?7, version = ?8
         WHERE tenant = ?1 AND id = ?2",
    )?
    .execute(params![
        user.tenant.as_str(),
        user.id.as_str(),
        user.name.as_str(),
        user.role.as_str(),
        user.password_hash,
        user.capacity,
        user.disabled,
        int(version),
    ])?;
    Ok(version)
}

fn owner(conn: &Connection, tenant: &TenantId, key: &str) -> Result<Option<UserId>, StoreError> {
    let sql = "SELECT id FROM usernames WHERE tenant = ?1 AND username = ?2";
    one(conn, sql, params![tenant.as_str(), key], |row| get_user_id(row, "id"))
}

pub(super) fn by_id(conn: &Connection, tenant: &TenantId, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
    one(conn, "SELECT * FROM users WHERE tenant = ?1 AND id = ?2", params![tenant.as_str(), id.as_str()], user)
}

pub(super) fn by_username(
    conn: &Connection,
    tenant: &TenantId,
    username: &str,
) -> Result<Option<UserRecord>, StoreError> {
    if username.len() > USERNAME_BYTES {
        return Ok(None);
    }
    match owner(conn, tenant, &canonical_username(username)?)? {
        None => Ok(None),
        Some(id) => by_id(conn, tenant, &id),
    }
}

/// Reads the tenant's user names in order; a tenant has few agents, so filters are applied while reading.
pub(super) fn list(conn: &Connection, tenant: &TenantId, query: &UserQuery) -> Result<UserPage, StoreError> {
    const FILTER: &str = "FROM usernames JOIN users USING (tenant, id) WHERE usernames.tenant = ?1
        AND (?2 IS NULL OR role = ?2)
        AND (?3 IS NULL OR instr(usernames.username, ?3) > 0 OR instr(lower(name), ?3) > 0)";
    let limit = page(query.limit, query.skip)?;
    let role = query.role.map(kefu_model::Role::as_str);
    let text = query.text.as_deref().map(str::to_ascii_lowercase);
    let after = query.after.as_deref().unwrap_or("").to_ascii_lowercase();
    let counting = format!("SELECT COUNT(*) {FILTER}");
    let total = count(conn, &counting, params![tenant.as_str(), role, text])?;
    let sql =
        format!("SELECT users.* {FILTER} AND usernames.username > ?4 ORDER BY usernames.username LIMIT ?5 OFFSET ?6");
    let mut users = all(conn, &sql, params![tenant.as_str(), role, text, after, limit + 1, query.skip], user)?;
    let more = cut(&mut users, limit);
    let next = users.last().filter(|_| more).map(|user| user.username.clone());
    Ok(UserPage { users, total, next })
}

fn user(row: &Row<'_>) -> Result<UserRecord, StoreError> {
    Ok(UserRecord {
        tenant: get_tenant(row)?,
        id: get_user_id(row, "id")?,
        username: get(row, "username")?,
        name: text_id("name", Name::new, &get::<String>(row, "name")?)?,
        role: role_from_text(&get::<String>(row, "role")?)?,
        password_hash: get(row, "password_hash")?,
        capacity: get(row, "capacity")?,
        disabled: get(row, "disabled")?,
        created_at: get_at(row, "created_at")?,
        version: get_u64(row, "version")?,
    })
}
