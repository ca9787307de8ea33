//! The assigner: gives each visitor the right agent.
//!
//! It owns the allocation logs (`kefu_nats::engine`). Its inputs are agents' commands from edges, leases that ran out in
//! `live`, and session outcomes that it reads from the conversation logs; what it owes to conversations (assign, transfer,
//! requeue) it sends as commands until their outcome is read.

mod domain;
mod facts;
mod host;
mod leases;
mod loader;
mod metrics;
mod observe;
mod owed;
pub mod reopen;

use std::sync::Arc;
use std::time::Duration;

use kefu_live::Live;
use kefu_model::allocation::Settings;
use kefu_nats::engine::worker::{WorkerError, WorkerSettings, run_worker};
use kefu_nats::engine::{Limits, OwnerMetrics};
use kefu_nats::{Broker, Link, LogKind};
use kefu_store::Store;
use tokio_util::sync::CancellationToken;

use domain::Allocations;
use host::AllocationHost;
use metrics::Metrics;

/// How an assigner takes part.
#[derive(Debug, Clone)]
pub struct AssignerConfig {
    /// This process's name among workers, another one each time it starts.
    pub worker: String,
    /// How long it listens for other assigners before it claims partitions.
    pub settle: Duration,
    /// How allocation behaves.
    pub settings: Settings,
}

/// What an assigner works with.
#[derive(Clone)]
pub struct AssignerHandles {
    /// The broker.
    pub broker: Broker,
    /// Sends commands to conversations.
    pub link: Link,
    /// Keeps checkpoints.
    pub store: Arc<dyn Store>,
    /// Knows which agents are here.
    pub live: Arc<dyn Live>,
}

/// Why an assigner cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A metric's name is taken.
    #[error("the assigner's metrics could not be registered")]
    Metrics(#[from] prometheus::Error),
}

/// An assigner, ready to serve.
pub struct Assigner {
    config: AssignerConfig,
    handles: AssignerHandles,
    metrics: Arc<Metrics>,
    owner_metrics: OwnerMetrics,
}

impl Assigner {
    /// Prepares an assigner.
    ///
    /// # Errors
    /// When its metrics are registered already.
    pub fn bind(
        config: AssignerConfig,
        handles: AssignerHandles,
        registry: &prometheus::Registry,
    ) -> Result<Self, BindError> {
        let metrics = Arc::new(Metrics::register(registry)?);
        let owner_metrics = OwnerMetrics::register(registry, LogKind::Allocation)?;
        Ok(Self { config, handles, metrics, owner_metrics })
    }

    /// Owns this process's share of the tenants until `shutdown`, then hands over.
    ///
    /// # Errors
    /// When a partition cannot be owned for good.
    pub async fn serve(self, shutdown: CancellationToken) -> Result<(), WorkerError> {
        // Allocation is small and always needed: its states stay hot.
        let limits = Limits { hot_idle_ms: u64::MAX, hot_states: usize::MAX, tail_bytes: 0, ..Limits::default() };
        let settings = WorkerSettings {
            worker: self.config.worker,
            kind: LogKind::Allocation,
            settle: self.config.settle,
            limits,
            metrics: self.owner_metrics,
        };
        let (handles, metrics) = (self.handles.clone(), self.metrics);
        let make_host = move |log| AllocationHost::new(handles.clone(), log, metrics.clone());
        let domain = Arc::new(Allocations { settings: self.config.settings });
        run_worker(self.handles.broker, settings, domain, make_host, shutdown).await
    }
}
