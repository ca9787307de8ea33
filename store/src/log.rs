//! What the log's readers write and its owners read back.

mod item;

use std::sync::Arc;

use async_trait::async_trait;
use kefu_model::conversation::{DeviceLog, KeyEntry, SessionStatus};
use kefu_model::ids::CommandKey;
use kefu_model::reader::LogCursor;
use kefu_model::{At, Conversation, ConversationId, DeviceId, Name, Partition, TenantId, User};

use crate::error::StoreError;
use crate::stamp::{Stamp, Stored};

pub use item::{Edit, Item, ItemKey, Recall, Version};

/// Names a conversation across tenants.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConversationKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The conversation.
    pub conversation: ConversationId,
}

/// Names a device's log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DeviceKey {
    /// The conversation.
    pub conversation: ConversationKey,
    /// The device.
    pub device: DeviceId,
}

/// A new item of history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemRow {
    /// Where.
    pub conversation: ConversationKey,
    /// What; `edited` and `recalled` are not written by this row but by [`Amendment`]s.
    pub item: Item,
    /// Of its record.
    pub stamp: Stamp,
}

/// The state of edit and recall of a message. A `None` leaves what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amendment {
    /// Where.
    pub conversation: ConversationKey,
    /// Which message.
    pub seq: u64,
    /// The last edit.
    pub edited: Option<Edit>,
    /// The recall.
    pub recalled: Option<Recall>,
    /// Of the last record that changed the message.
    pub stamp: Stamp,
}

/// One edit or recall, kept for the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// Where.
    pub conversation: ConversationKey,
    /// Which message.
    pub seq: u64,
    /// What was done to it.
    pub version: Version,
    /// Of its record.
    pub stamp: Stamp,
}

/// A device's last answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// Whose, where.
    pub key: DeviceKey,
    /// The answers.
    pub log: DeviceLog,
    /// Of the last record with a command of the device.
    pub stamp: Stamp,
}

/// The answer to a keyed command; it goes away [`kefu_model::limits::KEY_RETENTION_MS`] after `entry.at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Where.
    pub conversation: ConversationKey,
    /// The key.
    pub key: CommandKey,
    /// Hash, answer, time.
    pub entry: KeyEntry,
    /// Of its record.
    pub stamp: Stamp,
}

/// A user's membership of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// Where.
    pub conversation: ConversationKey,
    /// Who.
    pub user: User,
    /// Whether they are in now.
    pub active: bool,
    /// Read up to this seq.
    pub read: u64,
    /// Delivered up to this seq.
    pub delivered: u64,
    /// The conversation's last `rev` while they were in.
    pub rev: u64,
    /// The conversation's last `seq` while they were in.
    pub seq: u64,
    /// When that was; lists are sorted by it.
    pub updated_at: At,
    /// Of the last record that changed the row.
    pub stamp: Stamp,
}

/// One episode of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// Where.
    pub conversation: ConversationKey,
    /// From 1 in its conversation.
    pub ordinal: u64,
    /// The customer, and their name.
    pub customer: Option<(User, Option<Name>)>,
    /// Where it stands.
    pub status: SessionStatus,
    /// When it was opened; never changes.
    pub opened_at: At,
    /// Who has it, or had it last, and their name.
    pub agent: Option<(User, Option<Name>)>,
    /// When they got it.
    pub assigned_at: Option<At>,
    /// When it ended.
    pub ended_at: Option<At>,
    /// Who ended it.
    pub ended_by: Option<User>,
    /// Why it ended, in their words. In a write `None` leaves what is there.
    pub end_reason: Option<String>,
    /// The customer's score, 1 to 5.
    pub rating: Option<u8>,
    /// Their comment. In a write `None` leaves what is there.
    pub comment: Option<String>,
    /// Of the last record that changed the row.
    pub stamp: Stamp,
}

/// What the log says of a customer. A `None` leaves what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerRow {
    /// The tenant.
    pub tenant: TenantId,
    /// The customer's id.
    pub id: kefu_model::UserId,
    /// Their name.
    pub name: Option<Name>,
    /// When their conversation began.
    pub created_at: Option<At>,
    /// When they last wrote.
    pub last_seen_at: Option<At>,
    /// Of the last record that changed the row.
    pub stamp: Stamp,
}

/// A conversation's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateRow {
    /// The state after the record.
    pub state: Conversation,
    /// Of the last record with an outcome of the conversation, refusals included.
    pub stamp: Stamp,
}

/// Which reader of the log a checkpoint belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogReader {
    /// Copies conversations' logs into rows.
    Archiver,
    /// Folds conversations' logs into rollups.
    Reporter,
    /// The allocation aggregate; its partitions are those of allocation.
    Assigner,
    /// Feeds the search index.
    Search,
}

