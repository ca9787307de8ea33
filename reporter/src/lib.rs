//! The reporter: folds the log into facts and reports.
//!
//! One task per partition reads the records that count and folds them into rollups ([`fold`], pure): absolute numbers by
//! 15-minute bucket and agent, so that writing a stretch again changes nothing.

pub mod fold;

use std::sync::Arc;
use std::time::Duration;

use kefu_model::reader::LogCursor;
use kefu_nats::engine::{Gather, LogReader, ReadError};
use kefu_nats::{Broker, LogKind, LogName};
use kefu_store::{Checkpoint, LogReader as Reader, RollupBatch, Store, StoreError};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use fold::{Fold, StateError};

/// How a reporter works.
#[derive(Debug, Clone)]
pub struct ReporterConfig {
    /// How many records become one batch.
    pub gather: Gather,
}

impl Default for ReporterConfig {
    fn default() -> Self {
        Self { gather: Gather::every(Duration::from_millis(500), 20_000) }
    }
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
    /// A task panicked.
    #[error("a reporter's task panicked")]
    Panicked(#[from] tokio::task::JoinError),
}

/// A reporter, ready to serve.
pub struct Reporter {
    config: ReporterConfig,
    broker: Broker,
    store: Arc<dyn Store>,
}

impl Reporter {
    /// Prepares a reporter.
    #[must_use]
    pub fn bind(config: ReporterConfig, broker: Broker, store: Arc<dyn Store>) -> Self {
        Self { config, broker, store }
    }

    /// Reports on every partition until `shutdown`.
    ///
    /// # Errors
    /// When a partition cannot be reported on for good.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), ReporterError> {
        let mut tasks = JoinSet::new();
        for log in self.broker.logs_of(LogKind::Chat) {
            let task =
                Task { config: self.config.clone(), broker: self.broker.clone(), store: self.store.clone(), log };
            tasks.spawn(task.run(shutdown.clone()));
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }
}

const RETRY_PAUSE: Duration = Duration::from_secs(1);

struct Task {
    config: ReporterConfig,
    broker: Broker,
    store: Arc<dyn Store>,
    log: LogName,
}

impl Task {
    async fn run(self, shutdown: CancellationToken) -> Result<(), ReporterError> {
        let checkpoint = retry(|| self.store.checkpoint(Reader::Reporter, self.log.partition)).await?;
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
            let window = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                window = reader.next_window(&self.config.gather) => window?,
            };
            let mut cursor = LogCursor::default();
            for record in &window {
                cursor = record.cursor;
                fold.fold(epoch, cursor.position, &record.chat_outcomes(self.log)?)?;
            }
            self.write(&mut fold, epoch, reader.log_id(), cursor).await?;
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
        retry(|| self.store.write_rollups(batch.clone())).await?;
        Ok(())
    }
}

/// Calls the store until it answers; the log keeps what is not reported yet.
async fn retry<T, F>(mut call: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    loop {
        match call().await {
            Err(error) if error.is_retryable() => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the store is away; it is tried again");
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            result => return result,
        }
    }
}
