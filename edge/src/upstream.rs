//! What the edge needs of [`Link`], so that its own logic can be tested without a broker.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use kefu_model::allocation::{AllocationAnswer, AllocationCommand};
use kefu_model::command::Answer;
use kefu_model::{Command, ConversationId, Refusal, TenantId};
use kefu_nats::link::{AttachRequest, Link, LinkStatus, OnAnswer};
use kefu_nats::notice::Notice;
use kefu_nats::transport::TransportError;
use kefu_nats::view::{AllocationView, Snapshot};

/// The link to owners; every method is [`Link`]'s of that name.
#[async_trait]
pub(crate) trait Upstream: Send + Sync {
    fn submit(&self, command: &Command, on_answer: OnAnswer);
    async fn ask(&self, command: &Command, timeout: Duration) -> Answer;
    fn attach(&self, requests: Vec<AttachRequest>);
    fn detach(&self, tenant: &TenantId, conversation: ConversationId);
    async fn snapshot(&self, tenant: &TenantId, conversation: ConversationId) -> Result<Arc<Snapshot>, Refusal>;
    async fn allocation(&self, tenant: &TenantId, command: &AllocationCommand) -> AllocationAnswer;
    async fn allocation_view(&self, tenant: &TenantId) -> Result<AllocationView, Refusal>;
    async fn notify(&self, notice: &Notice);
    fn status(&self) -> LinkStatus;
    fn key(&self) -> &str;
    async fn relay(&self, key: &str, payload: Bytes) -> Result<Bytes, TransportError>;
}

#[async_trait]
impl Upstream for Link {
    fn submit(&self, command: &Command, on_answer: OnAnswer) {
        Self::submit(self, command, on_answer);
    }

    async fn ask(&self, command: &Command, timeout: Duration) -> Answer {
        Self::ask(self, command, timeout).await
    }

    fn attach(&self, requests: Vec<AttachRequest>) {
        Self::attach(self, requests);
    }

    fn detach(&self, tenant: &TenantId, conversation: ConversationId) {
        Self::detach(self, tenant, conversation);
    }

    async fn snapshot(&self, tenant: &TenantId, conversation: ConversationId) -> Result<Arc<Snapshot>, Refusal> {
        Self::snapshot(self, tenant, conversation).await
    }

    async fn allocation(&self, tenant: &TenantId, command: &AllocationCommand) -> AllocationAnswer {
        Self::allocation(self, tenant, command).await
    }

    async fn allocation_view(&self, tenant: &TenantId) -> Result<AllocationView, Refusal> {
        Self::allocation_view(self, tenant).await
    }

    async fn notify(&self, notice: &Notice) {
        Self::notify(self, notice).await;
    }

    fn status(&self) -> LinkStatus {
        Self::status(self)
    }

    fn key(&self) -> &str {
        Self::key(self)
    }

    async fn relay(&self, key: &str, payload: Bytes) -> Result<Bytes, TransportError> {
        Self::relay(self, key, payload).await
    }
}
