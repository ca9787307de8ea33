//! The router: decides conversations and delivers their outcomes.
//!
//! One owner per partition (`kefu_nats::engine`) decides; this crate gives it the conversations' decider, loads what it
//! needs from the store, and delivers what counts to the edges that follow a conversation.

mod domain;
mod host;
mod loader;
mod metrics;

use std::sync::Arc;
use std::time::Duration;

use kefu_nats::engine::worker::{WorkerError, WorkerSettings, run_worker};
use kefu_nats::engine::{Limits, OwnerMetrics};
use kefu_nats::{Broker, LogKind};
use kefu_store::Store;
use tokio_util::sync::CancellationToken;

pub use domain::{ChatAnswer, ChatCommand, ChatState, Chats};
use host::ChatHost;
use metrics::Metrics;

/// How a router takes part.
#[derive(Debug, Clone)]
pub struct RouterConfig {
    /// This process's name among workers, another one each time it starts.
    pub worker: String,
    /// How long it listens for other routers before it claims partitions.
    pub settle: Duration,
    /// Limits of each partition's owner.
    pub limits: Limits,
}

/// Why a router cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A metric's name is taken.
    #[error("the router's metrics could not be registered")]
    Metrics(#[from] prometheus::Error),
}

/// A router, ready to serve.
pub struct Router {
    broker: Broker,
    store: Arc<dyn Store>,
    config: RouterConfig,
    metrics: Arc<Metrics>,
    owner_metrics: OwnerMetrics,
}

impl Router {
    /// Prepares a router.
    ///
    /// # Errors
    /// When its metrics are registered already.
    pub fn bind(
        config: RouterConfig,
        broker: Broker,
        store: Arc<dyn Store>,
        registry: &prometheus::Registry,
    ) -> Result<Self, BindError> {
        let metrics = Arc::new(Metrics::register(registry)?);
        let owner_metrics = OwnerMetrics::register(registry, LogKind::Chat)?;
        Ok(Self { broker, store, config, metrics, owner_metrics })
    }

    /// Owns this process's share of the conversations until `shutdown`, then hands over.
    ///
    /// # Errors
    /// When a partition cannot be owned for good.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), WorkerError> {
        let settings = WorkerSettings {
            worker: self.config.worker.clone(),
            kind: LogKind::Chat,
            settle: self.config.settle,
            limits: self.config.limits,
            metrics: self.owner_metrics,
        };
        let (broker, store, metrics) = (self.broker.clone(), self.store, self.metrics);
        let make_host = move |log| ChatHost::new(broker.clone(), log, store.clone(), metrics.clone());
        run_worker(self.broker, settings, Arc::new(Chats), make_host, shutdown).await
    }
}

/// Where a reader starts behind a checkpoint.
fn start_of(checkpoint: &kefu_store::Checkpoint) -> kefu_nats::engine::Start {
    kefu_nats::engine::Start { epoch: checkpoint.epoch, log_id: Some(checkpoint.log_id), cursor: checkpoint.cursor() }
}
