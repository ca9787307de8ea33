//! Connections that read.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{SqliteConfig, connection};
use crate::error::StoreError;

#[derive(Debug)]
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    places: Arc<Semaphore>,
    wait: Duration,
    count: usize,
}

impl Readers {
    pub(super) fn open(config: &SqliteConfig) -> Result<Self, StoreError> {
        let count = config.readers.max(1);
        let idle = (0..count).map(|_| connection::open_reader(config)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            idle: Arc::new(Mutex::new(idle)),
            places: Arc::new(Semaphore::new(count)),
            wait: config.queue_wait,
            count,
        })
    }

    /// Reads on a blocking thread, from one snapshot. A caller that stops waiting leaves the connection to the pool once
    /// the read is over.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = match tokio::time::timeout(self.wait, Arc::clone(&self.places).acquire_owned()).await {
            Err(_) => return Err(StoreError::Overloaded { limit: self.count }),
            Ok(Err(_)) => return Err(StoreError::Closed),
            Ok(Ok(place)) => place,
        };
        let idle = Arc::clone(&self.idle);
        let read = tokio::task::spawn_blocking(move || {
            let Some(connection) = idle.lock().pop() else { return Err(StoreError::Closed) };
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
