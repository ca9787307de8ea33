//! The one thread that writes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::SqliteConfig;
use crate::error::StoreError;

/// Most writes in one transaction.
const GROUP_WRITES: usize = 256;
/// No further write joins a transaction that has taken this long.
const GROUP_TIME: Duration = Duration::from_millis(20);
/// How long a failure is told when nobody tries again; whoever has to write does, at least every two seconds.
const FAILURE_COUNTS: Duration = Duration::from_secs(10);

/// A queued write: runs inside a transaction, is answered after the commit.
trait Job: Send {
    /// Does the work; says whether it may be committed.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Answers: with the work's own result, or with the error that undid it.
    fn finish(self: Box<Self>, undone: Option<StoreError>);
}

struct Write<T, F> {
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T, StoreError> + Send> Job for Write<T, F> {
    fn run(&mut self, connection: &Connection) -> bool {
        if let Some(work) = self.work.take() {
            self.result = Some(work(connection));
        }
        matches!(self.result, Some(Ok(_)))
    }

    fn finish(self: Box<Self>, undone: Option<StoreError>) {
        let result = match (self.result, undone) {
            (Some(Err(error)), _) => Err(error),
            (_, Some(error)) => Err(error),
            (Some(ok), None) => ok,
            (None, None) => Err(StoreError::Closed),
        };
        // Whoever gave up waiting does not want the answer.
        let _ = self.reply.send(result);
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    ended: tokio::sync::Mutex<Option<oneshot::Receiver<()>>>,
    queue_wait: Duration,
    queue_writes: usize,
    failure: Arc<Mutex<Option<Failure>>>,
}

/// The last group of writes that failed, unless one was committed since.
#[derive(Debug)]
struct Failure {
    error: StoreError,
    at: Instant,
}

impl Writer {
    pub(super) fn spawn(connection: Connection, config: &SqliteConfig) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(config.queue_writes);
        let (ending, ended) = oneshot::channel();
        let failure = Arc::default();
        let noted = Arc::clone(&failure);
        std::thread::Builder::new()
            .name("kefu-store".into())
            .spawn(move || {
                serve(&connection, jobs, &noted);
                if let Err((_, error)) = connection.close() {
                    tracing::warn!(%error, "the store was not closed cleanly");
                }
                let _ = ending.send(());
            })
            .map_err(|error| StoreError::Backend(format!("no thread for the writer: {error}")))?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            ended: tokio::sync::Mutex::new(Some(ended)),
            queue_wait: config.queue_wait,
            queue_writes: config.queue_writes,
            failure,
        })
    }

    /// Whether writes are taken, and did not fail a moment ago. Who only reads does not see that nobody can write.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match &*self.queue.lock() {
            Some(queue) if !queue.is_closed() => {}
            _ => return Err(StoreError::Closed),
        }
        match &*self.failure.lock() {
            Some(failure) if failure.at.elapsed() < FAILURE_COUNTS => Err(copy_of(&failure.error)),
            _ => Ok(()),
        }
    }

    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let queue = self.queue.lock().clone().ok_or(StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let place = match tokio::time::timeout(self.queue_wait, queue.reserve()).await {
            Err(_) => return Err(StoreError::Overloaded { limit: self.queue_writes }),
            Ok(Err(_)) => return Err(StoreError::Closed),
            Ok(Ok(place)) => place,
        };
        place.send(Box::new(Write { work: Some(work), result: None, reply }));
        drop(queue);
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Takes no more writes, finishes the ones it has.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        self.queue.lock().take();
        if let Some(ended) = self.ended.lock().await.take() {
            ended.await.map_err(|_| StoreError::Backend("the writer died".into()))?;
        }
        Ok(())
    }
}

fn serve(connection: &Connection, mut jobs: mpsc::Receiver<Box<dyn Job>>, failure: &Mutex<Option<Failure>>) {
    while let Some(first) = jobs.blocking_recv() {
        let error = commit_group(connection, first, &mut jobs).err();
        *failure.lock() = error.map(|error| Failure { error, at: Instant::now() });
    }
}

/// Runs what is queued in one transaction and answers after its commit.
fn commit_group(
    connection: &Connection,
    first: Box<dyn Job>,
    jobs: &mut mpsc::Receiver<Box<dyn Job>>,
) -> Result<(), StoreError> {
    let started = Instant::now();
    let mut group = Vec::new();
    let mut outcome = connection.execute_batch("BEGIN IMMEDIATE").map_err(StoreError::from);
    let mut next = Some(first);
    while let Some(mut job) = next.take() {
        if outcome.is_ok() {
            outcome = run_one(connection, job.as_mut());
        }
        group.push(job);
        if outcome.is_ok() && group.len() < GROUP_WRITES && started.elapsed() < GROUP_TIME {
            next = jobs.try_recv().ok();
        }
    }
    let outcome = outcome.and_then(|()| connection.execute_batch("COMMIT").map_err(StoreError::from));
    if outcome.is_err() && !connection.is_autocommit() {
        // The transaction is over either way; when the rollback fails, so will the next BEGIN, with the reason.
        let _ = connection.execute_batch("ROLLBACK");
    }
    let undone = outcome.err();
    for job in group {
        job.finish(undone.as_ref().map(copy_of));
    }
    undone.map_or(Ok(()), Err)
}

/// Runs one write so that its failure undoes only itself. An error here undoes the whole group.
fn run_one(connection: &Connection, job: &mut dyn Job) -> Result<(), StoreError> {
    connection.prepare_cached("SAVEPOINT job")?.execute(())?;
    let keep = job.run(connection);
    if connection.is_autocommit() {
        return Err(StoreError::Unavailable("the transaction was rolled back".into()));
    }
    if !keep {
        connection.prepare_cached("ROLLBACK TO job")?.execute(())?;
    }
    connection.prepare_cached("RELEASE job")?.execute(())?;
    Ok(())
}

/// The same error for each of a group.
fn copy_of(error: &StoreError) -> StoreError {
    match error {
        StoreError::DiskFull => StoreError::DiskFull,
        StoreError::ReadOnly => StoreError::ReadOnly,
        StoreError::Unavailable(why) => StoreError::Unavailable(why.clone()),
        other => StoreError::Backend(other.to_string()),
    }
}
