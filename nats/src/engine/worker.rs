//! Which partitions a process owns: its share among the workers heard from lately. Ownership is a hint; the log decides whose
//! records count.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::budget::Budget;
use super::domain::Domain;
use super::host::Host;
use super::members::{HEARTBEAT_EVERY, Members};
use super::metrics::OwnerMetrics;
use super::owner::{Limits, Lost};
use super::partition::{Ownership, PartitionError, PartitionStatus, run_partition};
use super::ranks::{PASS_AFTER, Word};
use crate::broker::{Broker, LogKind, LogName};
use crate::payload::OwnedWire;
use crate::transport::TransportError;

/// How often a worker looks whether what it owns has changed, which it says at once.
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// Waits between two claims of a log that keep failing.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(2);
/// Wait after a foreign claim: as long as it takes to hear of who wrote it.
const SUPERSEDED_WAIT: Duration = Duration::from_millis(500);
/// Who has owned a log for so long owns it without trouble: the next time that it is lost is the first one again. Two workers
/// that do not hear one another take a log from each other more and more seldom.
const OWNED_FOR_GOOD: Duration = Duration::from_secs(5);
/// What passes from one worker to another as planned passes in so many steps: each log's pause is short when the machines are
/// not busy with all of them at once.
const STEPS: usize = 8;
/// How long a log that was lost, or could not be opened, is left to another one who holds it.
const LEAVE_FOR: Duration = Duration::from_secs(30);

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
    owned_since: Option<Instant>,
    status: Arc<Mutex<PartitionStatus>>,
}

#[derive(Default)]
struct Backoff {
    delay: Duration,
    not_before: Option<Instant>,
    /// Until then it is left to another one who holds it.
    leave_until: Option<Instant>,
}

