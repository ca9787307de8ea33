//! Archives one partition.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kefu_model::reader::LogCursor;
use kefu_model::{At, Outcome};
use kefu_nats::delivery::announce_archived;
use kefu_nats::engine::{Gather, LogReader, ReadRecord, Reading};
use kefu_nats::{Broker, LogName};
use kefu_store::{Checkpoint, LogBatch, LogReader as Reader, Store, StoreError};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use crate::ArchiverError;
use crate::batch::{Fold, Needs, Record};
use crate::metrics::Metrics;

/// States and device logs that stay known between two batches.
const KNOWN: usize = 20_000;
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// How often the owner is told again how far the archive is: it may not have heard it, and refuses commands for it. As often
/// it is looked how far that is behind.
const ANNOUNCE_EVERY: Duration = Duration::from_secs(5);
/// A call that was tried for so long does not get on.
const STUCK_AFTER: Duration = Duration::from_secs(1);

pub(crate) struct Task {
    pub(crate) gather: Gather,
    pub(crate) broker: Broker,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log: LogName,
    pub(crate) reading: Reading,
}

/// A window as it is written.
struct Folded {
    batch: LogBatch,
    outcomes: u64,
    /// When the first outcome was decided.
    first_at: Option<At>,
}

impl Task {
    /// Archives until it is told to stop. What was read and not written then is read again by whoever goes on.
    pub(crate) async fn run(self) -> Result<(), ArchiverError> {
        self.metrics.began();
        let (archived, known) = watch::channel(None);
        let working = async {
            tokio::select! {
                result = self.archive(archived) => result,
                never = self.tell(known) => match never {},
            }
        };
        let result = self.reading.stop().run_until_cancelled(working).await.unwrap_or(Ok(()));
        self.metrics.ended(self.log);
        result
    }

    /// Says now and then how far the archive is and how far behind, also while a write does not get on.
    async fn tell(&self, mut archived: watch::Receiver<Option<u64>>) -> Infallible {
        let mut announcements = tokio::time::interval(ANNOUNCE_EVERY);
        announcements.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if archived.wait_for(Option::is_some).await.is_err() {
                // Nobody archives any more, so this is about to be dropped.
                std::future::pending().await
            }
            announcements.tick().await;
            let Some(position) = *archived.borrow() else { continue };
            announce_archived(&self.broker, self.log, position).await;
            if let Ok(info) = self.broker.log_info(self.log).await {
                self.metrics.lags(self.log, info.last.saturating_sub(position));
            }
        }
    }

    /// Archives; `archived` is the last record in the store once that is known.
    async fn archive(&self, archived: watch::Sender<Option<u64>>) -> Result<(), ArchiverError> {
        let checkpoint = self.retry(|| self.store.checkpoint(Reader::Archiver, self.log.partition)).await?;
        let epoch = checkpoint.as_ref().map_or(1, |checkpoint| checkpoint.epoch);
        let log_id = checkpoint.as_ref().map(|checkpoint| checkpoint.log_id);
        let cursor = checkpoint.as_ref().map(Checkpoint::cursor).unwrap_or_default();
        let mut reader = LogReader::open(&self.broker, self.log, log_id, cursor).await?;
        let mut fold = Fold::default();
        archived.send_replace(Some(cursor.position));
        loop {
            let window = reader.next_window(&self.gather).await?;
            let Folded { batch, outcomes, first_at } = self.fold(&mut fold, epoch, reader.log_id(), &window).await?;
            self.write(batch).await?;
            self.metrics.outcomes.inc_by(outcomes);
            self.metrics.void_records.inc_by(reader.take_void_records());
            fold.shrink(KNOWN, KNOWN);
            if let Some(last) = window.last() {
                let position = last.cursor.position;
                archived.send_replace(Some(position));
                self.metrics.archived(self.log, position, first_at);
                announce_archived(&self.broker, self.log, position).await;
            }
        }
    }

    /// Folds a window into a batch.
    async fn fold(
        &self,
        fold: &mut Fold,
        epoch: u64,
        log_id: [u8; 16],
        window: &[ReadRecord],
    ) -> Result<Folded, ArchiverError> {
        let (mut cursor, mut first_at, mut count) = (LogCursor::default(), None, 0);
        for record in window {
            let outcomes = record.chat_outcomes(self.log)?;
            first_at = first_at.or(outcomes.first().map(|outcome| outcome.at));
            self.supply(fold, &outcomes).await?;
            cursor = record.cursor;
            fold.fold(Record { epoch, position: cursor.position, outcomes: &outcomes })?;
            count += outcomes.len() as u64;
        }
        let batch = fold.take(Some(Checkpoint {
            reader: Reader::Archiver,
            partition: self.log.partition,
            epoch,
            log_id,
            position: cursor.position,
            generation: cursor.generation,
            ordinal: cursor.ordinal,
            state: Vec::new(),
        }));
        Ok(Folded { batch, outcomes: count, first_at })
    }

    async fn supply(&self, fold: &mut Fold, outcomes: &[Outcome]) -> Result<(), StoreError> {
        let Needs { conversations, devices } = fold.needs(outcomes);
        for keys in conversations.chunks(kefu_store::limits::KEYS) {
            let stored = self.retry(|| self.store.load_conversations(keys)).await?;
            keys.iter().zip(stored).for_each(|(key, stored)| fold.supply_conversation(key.clone(), stored));
        }
        for keys in devices.chunks(kefu_store::limits::KEYS) {
            let stored = self.retry(|| self.store.load_devices(keys)).await?;
            keys.iter().zip(stored).for_each(|(key, stored)| fold.supply_device(key.clone(), stored));
        }
        Ok(())
    }

    async fn write(&self, batch: LogBatch) -> Result<(), StoreError> {
        let timer = self.metrics.write_seconds.start_timer();
        let rows = batch.rows() as u64;
        let batch = Arc::new(batch);
        self.retry(|| self.store.write_log_batch(batch.clone())).await?;
        timer.observe_duration();
        self.metrics.rows.inc_by(rows);
        Ok(())
    }

    /// Calls the store until it answers. It never gives up on a store that is only away: nothing is lost meanwhile, the log
    /// keeps it, and edges refuse new commands once the lag is large. It says that it is stuck, so that another process whose
    /// store is there can do it.
    async fn retry<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let (began, mut pause) = (Instant::now(), RETRY_FIRST);
        loop {
            match call().await {
                Err(error) if error.is_retryable() => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "the store is away; it is tried again");
                    self.metrics.retries.inc();
                    self.reading.set_stuck(began.elapsed() >= STUCK_AFTER);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                }
                result => {
                    self.reading.set_stuck(false);
                    return result;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
