//! Requests: prepared once, idempotent, so many in flight and no more.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use scylla::client::session::Session;
use scylla::deserialize::row::DeserializeRow;
use scylla::response::query_result::QueryResult;
use scylla::serialize::row::SerializeRow;
use scylla::statement::Consistency;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlValue, Row};
use tokio::sync::{RwLockReadGuard, Semaphore, SemaphorePermit};
use uuid::Uuid;

use super::CqlConfig;
use super::batches::Lane;
use super::errors::unreadable;
use super::statements;
use crate::error::StoreError;

/// Conditional writes of one row, and the reads that settle them, get in each other's way. Whoever ran out of time tries
/// again, so often, after about so long.
const CONTENDED_MS: [u64; 3] = [50, 150, 400];

/// Statements that are prepared side by side when the store is opened.
const PREPARED_ABREAST: usize = 16;

/// Lists of many reads that are read side by side; more wait, so that they leave room for everything else.
const LONG_LISTS: usize = 4;

/// A row that borrows nothing from the answer.
pub(super) trait OwnedRow: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata> {}

impl<T: for<'frame, 'metadata> DeserializeRow<'frame, 'metadata>> OwnedRow for T {}

/// A session with a keyspace of this release's schema.
#[derive(Debug)]
pub(super) struct Client {
    session: Session,
    /// By the text of the statement: all of them are constants of this crate.
    prepared: HashMap<&'static str, PreparedStatement>,
    reads: Places,
    writes: Places,
    long_lists: Places,
    /// Held for reading by every call while it is under way.
    calls: tokio::sync::RwLock<()>,
    closed: AtomicBool,
}

/// Requests that may be in flight.
#[derive(Debug)]
struct Places {
    free: Semaphore,
    limit: usize,
    wait: Duration,
}

impl Places {
    fn new(limit: usize, wait: Duration) -> Self {
        Self { free: Semaphore::new(limit), limit, wait }
    }

    async fn take(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        match tokio::time::timeout(self.wait, self.free.acquire()).await {
            Err(_) => Err(StoreError::Overloaded { limit: self.limit }),
            Ok(permit) => permit.map_err(|_| StoreError::Closed),
        }
    }
}

impl Client {
    /// Prepares all statements.
    pub(super) async fn open(session: Session, config: &CqlConfig) -> Result<Self, StoreError> {
        let preparing = futures::stream::iter(statements::all()).map(|cql| prepare(&session, cql));
        let prepared = preparing.buffer_unordered(PREPARED_ABREAST).try_collect().await?;
        Ok(Self {
            session,
            prepared,
            reads: Places::new(config.reads_in_flight, config.request_timeout),
            writes: Places::new(config.writes_in_flight, config.request_timeout),
            long_lists: Places::new(LONG_LISTS, config.request_timeout),
            calls: tokio::sync::RwLock::default(),
            closed: AtomicBool::new(false),
        })
    }

    /// Nodes that a connection is open to, and all that are known.
    pub(super) fn nodes(&self) -> (usize, usize) {
        let cluster = self.session.get_cluster_state();
        let nodes = cluster.get_nodes_info();
        (nodes.iter().filter(|node| node.is_connected()).count(), nodes.len())
    }