struct Worker {
    settings: WorkerSettings,
    broker: Broker,
    members: Members,
    budget: Budget,
    running: HashMap<LogName, Running>,
    backoff: HashMap<LogName, Backoff>,
    /// The generations that were said last.
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
    let members = Members::join(broker.clone(), name, settings.kind.as_str(), settings.kind, settings.settle).await?;
    let (running, backoff) = (HashMap::new(), HashMap::new());
    let mut worker = Worker {
        budget: Budget::new(settings.limits.tails_max_bytes),
        settings,
        broker,
        members,
        running,
        backoff,
        said: Vec::new(),
    };
    let mut tasks: JoinSet<Ended> = JoinSet::new();
    let mut ticker = tokio::time::interval(LOOK_EVERY);
    loop {
        worker.give_way();
        for log in worker.to_start() {
            let stop = CancellationToken::new();
            let status = Arc::new(Mutex::new(PartitionStatus::default()));
            worker.running.insert(log, Running { stop: stop.clone(), owned_since: None, status: status.clone() });
            let ownership = Ownership {
                broker: worker.broker.clone(),
                log,
                worker: worker.settings.worker.clone(),
                limits: worker.settings.limits,
                budget: worker.budget.clone(),
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
    /// Logs that this worker should own and does not. Of those that another one holds meanwhile, some at a time.
    fn to_start(&self) -> Vec<LogName> {
        let logs: Vec<LogName> = self.broker.logs_of(self.settings.kind).collect();
        let claiming = self.running.values().filter(|running| running.status.lock().generation == 0).count();
        let mut room = at_a_time(logs.len()).saturating_sub(claiming);
        let mut is_next = |log: LogName| {
            let is_held = self.members.is_held_by_another(log);
            let is_next = !is_held || room > 0;
            room = room.saturating_sub(usize::from(is_held));
            is_next
        };
        let should =
            |log: &LogName| !self.running.contains_key(log) && self.members.may_begin(*log) && self.may_try(*log);
        logs.into_iter().filter(|log| should(log) && is_next(*log)).collect()
    }

    /// Logs that are not claimed yet are left to whoever has them by now, or may have.
    fn give_way(&mut self) {
        let holds = self.running.iter().filter(|(_, running)| running.status.lock().opened);
        self.members.look(holds.map(|(log, _)| *log).collect());
        for (log, running) in &self.running {
            if !running.status.lock().opened && !self.members.may_begin(*log) {
                running.stop.cancel();
            }
        }
    }

    fn may_try(&self, log: LogName) -> bool {
        let Some(backoff) = self.backoff.get(&log) else { return true };
        let (now, held) = (Instant::now(), self.members.is_held_by_another(log));
        let waits = |until: Option<Instant>| until.is_some_and(|until| now < until);
        !(waits(backoff.not_before) || (held && waits(backoff.leave_until)))
    }

    /// Whoever was superseded, or cannot open a log, does not claim it soon while it hears who has it. One who would only
    /// stand in for another tries less often than that one.
    fn back_off(&mut self, log: LogName, superseded: bool) {
        let (now, first) = (Instant::now(), self.members.is_first(log));
        let backoff = self.backoff.entry(log).or_default();
        let least = if superseded { SUPERSEDED_WAIT } else { RETRY_FIRST };
        backoff.delay = if first { (backoff.delay * 2).clamp(least, RETRY_MAX) } else { PASS_AFTER };
        backoff.not_before = Some(now + backoff.delay);
        backoff.leave_until = Some(now + LEAVE_FOR);
    }

    fn ended(&mut self, (log, result): Ended) -> Result<(), WorkerError> {
        self.running.remove(&log);
        let Err(error) = result else { return Ok(()) };
        if error.is_final() {
            return Err(error.into());
        }
        let told = &error as &dyn std::error::Error;
        if self.backoff.contains_key(&log) {
            tracing::debug!(%log, error = told, "a partition is still not owned here");
        } else {
            tracing::warn!(%log, error = told, "a partition is no longer owned here");
        }
        self.back_off(log, matches!(error, PartitionError::Lost { source: Lost::Superseded { .. }, .. }));
        Ok(())
    }

    async fn look(&mut self) {
        let word = self.word(false);
        if self.members.is_due(&word) || self.owned() != self.said {
            self.beat(word).await;
        }
    }

    /// What it says of itself.
    fn word(&self, leaving: bool) -> Word {
        let opened = self.running.iter().filter(|(_, running)| running.status.lock().opened);
        Word { holds: opened.map(|(log, _)| *log).collect::<HashSet<_>>(), leaving }
    }

    fn owned(&self) -> Vec<(LogName, u64)> {
        let owned = self.running.iter().map(|(log, running)| (*log, running.status.lock().generation));
        let mut owned: Vec<(LogName, u64)> = owned.filter(|(_, generation)| *generation > 0).collect();
        owned.sort_unstable();
        owned
    }

    async fn beat(&mut self, word: Word) {
        self.said = self.owned();
        let owned: Vec<OwnedWire> =
            self.running.iter().filter_map(|(log, running)| owned_wire(*log, &running.status.lock())).collect();
        for (log, running) in &mut self.running {
            if running.status.lock().generation > 0
                && running.owned_since.get_or_insert_with(Instant::now).elapsed() >= OWNED_FOR_GOOD
            {
                self.backoff.remove(log);
            }
        }
        self.members.beat(word, owned).await;
    }

    /// Gives up all logs, some at a time, and says of each that it is free as soon as it is. One that takes long is not waited
    /// for before the next.
    async fn hand_over(mut self, tasks: &mut JoinSet<Ended>) -> Result<(), WorkerError> {
        let at_a_time = at_a_time(self.running.len());
        let mut room = at_a_time;
        while !tasks.is_empty() {
            let next = self.running.values().filter(|running| !running.stop.is_cancelled());
            next.take(room).for_each(|running| running.stop.cancel());
            let word = self.word(true);
            self.beat(word).await;
            let ended = tokio::time::timeout(HEARTBEAT_EVERY, tasks.join_next()).await.ok().flatten();
            let ended: Vec<_> = ended.into_iter().chain(std::iter::from_fn(|| tasks.try_join_next())).collect();
            room = if ended.is_empty() { at_a_time } else { ended.len() };
            for ended in ended {
                let (log, result) = ended?;
                self.running.remove(&log);
                if let Err(error) = result {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(%log, error, "a partition was lost while handing over");
                }
            }
        }
        self.members.bye().await;
        Ok(())
    }
}

/// How many of so many logs are one step.
fn at_a_time(logs: usize) -> usize {
    logs.div_ceil(STEPS)
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
