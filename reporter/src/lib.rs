//! The reporter: folds the log into facts and reports.
//!
//! Each process that reports takes its share of the partitions, with one task each that reads the records that count and
//! folds them into rollups ([`fold`], pure): absolute numbers by 15-minute bucket and agent, so that writing a stretch again
//! changes nothing.

pub mod fold;

use std::sync::Arc;
use std::time::Duration;

use kefu_model::reader::LogCursor;
use kefu_nats::engine::{Gather, LogReader, ReadError, Reading, ShareError, ShareSettings, run_share};
use kefu_nats::{Broker, LogKind, LogName};
use kefu_store::{Checkpoint, LogReader as Reader, RollupBatch, Store, StoreError};
use prometheus::{IntGaugeVec, Opts};
use tokio_util::sync::CancellationToken;

use fold::{Fold, StateError};

/// How a reporter works.
#[derive(Debug, Clone)]
pub struct ReporterConfig {
    /// This process's name among workers, another one each time it starts.
    pub worker: String,
    /// How long it listens for other reporters before it begins.
    pub settle: Duration,
    /// How many records become one batch.
    pub gather: Gather,
}

impl ReporterConfig {
    /// The defaults for a process of that name.
    #[must_use]
    pub fn new(worker: String, settle: Duration) -> Self {
        Self { worker, settle, gather: Gather::every(Duration::from_millis(500), 20_000) }
    }
}

/// Why a reporter cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A metric's name is taken.
    #[error("the reporter's metrics could not be registered")]
    Metrics(#[from] prometheus::Error),
}

/// Why a reporter ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ReporterError {
    /// The log.
    #[error("the log cannot be reported on")]
    Read(#[from] ReadError),
    /// The store.
    #[error("the store failed for good")]
    Store(#[from] StoreError),
    /// The checkpoint's state.
    #[error("the reporter's own state cannot be read")]
    State(#[from] StateError),
}

/// A reporter, ready to serve.
pub struct Reporter {
    config: ReporterConfig,
    broker: Broker,
    store: Arc<dyn Store>,
    position: IntGaugeVec,
}

impl Reporter {
    /// Prepares a reporter.
    ///
    /// # Errors
    /// When its metrics are registered already.
    pub fn bind(
        config: ReporterConfig,
        broker: Broker,
        store: Arc<dyn Store>,
        registry: &prometheus::Registry,
    ) -> Result<Self, BindError> {
        let about = Opts::new("kefu_reporter_position_records", "The last record folded of a log reported on here");
        let position = IntGaugeVec::new(about, &["log"])?;
        registry.register(Box::new(position.clone()))?;
        Ok(Self { config, broker, store, position })
    }

    /// Reports on its share of the partitions until `shutdown`.
    ///
    /// # Errors
    /// When a partition cannot be reported on for good.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), ShareError<ReporterError>> {
        let Self { config, broker, store, position } = self;
        let share =
            ShareSettings { worker: config.worker.clone(), work: "report", kind: LogKind::Chat, settle: config.settle };
        let report = |log, reading| {
            let (broker, store, position) = (broker.clone(), store.clone(), position.clone());
            Task { gather: config.gather, broker, store, position, log, reading }.run()
        };
        run_share(broker.clone(), share, report, shutdown).await
    }
}

const RETRY_PAUSE: Duration = Duration::from_secs(1);

struct Task {
    gather: Gather,
    broker: Broker,
    store: Arc<dyn Store>,
    position: IntGaugeVec,
    log: LogName,
    reading: Reading,
}

impl Task {
    /// Reports until it is told to stop. What was read and not written then is read again by whoever goes on.
    async fn run(self) -> Result<(), ReporterError> {
        let result = self.reading.stop().run_until_cancelled(self.report()).await.unwrap_or(Ok(()));
        let _ = self.position.remove_label_values(&[self.log.to_string()]);
        result
    }

    async fn report(&self) -> Result<(), ReporterError> {
        let checkpoint = self.retry(|| self.store.checkpoint(Reader::Reporter, self.log.partition)).await?;
        let epoch = checkpoint.as_ref().map_or(1, |checkpoint| checkpoint.epoch);
        let mut fold = match &checkpoint {
            Some(checkpoint) if !checkpoint.state.is_empty() => {
                Fold::from_state(self.log.partition, &checkpoint.state)?
            }
            // Nothing was reported yet: at the first start, or where an operator opened the next epoch before that.
            _ => Fold::new(self.log.partition),
        };
        let log_id = checkpoint.as_ref().map(|checkpoint| checkpoint.log_id);
        let cursor = checkpoint.as_ref().map(Checkpoint::cursor).unwrap_or_default();
        let mut reader = LogReader::open(&self.broker, self.log, log_id, cursor).await?;
        loop {
            let window = reader.next_window(&self.gather).await?;
            let mut cursor = LogCursor::default();
            for record in &window {
                cursor = record.cursor;
                fold.fold(epoch, cursor.position, &record.chat_outcomes(self.log)?)?;
            }
            self.write(&mut fold, epoch, reader.log_id(), cursor).await?;
            let position = i64::try_from(cursor.position).unwrap_or(i64::MAX);
            self.position.with_label_values(&[self.log.to_string()]).set(position);
        }
    }

    async fn write(
        &self,
        fold: &mut Fold,
        epoch: u64,
        log_id: [u8; 16],
        cursor: LogCursor,
    ) -> Result<(), ReporterError> {
        let rows = fold.take_rows();
        let checkpoint = Checkpoint {
            reader: Reader::Reporter,
            partition: self.log.partition,
            epoch,
            log_id,
            position: cursor.position,
            generation: cursor.generation,
            ordinal: cursor.ordinal,
            state: fold.to_state()?,
        };
        let batch = RollupBatch { rows, checkpoint: Some(checkpoint) };
        self.retry(|| self.store.write_rollups(batch.clone())).await?;
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
                    if first {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "the store is away; it is tried until it is back"
                        );
                    }
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
