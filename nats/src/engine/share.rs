//! Sharing the reading of logs: of the processes that do the same work on them, each log has one.
//!
//! Unlike an owner's claim nothing keeps two processes from reading one log at once, so what they write has to be stamped.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::members::{HEARTBEAT_EVERY, Members};
use super::ranks::Word;
use crate::broker::{Broker, LogKind, LogName};
use crate::transport::TransportError;

/// How often it is looked whose the logs are.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How a process takes part in reading logs.
#[derive(Debug, Clone)]
pub struct ShareSettings {
    /// This process's name among workers, another one each time it starts.
    pub worker: String,
    /// The work, the same in every process that does it and no other work's.
    pub work: &'static str,
    /// The kind of log.
    pub kind: LogKind,
    /// How long it listens for others before it begins. Zero where there cannot be any.
    pub settle: Duration,
}

/// Why a process reads its share no more.
#[derive(Debug, thiserror::Error)]
pub enum ShareError<E: std::error::Error + 'static> {
    /// The work on a log failed for good.
    #[error(transparent)]
    Work(E),
    /// The broker.
    #[error("the broker failed a reader")]
    Transport(#[from] TransportError),
    /// A log's task panicked.
    #[error("a log's task panicked")]
    Panicked(#[from] tokio::task::JoinError),
}

/// One log's turn, as the work on it sees it.
#[derive(Debug, Clone)]
pub struct Reading {
    stop: CancellationToken,
    stuck: Arc<AtomicBool>,
}

impl Reading {
    /// One that nobody asked to end.
    #[must_use]
    pub fn new(stop: CancellationToken) -> Self {
        Self { stop, stuck: Arc::default() }
    }

    /// Tells the work to end.
    #[must_use]
    pub fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// The work says whether it gets on. While it does not for long, another process may read the log too.
    pub fn set_stuck(&self, stuck: bool) {
        self.stuck.store(stuck, Ordering::Relaxed);
    }

    /// Whether the work said that it does not get on.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed)
    }
}

/// Runs `work` on this process's share of the logs until `shutdown`. Each is told by its [`Reading`] to end; it ends by itself
/// only with an error.
///
/// # Errors
/// The first error of the work; the broker's.
pub async fn run_share<F, E>(
    broker: Broker,
    settings: ShareSettings,
    work: impl Fn(LogName, Reading) -> F,
    shutdown: CancellationToken,
) -> Result<(), ShareError<E>>
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: std::error::Error + Send + 'static,
{
    let logs: Vec<LogName> = broker.logs_of(settings.kind).collect();
    let ShareSettings { worker, work: name, kind, settle } = settings;
    let mut members = Members::join(broker, worker, name, kind, settle).await?;
    let mut running: HashMap<LogName, Reading> = HashMap::new();
    let mut tasks: JoinSet<(LogName, Result<(), E>)> = JoinSet::new();
    let mut ticker = tokio::time::interval(LOOK_EVERY);
    loop {
        members.look(word(&running, false).holds);
        for log in &logs {
            match running.get(log) {
                None if members.may_begin(*log) => {
                    tracing::info!(%log, work = name, "reading");
                    let reading = Reading::new(CancellationToken::new());
                    running.insert(*log, reading.clone());
                    let (log, work) = (*log, work(*log, reading));
                    tasks.spawn(async move { (log, work.await) });
                }
                Some(reading) if !members.may_go_on(*log) => reading.stop.cancel(),
                _ => {}
            }
        }
        let word = word(&running, false);
        if members.is_due(&word) {
            members.beat(word, Vec::new()).await;
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = ticker.tick() => {}
            heard = members.hear() => heard?,
            Some(ended) = tasks.join_next() => {
                let (log, result) = ended?;
                result.map_err(ShareError::Work)?;
                tracing::info!(%log, work = name, "not reading any more");
                running.remove(&log);
            }
        }
    }
    running.values().for_each(|reading| reading.stop.cancel());
    let mut failed = None;
    while !tasks.is_empty() {
        members.beat(word(&running, true), Vec::new()).await;
        let ended = tokio::time::timeout(HEARTBEAT_EVERY, tasks.join_next()).await.ok().flatten();
        for ended in ended.into_iter().chain(std::iter::from_fn(|| tasks.try_join_next())) {
            let (log, result) = ended?;
            running.remove(&log);
            failed = failed.or(result.err());
        }
    }
    members.bye().await;
    failed.map_or(Ok(()), |error| Err(ShareError::Work(error)))
}

/// What a process says of itself: it holds what it reads and gets on with.
fn word(running: &HashMap<LogName, Reading>, leaving: bool) -> Word {
    let holds = running.iter().filter(|(_, reading)| !reading.is_stuck());
    Word { holds: holds.map(|(log, _)| *log).collect(), leaving }
}
