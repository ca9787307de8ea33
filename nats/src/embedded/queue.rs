//! The bounded way from the callers to the writer thread.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::stream::Stream;
use crate::transport::{Position, StreamSpec, TicketSender, TransportError};

/// How many bytes of payloads may wait for the writer, over all streams.
pub(super) const QUEUE_BYTES: usize = 64 * 1024 * 1024;

/// What the writer is asked to do.
pub(super) enum Job {
    Append(Append),
    Create(StreamSpec, oneshot::Sender<Result<Arc<Stream>, TransportError>>),
    Purge(Arc<Stream>, Position, oneshot::Sender<Result<(), TransportError>>),
    Delete(Arc<Stream>, oneshot::Sender<Result<(), TransportError>>),
}

/// One append.
pub(super) struct Append {
    pub(super) stream: Arc<Stream>,
    pub(super) payload: Bytes,
    pub(super) msg_id: Option<Box<str>>,
    pub(super) ticket: TicketSender,
    /// Given back once it is answered.
    pub(super) _room: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    /// No more jobs come; those that wait are done first.
    closing: bool,
    /// The jobs that wait are dropped.
    abandoned: bool,
}

/// Jobs in order.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
    pub(super) bytes: Arc<Semaphore>,
}

impl Queue {
    pub(super) fn new() -> Self {
        let bytes = Arc::new(Semaphore::new(QUEUE_BYTES));
        Self { waiting: Mutex::default(), filled: Condvar::new(), bytes }
    }

    /// Enqueues a job.
    ///
    /// # Errors
    /// [`TransportError::Closed`] after [`close`](Self::close).
    pub(super) fn push(&self, job: Job) -> Result<(), TransportError> {
        let mut waiting = self.waiting.lock();
        if waiting.closing {
            return Err(TransportError::Closed);
        }
        waiting.jobs.push_back(job);
        if waiting.jobs.len() == 1 {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Takes no more jobs; `abandon` also drops those that wait.
    pub(super) fn close(&self, abandon: bool) {
        let mut waiting = self.waiting.lock();
        waiting.closing = true;
        waiting.abandoned |= abandon;
        self.filled.notify_one();
    }

    /// All jobs that wait; waits for one. `None` at the end.
    pub(super) fn take(&self) -> Option<VecDeque<Job>> {
        let mut waiting = self.waiting.lock();
        while waiting.jobs.is_empty() && !waiting.closing {
            self.filled.wait(&mut waiting);
        }
        let jobs = std::mem::take(&mut waiting.jobs);
        (!jobs.is_empty() && !waiting.abandoned).then_some(jobs)
    }
}
