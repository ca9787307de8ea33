//! Connections that read.

use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{SqliteConfig, connection};
use crate::error::StoreError;

/// Opened as they are needed; a read that died took its connection with it.
#[derive(Debug)]
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    places: Arc<Semaphore>,
    config: Arc<SqliteConfig>,
}

impl Readers {
    pub(super) fn open(config: &SqliteConfig) -> Result<Self, StoreError> {
        let first = connection::open_reader(config)?;
        let config = SqliteConfig { readers: config.readers.max(1), ..config.clone() };
        Ok(Self {
            idle: Arc::new(Mutex::new(vec![first])),
            places: Arc::new(Semaphore::new(config.readers)),
            config: Arc::new(config),
        })
    }

    /// Reads on a blocking thread, from one snapshot. A caller that stops waiting leaves the connection to the pool once
    /// the read is over.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = match tokio::time::timeout(self.config.queue_wait, Arc::clone(&self.places).acquire_owned()).await {
            Err(_) => return Err(StoreError::Overloaded { limit: self.config.readers }),
            Ok(Err(_)) => return Err(StoreError::Closed),
            Ok(Ok(place)) => place,
        };
        let (idle, config) = (Arc::clone(&self.idle), Arc::clone(&self.config));
        let read = tokio::task::spawn_blocking(move || {
            let pooled = idle.lock().pop();
            let connection = pooled.map_or_else(|| connection::open_reader(&config), Ok)?;
            let result = snapshot(&connection, work);
            idle.lock().push(connection);
            drop(place);
            result
        });
        read.await.map_err(|error| StoreError::Backend(format!("a read died: {error}")))?
    }

    /// Refuses new reads; those under way finish.
    pub(super) fn close(&self) {
        self.places.close();
        self.idle.lock().clear();
    }
}

fn snapshot<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let transaction = connection.unchecked_transaction()?;
    let value = work(&transaction)?;
    transaction.finish()?;
    Ok(value)
}
