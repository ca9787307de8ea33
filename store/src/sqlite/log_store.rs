//! Writing the log's rows and reading back what owners need.

use std::sync::Arc;

use async_trait::async_trait;
use kefu_model::conversation::{DeviceLog, KeyEntry};
use kefu_model::ids::CommandKey;
use kefu_model::limits::KEY_RETENTION_MS;
use kefu_model::{At, Conversation, Partition};
use rusqlite::{Connection, Params, params};

use super::values::{get, get_stamp, get_u64, int, one};
use super::{SqliteStore, log_rows};
use crate::error::StoreError;
use crate::limits::{EXPIRE_ROWS, KEYS};
use crate::log::{Checkpoint, ConversationKey, DeviceKey, Expired, LogBatch, LogReader, LogStore};
use crate::rows::Blob;
use crate::stamp::Stored;

#[async_trait]
impl LogStore for SqliteStore {
    async fn write_log_batch(&self, batch: Arc<LogBatch>) -> Result<(), StoreError> {
        self.write(move |conn| log_rows::write_batch(conn, &batch)).await
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), StoreError> {
        self.write(move |conn| log_rows::checkpoint(conn, &checkpoint)).await
    }

    async fn checkpoint(&self, reader: LogReader, partition: Partition) -> Result<Option<Checkpoint>, StoreError> {
        self.read(move |conn| read_checkpoint(conn, reader, partition)).await
    }

    async fn load_conversations(
        &self,
        keys: &[ConversationKey],
    ) -> Result<Vec<Option<Stored<Conversation>>>, StoreError> {
        StoreError::check_limit("conversations", keys.len() as u64, KEYS as u64)?;
        let keys = keys.to_vec();
        self.read(move |conn| keys.iter().map(|key| read_conversation(conn, key)).collect()).await
    }

    async fn load_devices(&self, keys: &[DeviceKey]) -> Result<Vec<Option<Stored<DeviceLog>>>, StoreError> {
        StoreError::check_limit("devices", keys.len() as u64, KEYS as u64)?;
        let keys = keys.to_vec();
        self.read(move |conn| keys.iter().map(|key| read_device(conn, key)).collect()).await
    }

    async fn load_key(
        &self,
        conversation: &ConversationKey,
        key: &CommandKey,
    ) -> Result<Option<Stored<KeyEntry>>, StoreError> {
        let (conversation, key) = (conversation.clone(), key.clone());
        self.read(move |conn| {
            let sql = "SELECT entry AS blob, stamp FROM commands WHERE tenant = ?1 AND conversation = ?2 AND key = ?3";
            let (tenant, id) = (conversation.tenant.as_str(), conversation.conversation.to_bytes());
            stored(conn, sql, params![tenant, id, key.as_str()])
        })
        .await
    }

    async fn expire(&self, now: At) -> Result<Expired, StoreError> {
        self.write(move |conn| {
            let keys = conn
                .prepare_cached(
                    "DELETE FROM commands WHERE (tenant, conversation, key) IN
                         (SELECT tenant, conversation, key FROM commands WHERE at < ?1 ORDER BY at LIMIT ?2)",
                )?
                .execute(params![int(now.0.saturating_sub(KEY_RETENTION_MS)), EXPIRE_ROWS])?;
            let logins = conn
                .prepare_cached(
                    "DELETE FROM login_sessions WHERE token_hash IN
                         (SELECT token_hash FROM login_sessions WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)",
                )?
                .execute(params![int(now.0), EXPIRE_ROWS])?;
            Ok(Expired { keys: keys as u64, logins: logins as u64 })
        })
        .await
    }
}

/// Reads one blob with its stamp.
fn stored<T: Blob>(conn: &Connection, sql: &str, params: impl Params) -> Result<Option<Stored<T>>, StoreError> {
    one(conn, sql, params, |row| {
        Ok(Stored { value: T::from_blob(&get::<Vec<u8>>(row, "blob")?)?, stamp: get_stamp(row)? })
    })
}

pub(super) fn read_conversation(
    conn: &Connection,
    key: &ConversationKey,
) -> Result<Option<Stored<Conversation>>, StoreError> {
    let sql = "SELECT state AS blob, stamp FROM conversations WHERE tenant = ?1 AND conversation = ?2";
    stored(conn, sql, params![key.tenant.as_str(), key.conversation.to_bytes()])
}

fn read_device(conn: &Connection, key: &DeviceKey) -> Result<Option<Stored<DeviceLog>>, StoreError> {
    let sql = "SELECT log AS blob, stamp FROM devices WHERE tenant = ?1 AND conversation = ?2 AND device = ?3";
    let conversation = &key.conversation;
    stored(conn, sql, params![conversation.tenant.as_str(), conversation.conversation.to_bytes(), key.device.as_str()])
}

fn read_checkpoint(
    conn: &Connection,
    reader: LogReader,
    partition: Partition,
) -> Result<Option<Checkpoint>, StoreError> {
    let sql = "SELECT * FROM partitions WHERE reader = ?1 AND partition = ?2";
    one(conn, sql, params![reader.as_str(), partition.0], |row| {
        Ok(Checkpoint {
            reader,
            partition,
            epoch: get_u64(row, "epoch")?,
            log_id: get(row, "log_id")?,
            position: get_u64(row, "position")?,
            generation: get_u64(row, "generation")?,
            ordinal: get_u64(row, "ordinal")?,
            state: get(row, "state")?,
        })
    })
}
