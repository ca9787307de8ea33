//! Users and the deployment: the tables with conditional writes, which are not mixed with others in one row.

use kefu_model::{Name, TenantId, UserId};
use scylla::{DeserializeRow, SerializeRow};

use super::client::Client;
use super::statements::statements;
use super::values::{at, int, limit, read_at, read_tenant, read_u64, read_user_id};
use crate::directory::{Deployment, Secret, UserPage, UserQuery, UserRecord, canonical_username};
use crate::error::StoreError;
use crate::limits::USERNAME_BYTES;
use crate::paging::{cut, page};
use crate::rows::{role_from_text, text_id};

statements! {
    DEPLOYMENT = "SELECT id, partitions, allocation_partitions, partition_hash, created_at, demo, signing_secret
        FROM deployment WHERE one = 1";
    CREATE_DEPLOYMENT = "INSERT INTO deployment
            (one, id, partitions, allocation_partitions, partition_hash, created_at, demo, signing_secret)
        VALUES (1, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS";
    CLAIM = "INSERT INTO usernames (tenant, username, id) VALUES (?, ?, ?) IF NOT EXISTS";
    CREATE = "INSERT INTO users
            (tenant, id, username, name, role, password_hash, capacity, disabled, created_at, version)
        VALUES (:tenant, :id, :username, :name, :role, :password_hash, :capacity, :disabled, :created_at, 1)
        IF NOT EXISTS";
    UPDATE = "UPDATE users SET name = ?, role = ?, password_hash = ?, capacity = ?, disabled = ?, version = ?
        WHERE tenant = ? AND id = ? IF version = ?";
    OWNER = "SELECT id FROM usernames WHERE tenant = ? AND username = ?";
    USER = "SELECT tenant, id, username, name, role, password_hash, capacity, disabled, created_at, version
        FROM users WHERE tenant = ? AND id = ?";
    ALL_OF_TENANT = "SELECT tenant, id, username, name, role, password_hash, capacity, disabled, created_at, version
        FROM users WHERE tenant = ? AND id > ? LIMIT ?";
}

/// Rows of one read of a tenant's users.
const CHUNK: usize = 1_000;

#[derive(DeserializeRow)]
struct DeploymentRow {
    id: Vec<u8>,
    partitions: i32,
    allocation_partitions: i32,
    partition_hash: String,
    created_at: i64,
    demo: bool,
    signing_secret: Vec<u8>,
}

pub(super) async fn deployment(client: &Client) -> Result<Option<Deployment>, StoreError> {
    let Some(row) = client.first_serial::<DeploymentRow>(DEPLOYMENT, ()).await? else { return Ok(None) };
    let partitions = |number: i32| u16::try_from(number).map_err(|error| StoreError::corrupt("deployment", error));
    Ok(Some(Deployment {
        id: row.id.try_into().map_err(|_| StoreError::corrupt("deployment", "its id has another length"))?,
        partitions: partitions(row.partitions)?,
        allocation_partitions: partitions(row.allocation_partitions)?,
        partition_hash: row.partition_hash,
        created_at: read_at(row.created_at)?,
        demo: row.demo,
        signing_secret: Secret(row.signing_secret),
    }))
}

pub(super) async fn deployment_or_create(client: &Client, proposal: &Deployment) -> Result<Deployment, StoreError> {
    if let Some(found) = deployment(client).await? {
        return Ok(found);
    }
    let values = (
        proposal.id.as_slice(),
        i32::from(proposal.partitions),
        i32::from(proposal.allocation_partitions),
        proposal.partition_hash.as_str(),
        at(proposal.created_at),
        proposal.demo,
        proposal.signing_secret.0.as_slice(),
    );
    client.claim(CREATE_DEPLOYMENT, values).await?;
    deployment(client).await?.ok_or_else(|| StoreError::corrupt("deployment", "it is gone"))
}

#[derive(SerializeRow)]
struct UserValues<'a> {
    tenant: &'a str,
    id: &'a str,
    username: &'a str,
    name: &'a str,
    role: &'a str,
    password_hash: &'a str,
    capacity: i32,
    disabled: bool,
    created_at: i64,
}

/// The name is claimed first: a claim without its user is completed by the same call made again.
pub(super) async fn create(client: &Client, user: &UserRecord) -> Result<(), StoreError> {
    let key = canonical_username(&user.username)?;
    client.claim(CLAIM, (user.tenant.as_str(), key.as_str(), user.id.as_str())).await?;
    if settled_owner(client, &user.tenant, &key).await?.as_ref() != Some(&user.id) {
        return Err(StoreError::Conflict { what: "the user name" });
    }
    let values = UserValues {
        tenant: user.tenant.as_str(),
        id: user.id.as_str(),
        username: &user.username,
        name: user.name.as_str(),
        role: user.role.as_str(),
        password_hash: &user.password_hash,
        capacity: user.capacity.into(),
        disabled: user.disabled,
        created_at: at(user.created_at),
    };
    client.claim(CREATE, values).await?;
    match settled(client, &user.tenant, &user.id).await? {
        // Who made the same user at the same time has another hash: those are salted.
        Some(stored) if stored.username == user.username && stored.password_hash == user.password_hash => Ok(()),
        Some(stored) if canonical_username(&stored.username)? == key => {
            Err(StoreError::Conflict { what: "the user name" })
        }
        _ => Err(StoreError::Conflict { what: "the user id" }),
    }
}

