//! The directory: each call is one of the functions beside.

use async_trait::async_trait;
use kefu_model::{At, TenantId, User, UserId};

use super::{CqlStore, customers, logins, users};
use crate::directory::{
    Customer, CustomerPage, CustomerQuery, Deployment, Directory, LoginSession, TokenHash, UserPage, UserQuery,
    UserRecord,
};
use crate::error::StoreError;
use crate::limits::KEYS;

#[async_trait]
impl Directory for CqlStore {
    async fn deployment(&self) -> Result<Option<Deployment>, StoreError> {
        let _call = self.client.enter().await?;
        users::deployment(&self.client).await
    }

    async fn deployment_or_create(&self, proposal: Deployment) -> Result<Deployment, StoreError> {
        let _call = self.client.enter().await?;
        users::deployment_or_create(&self.client, &proposal).await
    }

    async fn create_user(&self, user: &UserRecord) -> Result<(), StoreError> {
        let _call = self.client.enter().await?;
        users::create(&self.client, user).await
    }

    async fn update_user(&self, user: &UserRecord) -> Result<u64, StoreError> {
        let _call = self.client.enter().await?;
        users::update(&self.client, user).await
    }

    async fn user(&self, tenant: &TenantId, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
        let _call = self.client.enter().await?;
        users::by_id(&self.client, tenant, id).await
    }

    async fn user_by_username(&self, tenant: &TenantId, username: &str) -> Result<Option<UserRecord>, StoreError> {
        let _call = self.client.enter().await?;
        users::by_username(&self.client, tenant, username).await
    }

    async fn users(&self, tenant: &TenantId, query: &UserQuery) -> Result<UserPage, StoreError> {
        let _call = self.client.enter().await?;
        users::list(&self.client, tenant, query).await
    }

    async fn customers_by_id(&self, tenant: &TenantId, ids: &[UserId]) -> Result<Vec<Option<Customer>>, StoreError> {
        StoreError::check_limit("customers", ids.len() as u64, KEYS as u64)?;
        let _call = self.client.enter().await?;
        customers::by_ids(&self.client, tenant, ids).await
    }

    async fn customers(&self, tenant: &TenantId, query: &CustomerQuery) -> Result<CustomerPage, StoreError> {
        let _call = self.client.enter().await?;
        customers::list(&self.client, tenant, query).await
    }

    async fn put_login(&self, login: &LoginSession) -> Result<(), StoreError> {
        StoreError::check_limit("bytes of a device's name", login.device.len() as u64, 256)?;
        let _call = self.client.enter().await?;
        logins::put(&self.client, login).await
    }

    async fn login(&self, token_hash: TokenHash) -> Result<Option<LoginSession>, StoreError> {
        let _call = self.client.enter().await?;
        logins::by_hash(&self.client, token_hash).await
    }

    async fn touch_login(&self, token_hash: TokenHash, expires_at: At, last_seen_at: At) -> Result<bool, StoreError> {
        let _call = self.client.enter().await?;
        logins::touch(&self.client, token_hash, expires_at, last_seen_at).await
    }

    async fn logins_of(&self, tenant: &TenantId, user: &User) -> Result<Vec<LoginSession>, StoreError> {
        let _call = self.client.enter().await?;
        logins::of_user(&self.client, tenant, user).await
    }

    async fn revoke_login(&self, token_hash: TokenHash) -> Result<bool, StoreError> {
        let _call = self.client.enter().await?;
        logins::revoke(&self.client, token_hash).await
    }

    async fn revoke_logins_of(&self, tenant: &TenantId, user: &User) -> Result<Vec<TokenHash>, StoreError> {
        let _call = self.client.enter().await?;
        logins::revoke_all(&self.client, tenant, user).await
    }
}