impl LogReader {
    /// The name in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Archiver => "archiver",
            Self::Reporter => "reporter",
            Self::Assigner => "assigner",
            Self::Search => "search",
        }
    }

    /// Reads a name from the store.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Archiver, Self::Reporter, Self::Assigner, Self::Search]
            .into_iter()
            .find(|reader| reader.as_str() == text)
    }
}

/// How far a reader's work is durable: the record named here and all before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose.
    pub reader: LogReader,
    /// Of which partition.
    pub partition: Partition,
    /// The log's epoch, from 1.
    pub epoch: u64,
    /// The random id of the log.
    pub log_id: [u8; 16],
    /// The last record's position.
    pub position: u64,
    /// The generation in force there.
    pub generation: u64,
    /// Its ordinal in that generation.
    pub ordinal: u64,
    /// The reader's own state there, versioned by the reader.
    pub state: Vec<u8>,
}

impl Checkpoint {
    /// The record that it names.
    #[must_use]
    pub fn cursor(&self) -> LogCursor {
        LogCursor { position: self.position, generation: self.generation, ordinal: self.ordinal }
    }
}

/// The rows of a stretch of one partition's log, each at most once and with its stamp.
///
/// They become visible in the order of the fields, or all at once; `checkpoint` is last. So whoever finds a
/// conversation's state finds what it covers, and whoever finds a checkpoint finds everything up to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogBatch {
    /// New items of history.
    pub items: Vec<ItemRow>,
    /// Edits and recalls, for the audit.
    pub versions: Vec<VersionRow>,
    /// Edits and recalls in force. Their messages' items are stored already or in this batch.
    pub amendments: Vec<Amendment>,
    /// Answers to devices.
    pub devices: Vec<DeviceRow>,
    /// Answers to keyed commands.
    pub keys: Vec<KeyRow>,
    /// Memberships.
    pub members: Vec<MemberRow>,
    /// Sessions.
    pub sessions: Vec<SessionRow>,
    /// Customers.
    pub customers: Vec<CustomerRow>,
    /// States of conversations.
    pub states: Vec<StateRow>,
    /// How far the log is covered now.
    pub checkpoint: Option<Checkpoint>,
}

impl LogBatch {
    /// Number of rows, the checkpoint left out.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.items.len()
            + self.versions.len()
            + self.amendments.len()
            + self.devices.len()
            + self.keys.len()
            + self.members.len()
            + self.sessions.len()
            + self.customers.len()
            + self.states.len()
    }
}

/// What [`LogStore::expire`] deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expired {
    /// Answers to keyed commands.
    pub keys: u64,
    /// Login sessions.
    pub logins: u64,
}

/// Rows of the log and checkpoints.
#[async_trait]
pub trait LogStore: Send + Sync {
    /// Writes the rows of a stretch of the log. Idempotent; an older row never replaces a newer one.
    ///
    /// # Errors
    /// Any [`StoreError`]; some of the rows may have been written then. Write the same batch again.
    async fn write_log_batch(&self, batch: Arc<LogBatch>) -> Result<(), StoreError>;

    /// Saves a checkpoint. One that is behind the stored one, by (epoch, position), changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), StoreError>;

    /// A reader's checkpoint of a partition.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn checkpoint(&self, reader: LogReader, partition: Partition) -> Result<Option<Checkpoint>, StoreError>;

    /// States of conversations, in the order of the keys, at most [`crate::limits::KEYS`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn load_conversations(
        &self,
        keys: &[ConversationKey],
    ) -> Result<Vec<Option<Stored<Conversation>>>, StoreError>;

    /// Logs of devices, in the order of the keys, at most [`crate::limits::KEYS`].
    ///
    /// # Errors
    /// [`StoreError`].
    async fn load_devices(&self, keys: &[DeviceKey]) -> Result<Vec<Option<Stored<DeviceLog>>>, StoreError>;

    /// The answer to a keyed command, unless it was deleted because it expired.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn load_key(
        &self,
        conversation: &ConversationKey,
        key: &CommandKey,
    ) -> Result<Option<Stored<KeyEntry>>, StoreError>;

    /// Deletes what has expired at `now`, at most [`crate::limits::EXPIRE_ROWS`] of each table: call it again while it
    /// deletes that many. A backend with expiry of its own deletes nothing here.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn expire(&self, now: At) -> Result<Expired, StoreError>;

    /// The state of one conversation.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn load_conversation(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
    ) -> Result<Option<Stored<Conversation>>, StoreError> {
        let key = ConversationKey { tenant: tenant.clone(), conversation };
        Ok(self.load_conversations(&[key]).await?.pop().flatten())
    }

    /// The log of one device.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn load_device(&self, key: &DeviceKey) -> Result<Option<Stored<DeviceLog>>, StoreError> {
        Ok(self.load_devices(std::slice::from_ref(key)).await?.pop().flatten())
    }
}
