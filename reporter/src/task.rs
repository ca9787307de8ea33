//! Reports on one partition.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kefu_model::At;
use kefu_model::reader::LogCursor;
use kefu_nats::engine::{Gather, LogReader, ReadRecord, Reading};
use kefu_nats::{Broker, LogName};
use kefu_store::{Checkpoint, LogReader as Reader, RollupBatch, Store, StoreError};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use crate::ReporterError;
use crate::fold::Fold;
use crate::metrics::Metrics;

/// How often it is looked how far the log's head is.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How long the checkpoint of a stop may take; without it more is read again.
const LAST_SAVE_WITHIN: Duration = Duration::from_secs(2);

pub(crate) struct Task {
    pub(crate) gather: Gather,
    pub(crate) checkpoint_every: Duration,
    pub(crate) broker: Broker,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) log: LogName,
    pub(crate) reading: Reading,
}

/// What was folded, and how much of it is stored.
struct Progress {
    fold: Fold,
    epoch: u64,
    log_id: [u8; 16],
    /// The last record whose rows are stored; none while rows are on their way.
    written: Option<LogCursor>,
    /// The position of the last record whose rows are stored, for who looks how far behind that is.
    shown: watch::Sender<u64>,
    /// The last record of a checkpoint.
    saved: LogCursor,
    saved_at: Instant,
}

impl Task {
    /// Reports until it is told to stop. What was read and not written then is read again by whoever goes on.
    pub(crate) async fn run(self) -> Result<(), ReporterError> {
        self.metrics.began();
        let stop = self.reading.stop().clone();
        let result = match stop.run_until_cancelled(self.open()).await {
            None => Ok(()),
            Some(Err(error)) => Err(error),
            Some(Ok((mut reader, mut progress))) => {
                let shown = progress.shown.subscribe();
                let reporting = async {
                    tokio::select! {
                        result = self.report(&mut reader, &mut progress) => result,
                        never = self.look(shown) => match never {},
                    }
                };
                let reported = stop.run_until_cancelled(reporting).await;
                match reported {
                    Some(result) => result,
                    None => self.save_last(&progress).await,
                }
            }
        };
        self.metrics.ended(self.log);
        result
    }

    async fn open(&self) -> Result<(LogReader, Progress), ReporterError> {
        let checkpoint = self.retry(|| self.store.checkpoint(Reader::Reporter, self.log.partition)).await?;
        let epoch = checkpoint.as_ref().map_or(1, |checkpoint| checkpoint.epoch);
        let fold = match &checkpoint {
            Some(checkpoint) if !checkpoint.state.is_empty() => {
                Fold::from_state(self.log.partition, &checkpoint.state)?
            }
            // Nothing was reported yet: at the first start, or where an operator opened the next epoch before that.
            _ => Fold::new(self.log.partition),
        };
        let log_id = checkpoint.as_ref().map(|checkpoint| checkpoint.log_id);
        let saved = checkpoint.as_ref().map(Checkpoint::cursor).unwrap_or_default();
        let reader = LogReader::open(&self.broker, self.log, log_id, saved).await?;
        let (log_id, written, saved_at) = (reader.log_id(), Some(saved), Instant::now());
        let shown = watch::Sender::new(saved.position);
        Ok((reader, Progress { fold, epoch, log_id, written, shown, saved, saved_at }))
    }

    async fn report(&self, reader: &mut LogReader, progress: &mut Progress) -> Result<(), ReporterError> {
        loop {
            let (due, unsaved) = (progress.saved_at + self.checkpoint_every, progress.unsaved());
            tokio::select! {
                window = reader.next_window(&self.gather) => {
                    self.take(progress, &window?).await?;
                    self.metrics.void_records.inc_by(reader.take_void_records());
                }
                () = tokio::time::sleep_until(due), if unsaved.is_some() => {}
            }
            if let Some(cursor) = progress.unsaved().filter(|_| due <= Instant::now()) {
                let batch = RollupBatch { rows: Vec::new(), checkpoint: Some(self.checkpoint(progress, cursor)?) };
                self.retry(|| self.store.write_rollups(batch.clone())).await?;
                (progress.saved, progress.saved_at) = (cursor, Instant::now());
            }
        }
    }

    /// Counts now and then how far it is behind the log's head, also while a write does not get on.
    async fn look(&self, shown: watch::Receiver<u64>) -> Infallible {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if let Ok(info) = self.broker.log_info(self.log).await {
                self.metrics.lags(self.log, info.last.saturating_sub(*shown.borrow()));
            }
        }
    }

    /// Folds a window and writes its rows.
    async fn take(&self, progress: &mut Progress, window: &[ReadRecord]) -> Result<(), ReporterError> {
        let Some(last) = window.last() else { return Ok(()) };
        progress.written = None;
        let (mut first_at, mut count): (Option<At>, u64) = (None, 0);
        for record in window {
            let outcomes = record.chat_outcomes(self.log)?;
            first_at = first_at.or(outcomes.first().map(|outcome| outcome.at));
            count += outcomes.len() as u64;
            progress.fold.fold(progress.epoch, record.cursor.position, &outcomes)?;
        }
        let batch = RollupBatch { rows: progress.fold.take_rows(), checkpoint: None };
        if !batch.rows.is_empty() {
            self.retry(|| self.store.write_rollups(batch.clone())).await?;
        }
        progress.written = Some(last.cursor);
        progress.shown.send_replace(last.cursor.position);
        self.metrics.outcomes.inc_by(count);
        self.metrics.folded(self.log, last.cursor.position, first_at);
        Ok(())
    }

    fn checkpoint(&self, progress: &Progress, cursor: LogCursor) -> Result<Checkpoint, ReporterError> {
        Ok(Checkpoint {
            reader: Reader::Reporter,
            partition: self.log.partition,
            epoch: progress.epoch,
            log_id: progress.log_id,
            position: cursor.position,
            generation: cursor.generation,
            ordinal: cursor.ordinal,
            state: progress.fold.to_state()?,
        })
    }

    /// Saves what is written, once, so that whoever goes on has nothing to read again.
    async fn save_last(&self, progress: &Progress) -> Result<(), ReporterError> {
        let Some(cursor) = progress.unsaved() else { return Ok(()) };
        let batch = RollupBatch { rows: Vec::new(), checkpoint: Some(self.checkpoint(progress, cursor)?) };
        match tokio::time::timeout(LAST_SAVE_WITHIN, self.store.write_rollups(batch)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::info!(log = %self.log, error, "the last checkpoint was not written; more is read again");
            }
            Err(_) => tracing::info!(log = %self.log, "the last checkpoint was late; more is read again"),
        }
        Ok(())
    }

    /// Calls the store until it answers; the log keeps what is not reported yet. It says that it is stuck, so that another
    /// process whose store is there can do it.
    async fn retry<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut first = true;
        loop {
            match call().await {
                Err(error) if error.is_retryable() => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "the store is away; it is tried again");
                    self.reading.set_stuck(!std::mem::take(&mut first));
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                result => {
                    self.reading.set_stuck(false);
                    return result;
                }
            }
        }
    }
}

impl Progress {
    /// The place of the next checkpoint, if there is more to save than was.
    fn unsaved(&self) -> Option<LogCursor> {
        self.written.filter(|written| *written != self.saved)
    }
}

#[cfg(test)]
mod tests;
