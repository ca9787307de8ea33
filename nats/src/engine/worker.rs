//! Which partitions a process owns: its share among the workers heard from lately. Ownership is a hint; the log decides whose
//! records count.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::domain::Domain;
use super::members::{Members, WORKER_SILENCE};
use super::metrics::OwnerMetrics;
use super::owner::{Limits, Lost};
use super::partition::{Host, Ownership, PartitionError, PartitionStatus, run_partition};
use crate::broker::{Broker, LogKind, LogName};
use crate::payload::OwnedWire;
use crate::transport::TransportError;

/// How often a worker looks whether what it owns has changed, which it says at once.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// Waits between two claims of a log that keep failing.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// How a worker takes part.
#[derive(Clone)]
pub struct WorkerSettings {
    /// This process's name among workers, another one each time it starts.
    pub worker: String,
    /// The kind of log that it owns.
    pub kind: LogKind,
    /// How long it listens for others before it claims anything. Zero where there cannot be any.
    pub settle: Duration,
    /// Limits of each owner.
    pub limits: Limits,
    /// What is counted.
    pub metrics: OwnerMetrics,
}

/// Why a worker ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// A partition cannot be owned and trying again cannot help.
    #[error("a partition cannot be owned")]
    Partition(#[from] PartitionError),
    /// The broker.
    #[error("the broker failed a worker")]
    Transport(#[from] TransportError),
    /// A partition's task panicked.
    #[error("a partition's task panicked")]
    Panicked(#[from] tokio::task::JoinError),
}

struct Running {
    stop: CancellationToken,
    status: Arc<Mutex<PartitionStatus>>,
}

#[derive(Default)]
struct Backoff {
    delay: Duration,
    not_before: Option<Instant>,
}

struct Worker {
    settings: WorkerSettings,
    broker: Broker,
    members: Members,
    running: HashMap<LogName, Running>,
    backoff: HashMap<LogName, Backoff>,
    said: Vec<(LogName, u64)>,
}

type Ended = (LogName, Result<(), PartitionError>);

/// Owns this process's share of the logs of one kind until `shutdown`, then hands over.
///
/// # Errors
/// When a partition cannot be owned for good, or the broker is closed.
pub async fn run_worker<D, H, F>(
    broker: Broker,
    settings: WorkerSettings,
    domain: Arc<D>,
    make_host: F,
    shutdown: CancellationToken,
) -> Result<(), WorkerError>
where
    D: Domain,
    H: Host<D>,
    F: Fn(LogName) -> H + Send + Sync,
{
    let name = settings.worker.clone();
    let members = Members::join(broker.clone(), name, settings.kind.as_str(), settings.settle).await?;
    let (running, backoff) = (HashMap::new(), HashMap::new());
    let mut worker = Worker { settings, broker, members, running, backoff, said: Vec::new() };
    let mut tasks: JoinSet<Ended> = JoinSet::new();
    let mut ticker = tokio::time::interval(LOOK_EVERY);
    loop {
        for log in worker.to_start() {
            let stop = CancellationToken::new();
            let status = Arc::new(Mutex::new(PartitionStatus::default()));
            worker.running.insert(log, Running { stop: stop.clone(), status: status.clone() });
            let ownership = Ownership {
                broker: worker.broker.clone(),
                log,
                worker: worker.settings.worker.clone(),
                limits: worker.settings.limits,
                status,
                metrics: worker.settings.metrics.clone(),
            };
            let (domain, host) = (domain.clone(), make_host(log));
            tasks.spawn(async move { (log, run_partition(ownership, domain, host, stop).await) });
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = ticker.tick() => worker.look().await,
            heard = worker.members.hear() => heard?,
            Some(ended) = tasks.join_next() => worker.ended(ended?)?,
        }
    }
    worker.hand_over(&mut tasks).await
}

impl Worker {
    /// Logs that this worker should own and does not.
    fn to_start(&self) -> Vec<LogName> {
        self.broker
            .logs_of(self.settings.kind)
            .filter(|log| !self.running.contains_key(log) && self.members.is_mine(*log) && self.may_try(*log))
            .collect()
    }

    fn may_try(&self, log: LogName) -> bool {
        let waiting = self.backoff.get(&log).and_then(|backoff| backoff.not_before);
        waiting.is_none_or(|not_before| Instant::now() >= not_before)
    }

    /// Whoever was superseded does not claim again while it hears its successor.
    fn back_off(&mut self, log: LogName, superseded: bool) {
        let heard = self.members.is_owned_by_another(log);
        let backoff = self.backoff.entry(log).or_default();
        backoff.delay =
            if superseded && heard { WORKER_SILENCE } else { (backoff.delay * 2).clamp(RETRY_FIRST, RETRY_MAX) };
        backoff.not_before = Some(Instant::now() + backoff.delay);
    }

    fn ended(&mut self, (log, result): Ended) -> Result<(), WorkerError> {
        self.running.remove(&log);
        let Err(error) = result else { return Ok(()) };
        if error.is_final() {
            return Err(error.into());
        }
        tracing::warn!(%log, error = &error as &dyn std::error::Error, "a partition is no longer owned here");
        self.back_off(log, matches!(error, PartitionError::Lost { source: Lost::Superseded { .. }, .. }));
        Ok(())
    }

    async fn look(&mut self) {
        if self.members.is_due() || self.owned() != self.said {
            self.beat(false).await;
        }
    }

    fn owned(&self) -> Vec<(LogName, u64)> {
        let owned = self.running.iter().map(|(log, running)| (*log, running.status.lock().generation));
        let mut owned: Vec<(LogName, u64)> = owned.filter(|(_, generation)| *generation > 0).collect();
        owned.sort_unstable();
        owned
    }

    async fn beat(&mut self, bye: bool) {
        self.said = self.owned();
        let owned: Vec<OwnedWire> =
            self.running.iter().filter_map(|(log, running)| owned_wire(*log, &running.status.lock())).collect();
        for owned in &owned {
            if let Some(log) = LogName::parse(&owned.log) {
                self.backoff.remove(&log);
            }
        }
        self.members.beat(bye, owned).await;
    }

    async fn hand_over(mut self, tasks: &mut JoinSet<Ended>) -> Result<(), WorkerError> {
        for running in self.running.values() {
            running.stop.cancel();
        }
        while let Some(ended) = tasks.join_next().await {
            let (log, result) = ended?;
            self.running.remove(&log);
            if let Err(error) = result {
                tracing::warn!(%log, error = &error as &dyn std::error::Error, "a partition was lost while handing over");
            }
        }
        self.beat(true).await;
        Ok(())
    }
}

fn owned_wire(log: LogName, status: &PartitionStatus) -> Option<OwnedWire> {
    (status.generation > 0).then(|| OwnedWire {
        log: log.to_string(),
        generation: status.generation,
        ordinal: status.ordinal,
        position: status.position,
        archived: status.archived,
        numbers: status.numbers.clone(),
    })
}
