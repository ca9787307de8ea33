//! Loads states and identities from the store.

use std::sync::Arc;

use async_trait::async_trait;
use kefu_model::{Conversation, ConversationId, TenantId};
use kefu_nats::engine::{LoadError, Loader, Row, Want};
use kefu_store::{ConversationKey, DeviceKey, Stamp, Store, StoreError};

use crate::domain::{ChatState, Chats, IdentityName, IdentityRow};

/// Loads rows of an epoch. Rows of earlier epochs include nothing of this epoch's log.
pub(crate) struct ChatLoader {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) epoch: u64,
}

impl ChatLoader {
    fn position(&self, stamp: Stamp) -> u64 {
        if stamp.epoch() == self.epoch { stamp.position() } else { 0 }
    }

    async fn state(&self, tenant: &TenantId, conversation: ConversationId) -> Result<Row<Chats>, StoreError> {
        let stored = self.store.load_conversation(tenant, conversation).await?;
        let position = stored.as_ref().map_or(0, |stored| self.position(stored.stamp));
        let state = stored.map_or_else(|| Conversation::absent(tenant.clone(), conversation), |stored| stored.value);
        Ok(Row::State { state: ChatState::new(state), position })
    }

    async fn identity(&self, of: ConversationKey, name: &IdentityName) -> Result<Row<Chats>, StoreError> {
        let (row, stamp) = match name {
            IdentityName::Device(device) => {
                let key = DeviceKey { conversation: of, device: device.clone() };
                let stored = self.store.load_device(&key).await?;
                let stamp = stored.as_ref().map(|stored| stored.stamp);
                (IdentityRow::Device(stored.map(|stored| stored.value).unwrap_or_default()), stamp)
            }
            IdentityName::Key(key) => {
                let stored = self.store.load_key(&of, key).await?;
                let stamp = stored.as_ref().map(|stored| stored.stamp);
                (IdentityRow::Key(stored.map(|stored| stored.value)), stamp)
            }
        };
        let position = stamp.map_or(0, |stamp| self.position(stamp));
        Ok(Row::Extra { extra: name.clone(), row, position })
    }
}

#[async_trait]
impl Loader<Chats> for ChatLoader {
    async fn load(
        &self,
        (tenant, conversation): &(TenantId, ConversationId),
        want: &Want<IdentityName>,
    ) -> Result<Row<Chats>, LoadError> {
        let row = match want {
            Want::State => self.state(tenant, *conversation).await,
            Want::Extra(name) => {
                let of = ConversationKey { tenant: tenant.clone(), conversation: *conversation };
                self.identity(of, name).await
            }
        };
        row.map_err(load_error)
    }
}

pub(crate) fn load_error(error: StoreError) -> LoadError {
    let is_away = error.is_retryable();
    LoadError::of_store(error, is_away)
}
