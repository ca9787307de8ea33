//! The archiver: copies the log into the store.
//!
//! Each process that archives takes its share of the partitions, with one task each that reads the records that count, folds
//! them into rows ([`batch`], pure) and writes them with the checkpoint that covers them. Every row is stamped, so that
//! writing a stretch again changes nothing.

pub mod batch;
mod janitor;
mod metrics;
mod task;

use std::sync::Arc;
use std::time::Duration;

use kefu_nats::engine::{Gather, ReadError, ShareError, ShareSettings, run_share};
use kefu_nats::{Broker, LogKind};
use kefu_store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

use metrics::Metrics;
use task::Task;

/// How an archiver works.
#[derive(Debug, Clone)]
pub struct ArchiverConfig {
    /// This process's name among workers, another one each time it starts.
    pub worker: String,
    /// How long it listens for other archivers before it begins.
    pub settle: Duration,
    /// How many records become one batch.
    pub gather: Gather,
    /// How long records stay in the log at least, after they are in the store.
    pub log_retention: Duration,
}

impl ArchiverConfig {
    /// The defaults for a process of that name.
    #[must_use]
    pub fn new(worker: String, settle: Duration) -> Self {
        Self {
            worker,
            settle,
            gather: Gather {
                every: Duration::from_millis(50),
                busy: 8,
                at_most: Duration::from_millis(200),
                outcomes: 4_000,
            },
            log_retention: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}

/// Why an archiver cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A metric's name is taken.
    #[error("the archiver's metrics could not be registered")]
    Metrics(#[from] prometheus::Error),
}

/// Why an archiver ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum ArchiverError {
    /// The log.
    #[error("the log cannot be archived")]
    Read(#[from] ReadError),
    /// The store.
    #[error("the store failed for good")]
    Store(#[from] StoreError),
    /// The log and the store do not belong together.
    #[error("an outcome cannot be folded")]
    Fold(#[from] batch::FoldError),
}

/// An archiver, ready to serve.
pub struct Archiver {
    config: ArchiverConfig,
    broker: Broker,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
}

impl Archiver {
    /// Prepares an archiver.
    ///
    /// # Errors
    /// When its metrics are registered already.
    pub fn bind(
        config: ArchiverConfig,
        broker: Broker,
        store: Arc<dyn Store>,
        registry: &prometheus::Registry,
    ) -> Result<Self, BindError> {
        Ok(Self { config, broker, store, metrics: Arc::new(Metrics::register(registry)?) })
    }

    /// Archives its share of the partitions until `shutdown`. What was read and not written then is read again by whoever goes
    /// on.
    ///
    /// # Errors
    /// When a partition cannot be archived for good.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), ShareError<ArchiverError>> {
        let Self { config, broker, store, metrics } = self;
        let share = ShareSettings {
            worker: config.worker.clone(),
            work: "archive",
            kind: LogKind::Chat,
            settle: config.settle,
        };
        let archive = |log, reading| {
            let (broker, store, metrics) = (broker.clone(), store.clone(), metrics.clone());
            Task { gather: config.gather, broker, store, metrics, log, reading }.run()
        };
        tokio::select! {
            result = run_share(broker.clone(), share, archive, shutdown) => result,
            never = janitor::run(config.log_retention, &broker, &store, &metrics) => match never {},
        }
    }
}
