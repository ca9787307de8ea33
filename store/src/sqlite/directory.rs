//! The directory: each call is one of the functions beside.

use async_trait::async_trait;
use kefu_model::{At, TenantId, User, UserId};

use super::{SqliteStore, customers, logins, users};
use crate::directory::{
    Customer, CustomerPage, CustomerQuery, Deployment, Directory, LoginSession, TokenHash, UserPage, UserQuery,
    UserRecord,
};
use crate::error::StoreError;
use crate::limits::KEYS;

#[async_trait]
impl Directory for SqliteStore {
    async fn deployment(&self) -> Result<Option<Deployment>, StoreError> {
        self.read(users::deployment).await
    }

    async fn deployment_or_create(&self, proposal: Deployment) -> Result<Deployment, StoreError> {
        self.write(move |conn| users::deployment_or_create(conn, &proposal)).await
    }

    async fn create_user(&self, user: &UserRecord) -> Result<(), StoreError> {
        let user = user.clone();
        self.write(move |conn| users::create(conn, &user)).await
    }

    async fn update_user(&self, user: &UserRecord) -> Result<u64, StoreError> {
        let user = user.clone();
        self.write(move |conn| users::update(conn, &user)).await
    }

    async fn user(&self, tenant: &TenantId, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
        let (tenant, id) = (tenant.clone(), id.clone());
        self.read(move |conn| users::by_id(conn, &tenant, &id)).await
    }

    async fn user_by_username(&self, tenant: &TenantId, username: &str) -> Result<Option<UserRecord>, StoreError> {
        let (tenant, username) = (tenant.clone(), username.to_owned());
        self.read(move |conn| users::by_username(conn, &tenant, &username)).await
    }

    async fn users(&self, tenant: &TenantId, query: &UserQuery) -> Result<UserPage, StoreError> {
        let (tenant, query) = (tenant.clone(), query.clone());
        self.read(move |conn| users::list(conn, &tenant, &query)).await
    }

    async fn customers_by_id(&self, tenant: &TenantId, ids: &[UserId]) -> Result<Vec<Option<Customer>>, StoreError> {
        StoreError::check_limit("customers", ids.len() as u64, KEYS as u64)?;
        let (tenant, ids) = (tenant.clone(), ids.to_vec());
        self.read(move |conn| ids.iter().map(|id| customers::by_id(conn, &tenant, id)).collect()).await
    }

    async fn customers(&self, tenant: &TenantId, query: &CustomerQuery) -> Result<CustomerPage, StoreError> {
        let (tenant, query) = (tenant.clone(), query.clone());
        self.read(move |conn| customers::list(conn, &tenant, &query)).await
    }

    async fn put_login(&self, login: &LoginSession) -> Result<(), StoreError> {
        StoreError::check_limit("bytes of a device's name", login.device.len() as u64, 256)?;
        let login = login.clone();
        self.write(move |conn| logins::put(conn, &login)).await
    }

    async fn login(&self, token_hash: TokenHash) -> Result<Option<LoginSession>, StoreError> {
        self.read(move |conn| logins::by_hash(conn, token_hash)).await
    }

    async fn touch_login(&self, token_hash: TokenHash, expires_at: At, last_seen_at: At) -> Result<bool, StoreError> {
        self.write(move |conn| logins::touch(conn, token_hash, expires_at, last_seen_at)).await
    }

    async fn logins_of(&self, tenant: &TenantId, user: &User) -> Result<Vec<LoginSession>, StoreError> {
        let (tenant, user) = (tenant.clone(), user.clone());
        self.read(move |conn| logins::of_user(conn, &tenant, &user)).await
    }

    async fn revoke_login(&self, token_hash: TokenHash) -> Result<bool, StoreError> {
        self.write(move |conn| logins::revoke(conn, token_hash)).await
    }

    async fn revoke_logins_of(&self, tenant: &TenantId, user: &User) -> Result<Vec<TokenHash>, StoreError> {
        let (tenant, user) = (tenant.clone(), user.clone());
        self.write(move |conn| logins::revoke_all(conn, &tenant, &user)).await
    }
}