/// When the answer to the write is lost, the record says whether it happened: the version counts every change, so what
/// stands there with the next version and just this content is taken for ours.
pub(super) async fn update(client: &Client, user: &UserRecord) -> Result<u64, StoreError> {
    let Some(stored) = by_id(client, &user.tenant, &user.id).await? else {
        return Err(StoreError::NotFound { what: "user" });
    };
    if stored.version != user.version || stored.username != user.username {
        return Err(StoreError::Conflict { what: "the user" });
    }
    let next = UserRecord { version: user.version + 1, created_at: stored.created_at, ..user.clone() };
    match write_version(client, &next).await {
        Ok(true) => Ok(next.version),
        Ok(false) => Err(StoreError::Conflict { what: "the user" }),
        Err(error) if error.is_retryable() => match settled(client, &user.tenant, &user.id).await? {
            Some(found) if found == next => Ok(next.version),
            _ => Err(error),
        },
        Err(error) => Err(error),
    }
}

async fn write_version(client: &Client, next: &UserRecord) -> Result<bool, StoreError> {
    let values = (
        next.name.as_str(),
        next.role.as_str(),
        next.password_hash.as_str(),
        i32::from(next.capacity),
        next.disabled,
        int(next.version),
        next.tenant.as_str(),
        next.id.as_str(),
        int(next.version - 1),
    );
    client.write_if(UPDATE, values).await
}

/// Who has the name, after a conditional write that may be half done was finished.
async fn settled_owner(client: &Client, tenant: &TenantId, key: &str) -> Result<Option<UserId>, StoreError> {
    let row = client.first_serial::<(String,)>(OWNER, (tenant.as_str(), key)).await?;
    row.map(|(id,)| read_user_id(&id)).transpose()
}

/// The user, after a conditional write that may be half done was finished.
async fn settled(client: &Client, tenant: &TenantId, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
    let row = client.first_serial::<UserRow>(USER, (tenant.as_str(), id.as_str())).await?;
    row.map(UserRow::into_user).transpose()
}

pub(super) async fn by_id(client: &Client, tenant: &TenantId, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
    let row = client.first::<UserRow>(USER, (tenant.as_str(), id.as_str())).await?;
    row.map(UserRow::into_user).transpose()
}

pub(super) async fn by_username(
    client: &Client,
    tenant: &TenantId,
    username: &str,
) -> Result<Option<UserRecord>, StoreError> {
    if username.len() > USERNAME_BYTES {
        return Ok(None);
    }
    let key = canonical_username(username)?;
    match client.first::<(String,)>(OWNER, (tenant.as_str(), key.as_str())).await? {
        None => Ok(None),
        Some((id,)) => by_id(client, tenant, &read_user_id(&id)?).await,
    }
}

/// Reads all users of the tenant: they are few, and the total has to be told.
pub(super) async fn list(client: &Client, tenant: &TenantId, query: &UserQuery) -> Result<UserPage, StoreError> {
    let limit = page(query.limit, query.skip)?;
    let mut users = all(client, tenant).await?;
    let text = query.text.as_deref().map(str::to_ascii_lowercase);
    users.retain(|(key, user)| {
        let role_fits = query.role.is_none_or(|role| user.role == role);
        let contains = |text: &String| key.contains(text) || user.name.as_str().to_ascii_lowercase().contains(text);
        role_fits && text.as_ref().is_none_or(contains)
    });
    let total = users.len() as u64;
    let after = query.after.as_deref().unwrap_or("").to_ascii_lowercase();
    users.retain(|(key, _)| *key > after);
    users.sort_by(|one, two| one.0.cmp(&two.0));
    let rest = users.into_iter().skip(query.skip as usize).take(limit as usize + 1);
    let mut users: Vec<UserRecord> = rest.map(|(_, user)| user).collect();
    let more = cut(&mut users, limit);
    let next = users.last().filter(|_| more).map(|user| user.username.clone());
    Ok(UserPage { users, total, next })
}

/// Users with the names by which they are sorted.
async fn all(client: &Client, tenant: &TenantId) -> Result<Vec<(String, UserRecord)>, StoreError> {
    let (mut users, mut after) = (Vec::new(), String::new());
    loop {
        let rows: Vec<UserRow> = client.rows(ALL_OF_TENANT, (tenant.as_str(), after.as_str(), limit(CHUNK))).await?;
        let is_last = rows.len() < CHUNK;
        for row in rows {
            after.clone_from(&row.id);
            let user = row.into_user()?;
            users.push((user.username.to_ascii_lowercase(), user));
        }
        if is_last {
            return Ok(users);
        }
    }
}

#[derive(DeserializeRow)]
struct UserRow {
    tenant: String,
    id: String,
    username: String,
    name: String,
    role: String,
    password_hash: String,
    capacity: i32,
    disabled: bool,
    created_at: i64,
    version: i64,
}

impl UserRow {
    fn into_user(self) -> Result<UserRecord, StoreError> {
        Ok(UserRecord {
            tenant: read_tenant(&self.tenant)?,
            id: read_user_id(&self.id)?,
            username: self.username,
            name: text_id("name", Name::new, &self.name)?,
            role: role_from_text(&self.role)?,
            password_hash: self.password_hash,
            capacity: u16::try_from(self.capacity).map_err(|error| StoreError::corrupt("capacity", error))?,
            disabled: self.disabled,
            created_at: read_at(self.created_at)?,
            version: read_u64(self.version)?,
        })
    }
}
