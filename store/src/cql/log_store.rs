//! Writing the log's rows and reading back what owners need.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _};
use kefu_model::conversation::{DeviceLog, KeyEntry};
use kefu_model::ids::CommandKey;
use kefu_model::{At, Conversation, Partition};
use scylla::serialize::row::SerializeRow;

use super::client::Client;
use super::log_rows::id;
use super::statements::statements;
use super::values::read_stamp;
use super::{CqlStore, customers, log_rows, members, sessions};
use crate::error::StoreError;
use crate::limits::KEYS;
use crate::log::{Checkpoint, ConversationKey, DeviceKey, Expired, LogBatch, LogReader, LogStore};
use crate::rows::{Blob, CheckpointBody};
use crate::stamp::Stored;

statements! {
    CHECKPOINT = "SELECT body FROM partitions WHERE reader = ? AND partition = ?";
    KEY = "SELECT entry, WRITETIME(entry) FROM commands WHERE tenant = ? AND conversation = ? AND key = ?";
    STATE = "SELECT state, WRITETIME(state) FROM conversations WHERE tenant = ? AND conversation = ?";
    DEVICE = "SELECT log, WRITETIME(log) FROM devices WHERE tenant = ? AND conversation = ? AND device = ?";
}

/// Keys of a bulk read that are asked for side by side.
const ABREAST: usize = 64;

#[async_trait]
impl LogStore for CqlStore {
    async fn write_log_batch(&self, batch: Arc<LogBatch>) -> Result<(), StoreError> {
        let _call = self.client.enter().await?;
        write_batch(&self.client, &batch).await
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), StoreError> {
        let _call = self.client.enter().await?;
        log_rows::checkpoint(&self.client, &checkpoint).await
    }

    async fn checkpoint(&self, reader: LogReader, partition: Partition) -> Result<Option<Checkpoint>, StoreError> {
        let _call = self.client.enter().await?;
        let row = self.client.first::<(Vec<u8>,)>(CHECKPOINT, (reader.as_str(), i32::from(partition.0))).await?;
        row.map(|(body,)| Ok(CheckpointBody::from_blob(&body)?.0)).transpose()
    }

    async fn load_conversations(
        &self,
        keys: &[ConversationKey],
    ) -> Result<Vec<Option<Stored<Conversation>>>, StoreError> {
        StoreError::check_limit("conversations", keys.len() as u64, KEYS as u64)?;
        let _call = self.client.enter().await?;
        let reads: Vec<_> = keys.iter().map(|key| conversation(&self.client, key)).collect();
        futures::stream::iter(reads).buffered(ABREAST).try_collect().await
    }

    async fn load_devices(&self, keys: &[DeviceKey]) -> Result<Vec<Option<Stored<DeviceLog>>>, StoreError> {
        StoreError::check_limit("devices", keys.len() as u64, KEYS as u64)?;
        let _call = self.client.enter().await?;
        let reads: Vec<_> = keys.iter().map(|key| device(&self.client, key)).collect();
        futures::stream::iter(reads).buffered(ABREAST).try_collect().await
    }

    async fn load_key(
        &self,
        conversation: &ConversationKey,
        key: &CommandKey,
    ) -> Result<Option<Stored<KeyEntry>>, StoreError> {
        let _call = self.client.enter().await?;
        let (tenant, conversation) = (conversation.tenant.as_str(), id(conversation.conversation));
        stored(&self.client, KEY, (tenant, conversation, key.as_str())).await
    }

    /// Keys and logins have a TTL.
    async fn expire(&self, _now: At) -> Result<Expired, StoreError> {
        let _call = self.client.enter().await?;
        Ok(Expired::default())
    }
}

/// All rows of a batch, in the order of the contract: what follows is begun when what it relies on is there.
async fn write_batch(client: &Client, batch: &LogBatch) -> Result<(), StoreError> {
    log_rows::items(client, &batch.items).await?;
    log_rows::versions(client, &batch.versions).await?;
    log_rows::amendments(client, &batch.amendments).await?;
    log_rows::devices(client, &batch.devices).await?;
    log_rows::keys(client, &batch.keys).await?;
    members::write(client, &batch.members).await?;
    sessions::write(client, &batch.sessions).await?;
    customers::write(client, &batch.customers).await?;
    log_rows::states(client, &batch.states).await?;
    match &batch.checkpoint {
        Some(checkpoint) => log_rows::checkpoint(client, checkpoint).await,
        None => Ok(()),
    }
}

/// Reads one blob with its stamp.
async fn stored<T: Blob>(
    client: &Client,
    cql: &'static str,
    values: impl SerializeRow,
) -> Result<Option<Stored<T>>, StoreError> {
    // A row without its blob is one whose cell has expired.
    let row = client.first::<(Option<Vec<u8>>, Option<i64>)>(cql, values).await?;
    let Some((Some(blob), Some(written))) = row else { return Ok(None) };
    Ok(Some(Stored { value: T::from_blob(&blob)?, stamp: read_stamp(written)? }))
}

/// The state of a conversation.
pub(super) async fn conversation(
    client: &Client,
    key: &ConversationKey,
) -> Result<Option<Stored<Conversation>>, StoreError> {
    stored(client, STATE, (key.tenant.as_str(), id(key.conversation))).await
}

async fn device(client: &Client, key: &DeviceKey) -> Result<Option<Stored<DeviceLog>>, StoreError> {
    let conversation = &key.conversation;
    stored(client, DEVICE, (conversation.tenant.as_str(), id(conversation.conversation), key.device.as_str())).await
}