    /// Begins a call of the store; it is under way until the answer is dropped.
    pub(super) async fn enter(&self) -> Result<RwLockReadGuard<'_, ()>, StoreError> {
        let call = self.calls.read().await;
        if self.closed.load(Ordering::Acquire) { Err(StoreError::Closed) } else { Ok(call) }
    }

    /// Begins no more calls and waits for those that are under way.
    pub(super) async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        drop(self.calls.write().await);
    }

    /// The right to read a list on that takes more than one read, until it is dropped.
    pub(super) async fn long_list(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        self.long_lists.take().await
    }

    /// Reads rows; the statement bounds them.
    pub(super) async fn rows<R: OwnedRow>(
        &self,
        cql: &'static str,
        values: impl SerializeRow,
    ) -> Result<Vec<R>, StoreError> {
        let statement = self.statement(cql)?;
        let _place = self.reads.take().await?;
        rows_of(self.session.execute_unpaged(&statement, values).await?)
    }

    /// Reads the first row, if any.
    pub(super) async fn first<R: OwnedRow>(
        &self,
        cql: &'static str,
        values: impl SerializeRow,
    ) -> Result<Option<R>, StoreError> {
        Ok(self.rows(cql, values).await?.into_iter().next())
    }

    /// Reads the first row as conditional writes left it: one that is half done is finished first.
    pub(super) async fn first_serial<R: OwnedRow>(
        &self,
        cql: &'static str,
        values: impl SerializeRow,
    ) -> Result<Option<R>, StoreError> {
        let mut statement = self.statement(cql)?;
        statement.set_consistency(Consistency::LocalSerial);
        for wait_ms in CONTENDED_MS {
            match self.read_first(&statement, &values).await {
                Err(StoreError::Timeout) => pause(wait_ms).await,
                result => return result,
            }
        }
        self.read_first(&statement, &values).await
    }

    async fn read_first<R: OwnedRow>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Option<R>, StoreError> {
        let _place = self.reads.take().await?;
        Ok(rows_of(self.session.execute_unpaged(statement, values).await?)?.into_iter().next())
    }

    /// Writes a row.
    pub(super) async fn write(&self, cql: &'static str, values: impl SerializeRow) -> Result<(), StoreError> {
        let statement = self.statement(cql)?;
        let _place = self.writes.take().await?;
        self.session.execute_unpaged(&statement, values).await?;
        Ok(())
    }

    /// Writes a row on a condition and says whether it held. The driver does not repeat it.
    pub(super) async fn write_if(&self, cql: &'static str, values: impl SerializeRow) -> Result<bool, StoreError> {
        let mut statement = self.statement(cql)?;
        statement.set_is_idempotent(false);
        let _place = self.writes.take().await?;
        was_applied(self.session.execute_unpaged(&statement, values).await?)
    }

    /// Writes a row that is not there yet. Who has it is read afterwards, so this may be repeated, and is: of many who
    /// want the same row some run out of time.
    pub(super) async fn claim(&self, cql: &'static str, values: impl SerializeRow) -> Result<(), StoreError> {
        for wait_ms in CONTENDED_MS {
            match self.write_if(cql, &values).await {
                Err(StoreError::Timeout) => pause(wait_ms).await,
                result => return result.map(drop),
            }
        }
        self.write_if(cql, &values).await.map(drop)
    }

    /// Writes rows: partitions side by side, the batches of one partition one after the other.
    pub(super) async fn write_lanes<V: SerializeRow>(
        &self,
        cql: &'static str,
        lanes: Vec<Lane<V>>,
    ) -> Result<(), StoreError> {
        if lanes.is_empty() {
            return Ok(());
        }
        let statement = &self.statement(cql)?;
        let lanes = futures::stream::iter(lanes).map(|lane| self.write_lane(statement, lane));
        lanes.buffer_unordered(self.writes.limit).try_collect().await
    }

    async fn write_lane<V: SerializeRow>(
        &self,
        statement: &PreparedStatement,
        lane: Lane<V>,
    ) -> Result<(), StoreError> {
        for batch in lane {
            let _place = self.writes.take().await?;
            if let [only] = batch.as_slice() {
                self.session.execute_unpaged(statement, only).await?;
            } else {
                let mut unlogged = Batch::new(BatchType::Unlogged);
                unlogged.set_is_idempotent(true);
                batch.iter().for_each(|_| unlogged.append_statement(statement.clone()));
                self.session.batch(&unlogged, batch).await?;
            }
        }
        Ok(())
    }

    fn statement(&self, cql: &'static str) -> Result<PreparedStatement, StoreError> {
        let missing = || StoreError::Backend(format!("a statement was not prepared: {cql}"));
        self.prepared.get(cql).cloned().ok_or_else(missing)
    }
}

async fn prepare(session: &Session, cql: &'static str) -> Result<(&'static str, PreparedStatement), StoreError> {
    let mut statement = session.prepare(cql).await?;
    statement.set_is_idempotent(true);
    Ok((cql, statement))
}

/// A time between this and twice this, so that those who lost do not meet again.
async fn pause(wait_ms: u64) {
    let more_ms = Uuid::new_v4().as_u64_pair().0 % wait_ms;
    tokio::time::sleep(Duration::from_millis(wait_ms + more_ms)).await;
}

/// The rows of an answer.
pub(super) fn rows_of<R: OwnedRow>(answer: QueryResult) -> Result<Vec<R>, StoreError> {
    let rows = answer.into_rows_result().map_err(unreadable)?;
    let rows = rows.rows::<R>().map_err(unreadable)?;
    rows.collect::<Result<_, _>>().map_err(unreadable)
}

/// Whether the condition of a write held: the first column of the answer, whatever follows.
pub(super) fn was_applied(answer: QueryResult) -> Result<bool, StoreError> {
    let row = rows_of::<Row>(answer)?.into_iter().next().ok_or_else(|| unreadable("no answer to a condition"))?;
    match row.columns.first() {
        Some(Some(CqlValue::Boolean(applied))) => Ok(*applied),
        _ => Err(unreadable("the answer to a condition is not a boolean")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_too_long_for_a_place_is_told() {
        let places = Places::new(2, Duration::from_millis(20));
        let taken = (places.take().await.unwrap(), places.take().await.unwrap());
        let refused = places.take().await.map(drop).unwrap_err();
        assert!(matches!(refused, StoreError::Overloaded { limit: 2 }) && refused.is_retryable(), "{refused}");
        drop(taken);
        assert!(places.take().await.is_ok());
    }
}
