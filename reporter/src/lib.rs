//! The reporter: folds the log into facts and reports.
//!
//! Each process that reports takes its share of the partitions, with one task each that reads the records that count and
//! folds them into rollups ([`fold`], pure): absolute numbers by 15-minute bucket and agent, each stamped with the last record
//! that changed it, so that writing a stretch again changes nothing. That is why the checkpoint, which carries the fold's
//! whole state, may be far behind the rows.

pub mod fold;
mod metrics;
mod task;

use std::sync::Arc;
use std::time::Duration;

use kefu_nats::engine::{Gather, ReadError, ShareError, ShareSettings, run_share};
use kefu_nats::{Broker, LogKind};
use kefu_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use fold::StateError;
use metrics::Metrics;
use task::Task;

/// How a reporter works.
#[derive(Debug, Clone)]
pub struct ReporterConfig {
    /// This process's name among workers, another one each time it starts.
    pub worker: String,
    /// How long it listens for other reporters before it begins.
    pub settle: Duration,
    /// How many records become one batch.
    pub gather: Gather,
    /// How often the checkpoint is written at most, with the fold's state; rows are written with each batch. A replay after a
    /// crash is as long.
    pub checkpoint_every: Duration,
}

impl ReporterConfig {
    /// The defaults for a process of that name.
    #[must_use]
    pub fn new(worker: String, settle: Duration) -> Self {
        Self {
            worker,
            settle,
            gather: Gather::every(Duration::from_millis(500), 20_000),
            checkpoint_every: Duration::from_secs(15),
        }
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
    metrics: Arc<Metrics>,
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
        Ok(Self { config, broker, store, metrics: Arc::new(Metrics::register(registry)?) })
    }

    /// Reports on its share of the partitions until `shutdown`.
    ///
    /// # Errors
    /// When a partition cannot be reported on for good.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), ShareError<ReporterError>> {
        let Self { config, broker, store, metrics } = self;
        let share =
            ShareSettings { worker: config.worker.clone(), work: "report", kind: LogKind::Chat, settle: config.settle };
        let report = |log, reading| {
            let (broker, store, metrics) = (broker.clone(), store.clone(), metrics.clone());
            let checkpoint_every = config.checkpoint_every;
            Task { gather: config.gather, checkpoint_every, broker, store, metrics, log, reading }.run()
        };
        run_share(broker.clone(), share, report, shutdown).await
    }
}
