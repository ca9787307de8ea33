//! Which partitions a process owns: rendezvous hashing over the workers heard from lately. Ownership is a hint; the log
//! decides whose records count.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::domain::Domain;
use super::owner::{Limits, Lost};
use super::partition::{Host, PartitionError, PartitionStatus, run_partition};
use crate::broker::{Broker, LogKind, LogName, subject};
use crate::payload::{self, HeartbeatWire, OwnedWire};
use crate::transport::{CoreEvent, TransportError};

/// How often a worker says that it is alive.
pub const HEARTBEAT_EVERY: Duration = Duration::from_millis(500);
/// How often a worker looks whether what it owns has changed, which it says at once.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// A worker not heard of for this long is taken for gone.
pub const WORKER_SILENCE: Duration = Duration::from_secs(2);
/// Waits between two claims of a log that keep failing.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);

/// How a worker takes part.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// This process's name among workers, another one each time it starts.
    pub worker: String,
    /// The kind of log that it owns.
    pub kind: LogKind,
    /// How long it listens for others before it claims anything. Zero where there cannot be any.
    pub settle: Duration,
    /// Limits of each owner.
    pub limits: Limits,
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

#[derive(Debug)]
struct Peer {
    heard_at: Instant,
    owned: HashMap<LogName, u64>,
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
    peers: HashMap<String, Peer>,
    running: HashMap<LogName, Running>,
    backoff: HashMap<LogName, Backoff>,
    beat_at: Option<Instant>,
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
    let mut heartbeats = broker.transport().subscribe(subject::HEARTBEAT).await?;
    let settled_at = Instant::now() + settings.settle;
    let mut worker = Worker {
        settings,
        broker,
        peers: HashMap::new(),
        running: HashMap::new(),
        backoff: HashMap::new(),
        beat_at: None,
        said: Vec::new(),
    };
    let mut tasks: JoinSet<Ended> = JoinSet::new();
    let mut ticker = tokio::time::interval(LOOK_EVERY);
    loop {
        if Instant::now() >= settled_at {
            for log in worker.to_start() {
                let stop = CancellationToken::new();
                let status = Arc::new(Mutex::new(PartitionStatus::default()));
                worker.running.insert(log, Running { stop: stop.clone(), status: status.clone() });
                let (broker, domain, host) = (worker.broker.clone(), domain.clone(), make_host(log));
                let (limits, name) = (worker.settings.limits, worker.settings.worker.clone());
                tasks.spawn(async move {
                    (log, run_partition(broker, log, domain, host, limits, &name, status, stop).await)
                });
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = ticker.tick() => worker.look().await,
            event = heartbeats.next() => worker.hear(event)?,
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
            .filter(|log| !self.running.contains_key(log) && self.is_mine(*log) && self.may_try(*log))
            .collect()
    }

    fn is_mine(&self, log: LogName) -> bool {
        let alive = self.peers.iter().filter(|(_, peer)| peer.heard_at.elapsed() < WORKER_SILENCE);
        let mine = weight(&self.settings.worker, log);
        alive.map(|(name, _)| weight(name, log)).all(|theirs| theirs < mine)
    }

    fn may_try(&self, log: LogName) -> bool {
        let waiting = self.backoff.get(&log).and_then(|backoff| backoff.not_before);
        waiting.is_none_or(|not_before| Instant::now() >= not_before)
    }

    /// Whoever was superseded does not claim again while it hears its successor.
    fn back_off(&mut self, log: LogName, superseded: bool) {
        let heard =
            self.peers.values().any(|peer| peer.heard_at.elapsed() < WORKER_SILENCE && peer.owned.contains_key(&log));
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
        let due = self.beat_at.is_none_or(|beat_at| beat_at.elapsed() >= HEARTBEAT_EVERY);
        if due || self.owned() != self.said {
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
        self.beat_at = Some(Instant::now());
        self.said = self.owned();
        let owned: Vec<OwnedWire> =
            self.running.iter().filter_map(|(log, running)| owned_wire(*log, &running.status.lock())).collect();
        for owned in &owned {
            if let Some(log) = LogName::parse(&owned.log) {
                self.backoff.remove(&log);
            }
        }
        let kinds = vec![self.settings.kind.as_str().to_owned()];
        let beat = HeartbeatWire { worker: self.settings.worker.clone(), kinds, bye, owned };
        if let Err(error) = self.broker.transport().publish(subject::HEARTBEAT, payload::encode(&beat)).await {
            tracing::debug!(%error, "a heartbeat was not sent");
        }
    }

    fn hear(&mut self, event: Option<CoreEvent>) -> Result<(), WorkerError> {
        let event = event.ok_or(WorkerError::Transport(TransportError::Closed))?;
        let Some(message) = event.into_message() else { return Ok(()) };
        let Ok(beat) = payload::decode::<HeartbeatWire>(&message.payload) else { return Ok(()) };
        if beat.worker == self.settings.worker || !beat.kinds.iter().any(|kind| kind == self.settings.kind.as_str()) {
            return Ok(());
        }
        if beat.bye {
            self.peers.remove(&beat.worker);
            return Ok(());
        }
        let owned = beat.owned.iter().filter_map(|owned| Some((LogName::parse(&owned.log)?, owned.generation)));
        let peer = Peer { heard_at: Instant::now(), owned: owned.collect() };
        self.peers.insert(beat.worker, peer);
        self.peers.retain(|_, peer| peer.heard_at.elapsed() < WORKER_SILENCE * 10);
        Ok(())
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

/// Rendezvous: the worker with the highest weight owns. `DefaultHasher::new` is the same in every process of a release;
/// between two releases a disagreement costs a claim and nothing else.
fn weight(worker: &str, log: LogName) -> (u64, String) {
    let mut hasher = DefaultHasher::new();
    worker.hash(&mut hasher);
    log.hash(&mut hasher);
    (hasher.finish(), worker.to_owned())
}
