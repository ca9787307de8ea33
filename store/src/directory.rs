//! Who there is: agents, customers, login sessions, and the deployment itself. None of it comes from the log, except
//! what the log says of customers.

use std::fmt;

use async_trait::async_trait;
use kefu_model::{At, Name, Role, TenantId, User, UserId};

use crate::error::StoreError;
use crate::limits::USERNAME_BYTES;

/// Bytes that never reach a log line.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What is fixed when a deployment is created and checked at every start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// Random.
    pub id: [u8; 16],
    /// Partitions of conversations.
    pub partitions: u16,
    /// Partitions of allocation.
    pub allocation_partitions: u16,
    /// Name of the hash that maps to partitions.
    pub partition_hash: String,
    /// When it was created.
    pub created_at: At,
    /// Whether it was made by `--demo`.
    pub demo: bool,
    /// Signs visitor tokens and links.
    pub signing_secret: Secret,
}

/// An agent, supervisor or admin.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// The tenant.
    pub tenant: TenantId,
    /// The id, unique in the tenant.
    pub id: UserId,
    /// What they log in with; unique in the tenant without regard to ASCII case; never changes.
    pub username: String,
    /// The display name.
    pub name: Name,
    /// The role.
    pub role: Role,
    /// The PHC string of the password's hash.
    pub password_hash: String,
    /// Most sessions at a time.
    pub capacity: u16,
    /// May not log in.
    pub disabled: bool,
    /// When the record was created.
    pub created_at: At,
    /// Counts changes from 1. An update names the version that it read.
    pub version: u64,
}

impl fmt::Debug for UserRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRecord")
            .field("tenant", &self.tenant)
            .field("id", &self.id)
            .field("role", &self.role)
            .field("capacity", &self.capacity)
            .field("disabled", &self.disabled)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// A user name as it is compared: in ASCII lower case.
///
/// # Errors
/// When it is longer than [`USERNAME_BYTES`].
pub(crate) fn canonical_username(username: &str) -> Result<String, StoreError> {
    StoreError::check_limit("bytes of a user name", username.len() as u64, USERNAME_BYTES as u64)?;
    Ok(username.to_ascii_lowercase())
}

/// A question for users.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserQuery {
    /// Only with this role.
    pub role: Option<Role>,
    /// Only whose name or user name contains this, without regard to ASCII case.
    pub text: Option<String>,
    /// After this user name.
    pub after: Option<String>,
    /// Records to pass over, at most [`crate::limits::SKIP_ROWS`].
    pub skip: u32,
    /// 1 to [`crate::limits::PAGE_ITEMS`].
    pub limit: u32,
}

/// A page of users by user name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserPage {
    /// The users.
    pub users: Vec<UserRecord>,
    /// Their number without paging.
    pub total: u64,
    /// The last user name, when there are more.
    pub next: Option<String>,
}

/// A customer as the log knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The tenant.
    pub tenant: TenantId,
    /// The id.
    pub id: UserId,
    /// Their name.
    pub name: Option<Name>,
    /// When their conversation began.
    pub created_at: At,
    /// When they last wrote.
    pub last_seen_at: At,
}

/// A question for customers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomerQuery {
    /// After this entry: its `last_seen_at` and id.
    pub cursor: Option<(At, UserId)>,
    /// Records to pass over, at most [`crate::limits::SKIP_ROWS`].
    pub skip: u32,
    /// 1 to [`crate::limits::PAGE_ITEMS`].
    pub limit: u32,
}

/// A page of customers, who wrote last first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CustomerPage {
    /// The customers.
    pub customers: Vec<Customer>,
    /// Their number without paging, counted up to [`crate::limits::COUNT_ROWS`].
    pub total: u64,
    /// Where to go on; none at the end.
    pub next: Option<(At, UserId)>,
}

/// The SHA-256 of a session token; the token itself is never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenHash(pub [u8; 32]);

/// A login of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginSession {
    /// Its token's hash.
    pub token_hash: TokenHash,
    /// The tenant.
    pub tenant: TenantId,
    /// Whose.
    pub user: User,
    /// When they logged in.
    pub created_at: At,
    /// When it ends unless it is used.
    pub expires_at: At,
    /// When it was last used, to the minute.
    pub last_seen_at: At,
    /// Whether "remember me" was set.
    pub remember: bool,
    /// What the browser said it is, at most 256 bytes.
    pub device: String,
}

/// The directory. Names and addresses are personal data: they never reach a log line.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The deployment, if it was created.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deployment(&self) -> Result<Option<Deployment>, StoreError>;

    /// The deployment; creates it as proposed if there is none. Of many who call at once all get the same.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn deployment_or_create(&self, proposal: Deployment) -> Result<Deployment, StoreError>;

    /// Creates a user with version 1. The same record again (same id and user name) is no error and changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when another user has the user name, or the id exists with another user name.
    async fn create_user(&self, user: &UserRecord) -> Result<(), StoreError>;

    /// Replaces a user's record whose version is still `user.version`, and answers the new version.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::Conflict`] when it was changed meanwhile or the user name differs.
    async fn update_user(&self, user: &UserRecord) -> Result<u64, StoreError>;

    /// A user by id.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn user(&self, tenant: &TenantId, id: &UserId) -> Result<Option<UserRecord>, StoreError>;

    /// A user by user name.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn user_by_username(&self, tenant: &TenantId, username: &str) -> Result<Option<UserRecord>, StoreError>;

    /// Users of a tenant, by user name.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn users(&self, tenant: &TenantId, query: &UserQuery) -> Result<UserPage, StoreError>;

    /// Customers by id, in the order of the ids, at most [`crate::limits::KEYS`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn customers_by_id(&self, tenant: &TenantId, ids: &[UserId]) -> Result<Vec<Option<Customer>>, StoreError>;

    /// Customers of a tenant, who wrote last first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn customers(&self, tenant: &TenantId, query: &CustomerQuery) -> Result<CustomerPage, StoreError>;

    /// Stores a login. The same again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn put_login(&self, login: &LoginSession) -> Result<(), StoreError>;

    /// A login by its token's hash. One that has expired is there until it is deleted: by [`crate::LogStore::expire`], or
    /// by a backend with expiry of its own.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn login(&self, token_hash: TokenHash) -> Result<Option<LoginSession>, StoreError>;

    /// Moves a login's times forward, never back. Answers whether it is there: a revoked one does not come back.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn touch_login(&self, token_hash: TokenHash, expires_at: At, last_seen_at: At) -> Result<bool, StoreError>;

    /// A user's logins, newest first, at most [`crate::limits::LOGINS_PER_USER`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn logins_of(&self, tenant: &TenantId, user: &User) -> Result<Vec<LoginSession>, StoreError>;

    /// Deletes a login. Answers whether it was there.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn revoke_login(&self, token_hash: TokenHash) -> Result<bool, StoreError>;

    /// Deletes all logins of a user, however many there are, and answers their hashes, so that caches and sockets can follow.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn revoke_logins_of(&self, tenant: &TenantId, user: &User) -> Result<Vec<TokenHash>, StoreError>;
}
