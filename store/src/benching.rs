//! SQLite without threads, for the benches whose instructions are counted. The product does not use it.

use std::path::PathBuf;

use kefu_model::{ConversationId, TenantId};
use rusqlite::Connection;

use crate::error::StoreError;
use crate::history::{HistoryPage, HistoryQuery};
use crate::log::LogBatch;
use crate::sqlite::{self, SqliteConfig};

/// The rows of the log in a database file.
#[derive(Debug)]
pub struct Rows(Connection);

impl Rows {
    /// A new database, as the writer opens it.
    ///
    /// # Errors
    /// As [`crate::SqliteStore::open`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        sqlite::open(&SqliteConfig::new(path)).map(Self)
    }

    /// Writes a batch in a transaction, as [`crate::LogStore::write_log_batch`] does.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn write(&self, batch: &LogBatch) -> Result<(), StoreError> {
        self.0.execute_batch("BEGIN IMMEDIATE")?;
        sqlite::write_batch(&self.0, batch)?;
        Ok(self.0.execute_batch("COMMIT")?)
    }

    /// A page, as [`crate::HistoryStore::history`] reads it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn history(
        &self,
        tenant: &TenantId,
        conversation: ConversationId,
        query: HistoryQuery,
    ) -> Result<HistoryPage, StoreError> {
        sqlite::Scope { conn: &self.0, tenant, conversation }.page(query)
    }
}
