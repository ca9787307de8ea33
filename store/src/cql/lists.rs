//! The reads for people: each call is one of the functions beside.

use async_trait::async_trait;
use kefu_model::{ConversationId, TenantId, User, UserId};

use super::history::Scope;
use super::{CqlStore, members, session_lists, sessions};
use crate::error::StoreError;
use crate::history::{
    ConversationPage, ConversationQuery, HistoryPage, HistoryQuery, HistoryStore, SessionCounts, SessionPage,
    SessionQuery,
};
use crate::log::{Item, SessionRow, Version};

#[async_trait]
impl HistoryStore for CqlStore {
    async fn history(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
        query: HistoryQuery,
    ) -> Result<HistoryPage, StoreError> {
        let _call = self.client.enter().await?;
        Scope::new(&self.client, tenant, conversation).page(query).await
    }

    async fn message(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
        seq: u64,
    ) -> Result<Option<Item>, StoreError> {
        let _call = self.client.enter().await?;
        Scope::new(&self.client, tenant, conversation).message(seq).await
    }

    async fn versions(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
        seq: u64,
    ) -> Result<Vec<Version>, StoreError> {
        let _call = self.client.enter().await?;
        Scope::new(&self.client, tenant, conversation).versions(seq).await
    }

    async fn conversations_of(
        &self,
        tenant: &TenantId,
        user: &User,
        query: ConversationQuery,
    ) -> Result<ConversationPage, StoreError> {
        let _call = self.client.enter().await?;
        members::list(&self.client, tenant, user, &query).await
    }

    async fn sessions(&self, tenant: &TenantId, query: &SessionQuery) -> Result<SessionPage, StoreError> {
        let _call = self.client.enter().await?;
        session_lists::read(&self.client, tenant, query).await
    }

    async fn session(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
        ordinal: u64,
    ) -> Result<Option<SessionRow>, StoreError> {
        let _call = self.client.enter().await?;
        sessions::one_session(&self.client, tenant, conversation, ordinal).await
    }

    async fn session_counts(&self, tenant: &TenantId, agent: Option<&UserId>) -> Result<SessionCounts, StoreError> {
        let _call = self.client.enter().await?;
        sessions::counts(&self.client, tenant, agent).await
    }
}
