//! Sharing the reading of logs: of the processes that do the same work on them, each log has one.
//!
//! Unlike an owner's claim nothing keeps two processes from reading one log at once, so what they write has to be stamped.

use std::collections::HashMap;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::members::Members;
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

/// Runs `work` on this process's share of the logs until `shutdown`. Each is told by its token to end; it ends by itself only
/// with an error.
///
/// # Errors
/// The first error of the work; the broker's.
pub async fn run_share<F, E>(
    broker: Broker,
    settings: ShareSettings,
    work: impl Fn(LogName, CancellationToken) -> F,
    shutdown: CancellationToken,
) -> Result<(), ShareError<E>>
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: std::error::Error + Send + 'static,
{
    let logs: Vec<LogName> = broker.logs_of(settings.kind).collect();
    let mut members = Members::join(broker, settings.worker, settings.work, settings.settle).await?;
    let mut running: HashMap<LogName, CancellationToken> = HashMap::new();
    let mut tasks: JoinSet<(LogName, Result<(), E>)> = JoinSet::new();
    let mut ticker = tokio::time::interval(LOOK_EVERY);
    loop {
        if members.is_due() {
            members.beat(false, Vec::new()).await;
        }
        for log in &logs {
            match (members.is_mine(*log), running.get(log)) {
                (true, None) => {
                    let stop = CancellationToken::new();
                    running.insert(*log, stop.clone());
                    let (log, work) = (*log, work(*log, stop));
                    tasks.spawn(async move { (log, work.await) });
                }
                (false, Some(stop)) => stop.cancel(),
                _ => {}
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = ticker.tick() => {}
            heard = members.hear() => heard?,
            Some(ended) = tasks.join_next() => {
                let (log, result) = ended?;
                result.map_err(ShareError::Work)?;
                running.remove(&log);
            }
        }
    }
    running.values().for_each(CancellationToken::cancel);
    let mut failed = None;
    while let Some(ended) = tasks.join_next().await {
        failed = failed.or(ended?.1.err());
    }
    members.beat(true, Vec::new()).await;
    failed.map_or(Ok(()), |error| Err(ShareError::Work(error)))
}
