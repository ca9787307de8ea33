//! The store of one machine: a SQLite database in WAL mode.
//!
//! One thread writes. It takes what is queued, up to a limit, into one transaction (group commit), so the cost of a sync to
//! disk is shared; every write is answered after the commit. Readers have connections of their own and never wait for
//! the writer. With `synchronous=FULL` a commit survives a power loss.

mod connection;
mod customers;
mod directory;
mod history;
mod lists;
mod log_rows;
mod log_store;
mod logins;
mod readers;
mod report;
mod schema;
mod sessions;
mod users;
mod values;
mod writer;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::Connection;

use crate::Store;
use crate::error::StoreError;
use readers::Readers;
use writer::Writer;

pub(crate) use history::Scope;
pub(crate) use log_rows::write_batch;

/// Settings of [`SqliteStore`].
#[derive(Debug, Clone)]
pub struct SqliteConfig {
    /// The database file; its folder exists. SQLite puts `-wal` and `-shm` beside it.
    pub path: PathBuf,
    /// Connections that read, and so reads at a time; more wait.
    pub readers: usize,
    /// Writes that may be queued. A write that finds no place within `queue_wait` gets [`StoreError::Overloaded`].
    pub queue_writes: usize,
    /// How long a write waits for a place in the queue, or a read for a connection.
    pub queue_wait: Duration,
    /// How long to wait for another process that writes.
    pub busy_wait: Duration,
}

impl SqliteConfig {
    /// The defaults for a file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            readers: 4,
            queue_writes: 1_024,
            queue_wait: Duration::from_secs(5),
            busy_wait: Duration::from_secs(5),
        }
    }
}

/// The store in a SQLite database.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
}

impl SqliteStore {
    /// Opens the database, creates it if there is none, and migrates it to this release's schema. Blocking; the time does
    /// not depend on the size unless a migration says so.
    ///
    /// # Errors
    /// [`StoreError::Foreign`], [`StoreError::NewerSchema`], or what the file system says.
    pub fn open(config: &SqliteConfig) -> Result<Self, StoreError> {
        Ok(Self { writer: Writer::spawn(open(config)?, config)?, readers: Readers::open(config)? })
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.write(work).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.read(work).await
    }
}

/// The writer's connection to a database of this release's schema.
pub(crate) fn open(config: &SqliteConfig) -> Result<Connection, StoreError> {
    let mut connection = connection::open_writer(config)?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

#[async_trait]
impl Store for SqliteStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.writer.check()?;
        self.read(|conn| Ok(conn.query_row("SELECT 1", (), |_| Ok(()))?)).await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.readers.close();
        self.writer.close().await
    }
}

#[cfg(test)]
mod tests;
