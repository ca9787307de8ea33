//! Agents: created, listed, given passwords. The server's command line uses it without an edge, and so does REST.

use std::sync::Arc;

use kefu_model::{Name, Role, TenantId, UserId};
use kefu_store::{Store, StoreError, UserQuery, UserRecord};

use crate::auth::{PasswordError, Passwords, check_new};
use crate::clock;

/// Most agents that [`list`] answers.
pub const LIST_AGENTS: usize = 10_000;
/// How long the command line waits for its turn to hash, in milliseconds.
const WAIT_MS: u64 = 60_000;
/// Longest user name, in bytes.
const USERNAME_BYTES: usize = kefu_store::limits::USERNAME_BYTES;

/// A new agent.
#[derive(Debug, Clone)]
pub struct NewAgent {
    /// The tenant.
    pub tenant: TenantId,
    /// What they log in with: 1–64 characters without white space or `/`; it is also their id.
    pub username: String,
    /// Display name.
    pub name: Name,
    /// [`Role::Agent`], [`Role::Supervisor`] or [`Role::Admin`].
    pub role: Role,
    /// Most sessions at a time.
    pub capacity: u16,
}

/// Which passwords may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordRule {
    /// At least 8 characters.
    Checked,
    /// Anything: the demo's accounts only.
    Demo,
}

/// Why an agent could not be created or changed.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The store says no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password is too short or too long.
    #[error("a password has at least 8 characters and at most 1024 bytes")]
    Password,
    /// Passwords cannot be hashed now.
    #[error("too many passwords are being hashed")]
    Busy,
    /// Not a user name.
    #[error("a user name has 1 to 64 characters without white space or '/'")]
    Username,
    /// Customers are not created.
    #[error("agents have the role agent, supervisor or admin")]
    Role,
    /// More sessions than an agent can be given.
    #[error("a capacity is at most 1000")]
    Capacity,
    /// No such agent.
    #[error("no such agent")]
    NoAgent,
}

impl From<PasswordError> for DirectoryError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Length => Self::Password,
            PasswordError::Busy | PasswordError::Hash => Self::Busy,
        }
    }
}

/// The admin that the first start makes.
#[derive(Clone)]
pub struct FirstAdmin {
    /// The user name.
    pub username: String,
    /// The password, to be shown once and kept nowhere.
    pub password: String,
}

/// Creates an agent.
///
/// # Errors
/// [`StoreError::Conflict`] when the user name is taken; a wrong field.
pub async fn create_agent(
    store: &Arc<dyn Store>,
    agent: NewAgent,
    password: &str,
    rule: PasswordRule,
) -> Result<UserRecord, DirectoryError> {
    create_with(store, &Passwords::new(1, WAIT_MS), agent, password, rule).await
}

pub(crate) async fn create_with(
    store: &Arc<dyn Store>,
    passwords: &Passwords,
    agent: NewAgent,
    password: &str,
    rule: PasswordRule,
) -> Result<UserRecord, DirectoryError> {
    if agent.role == Role::Customer {
        return Err(DirectoryError::Role);
    }
    if agent.capacity > kefu_model::limits::CAPACITY {
        return Err(DirectoryError::Capacity);
    }
    if rule == PasswordRule::Checked {
        check_new(password)?;
    }
    let id = Some(&agent.username).filter(|name| name.len() <= USERNAME_BYTES).and_then(|name| UserId::new(name).ok());
    let id = id.ok_or(DirectoryError::Username)?;
    if store.user_by_username(&agent.tenant, &agent.username).await?.is_some() {
        return Err(StoreError::Conflict { what: "the user name" }.into());
    }
    let user = UserRecord {
        tenant: agent.tenant,
        id,
        username: agent.username,
        name: agent.name,
        role: agent.role,
        password_hash: passwords.hash(password.to_owned()).await?,
        capacity: agent.capacity,
        disabled: false,
        created_at: clock::now(),
        version: 1,
    };
    store.create_user(&user).await?;
    Ok(user)
}

/// Gives an agent another password. Their logins stay; end them with the store's `revoke_logins_of`.
///
/// # Errors
/// [`DirectoryError::NoAgent`]; a password that is too short.
pub async fn set_password(
    store: &Arc<dyn Store>,
    tenant: &TenantId,
    username: &str,
    password: &str,
) -> Result<UserRecord, DirectoryError> {
    check_new(password)?;
    let mut user = store.user_by_username(tenant, username).await?.ok_or(DirectoryError::NoAgent)?;
    user.password_hash = Passwords::new(1, WAIT_MS).hash(password.to_owned()).await?;
    user.version = store.update_user(&user).await?;
    Ok(user)
}

/// Makes an admin with a one-time password if the tenant has no agent at all.
///
/// # Errors
/// The store's.
pub async fn ensure_first_admin(
    store: &Arc<dyn Store>,
    tenant: &TenantId,
) -> Result<Option<FirstAdmin>, DirectoryError> {
    let any = store.users(tenant, &UserQuery { limit: 1, ..UserQuery::default() }).await?;
    if !any.users.is_empty() {
        return Ok(None);
    }
    let Ok(name) = Name::new("Admin") else { return Err(DirectoryError::Username) };
    let password = crate::auth::new_token().map_err(|_| DirectoryError::Busy)?[..20].to_owned();
    let agent = NewAgent {
        tenant: tenant.clone(),
        username: "admin".to_owned(),
        name,
        role: Role::Admin,
        capacity: crate::EdgeConfig::default().default_capacity,
    };
    match create_agent(store, agent, &password, PasswordRule::Checked).await {
        Ok(user) => Ok(Some(FirstAdmin { username: user.username, password })),
        // Another process was faster.
        Err(DirectoryError::Store(StoreError::Conflict { .. })) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Agents by user name, at most [`LIST_AGENTS`].
///
/// # Errors
/// The store's.
pub async fn list(store: &Arc<dyn Store>, tenant: &TenantId) -> Result<Vec<UserRecord>, DirectoryError> {
    let mut agents = Vec::new();
    let mut after = None;
    while agents.len() < LIST_AGENTS {
        let query = UserQuery { after, limit: kefu_store::limits::PAGE_ITEMS, ..UserQuery::default() };
        let page = store.users(tenant, &query).await?;
        agents.extend(page.users);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    Ok(agents)
}
