//! The broker of a one-machine deployment: a log of our own in files, and core messages within the process.
//!
//! All durable streams share one set of segment files, one writer thread and one sync per group of appends
//! (`docs/adr/0002-embedded-log.md`). What a start does with a damaged end or middle stands in `embedded/scan.rs`.

mod catalog;
mod core;
mod dedup;
pub(crate) mod format;
mod index;
mod queue;
mod reader;
mod recover;
pub(crate) mod scan;
mod stream;
mod trouble;
mod writer;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{Semaphore, oneshot, watch};
use uuid::Uuid;

use self::core::LocalCore;
use self::queue::{Append, Job, Queue};
use self::reader::Reader;
use self::stream::{Signal, Stream};
use self::trouble::Trouble;
use self::writer::{Settings, Writer};
use crate::transport::{
    AppendTicket, ConnectionState, Durability, Overflow, Position, StreamInfo, StreamReader, StreamRecord, StreamSpec,
    Subscription, Transport, TransportError, check_payload, check_spec, check_subject, first_difference,
};

/// How an [`Embedded`] broker keeps its log.
#[derive(Debug, Clone)]
pub struct EmbeddedConfig {
    /// The folder, made if it is not there. One process at a time.
    pub dir: PathBuf,
    /// Whether an append is answered only after it was synced to disk. Without, a power loss (not the end of the
    /// process) loses answered appends, and may leave a log that a start refuses as damaged.
    pub fsync: bool,
    /// The size at which a segment file is sealed, in bytes; 1 KiB to 1 GiB.
    pub segment_bytes: u32,
    /// How much of the newest records of each durable stream is kept in memory for readers, in bytes.
    pub tail_bytes: u64,
}

impl EmbeddedConfig {
    /// Synced, 64 MiB segments, 1 MiB per stream in memory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), fsync: true, segment_bytes: 64 << 20, tail_bytes: 1 << 20 }
    }
}

/// A broker within this process.
///
/// Besides the contract of [`Transport`]: streams on disk are [`Overflow::RefuseNew`] and without `max_age`; message
/// ids are forgotten when it is closed; `replicas` is ignored. A sync that fails leaves the log refusing appends until
/// it is opened again. Dropping it without [`close`](Transport::close) drops the appends that are not written yet.
pub struct Embedded {
    dir: Arc<PathBuf>,
    streams: RwLock<HashMap<String, Arc<Stream>>>,
    /// One stream is created or deleted at a time.
    changes: tokio::sync::Mutex<()>,
    core: Arc<LocalCore>,
    queue: Arc<Queue>,
    writer: Mutex<Option<JoinHandle<()>>>,
    connection: watch::Sender<ConnectionState>,
    trouble: Arc<Trouble>,
}

impl Embedded {
    /// Opens the log, or makes it. Takes as long as reading the last segment.
    ///
    /// # Errors
    /// [`TransportError::Corrupt`] names file and offset; [`TransportError::Other`] if another process uses the folder.
    pub async fn open(config: EmbeddedConfig) -> Result<Self, TransportError> {
        tokio::task::spawn_blocking(|| Self::open_blocking(config)).await.map_err(TransportError::other)?
    }

    fn open_blocking(config: EmbeddedConfig) -> Result<Self, TransportError> {
        if !(1 << 10..=1 << 30).contains(&config.segment_bytes) {
            return Err(TransportError::Invalid { what: "segment_bytes", reason: "must be 1 KiB to 1 GiB".into() });
        }
        let dir = Arc::new(config.dir);
        let settings = Settings {
            dir: dir.clone(),
            fsync: config.fsync,
            segment_bytes: config.segment_bytes,
            tail_bytes: config.tail_bytes,
        };
        let found = recover::recover(&settings)?;
        let streams = found.streams.into_values().map(|stream| (stream.spec.name.clone(), stream)).collect();
        let queue = Arc::new(Queue::new());
        let writer = Writer::new(settings, found.catalog, found.segments, found.lock);
        let trouble = writer.trouble();
        let thread = std::thread::Builder::new().name("kefu-log".into()).spawn({
            let queue = queue.clone();
            move || writer.run(&queue)
        });
        Ok(Self {
            dir,
            streams: RwLock::new(streams),
            changes: tokio::sync::Mutex::new(()),
            core: Arc::default(),
            queue,
            writer: Mutex::new(Some(thread.map_err(TransportError::unavailable)?)),
            connection: watch::Sender::new(ConnectionState::Connected),
            trouble,
        })
    }

    /// Deletes a stream with all its records; its readers end with [`TransportError::StreamReplaced`].
    pub async fn delete_stream(&self, name: &str) -> Result<(), TransportError> {
        let _one = self.changes.lock().await;
        let stream = self.stream(name)?;
        if stream.spec.durability == Durability::Disk {
            let (done, answer) = oneshot::channel();
            self.queue.push(Job::Delete(stream.clone(), done))?;
            answer.await.map_err(|_| TransportError::Closed)??;
        }
        self.streams.write().remove(name);
        stream.announce(Signal::Deleted);
        Ok(())
    }

    fn stream(&self, name: &str) -> Result<Arc<Stream>, TransportError> {
        self.check_open()?;
        self.streams.read().get(name).cloned().ok_or_else(|| TransportError::not_found(name))
    }

    fn check_open(&self) -> Result<(), TransportError> {
        match *self.connection.borrow() {
            ConnectionState::Connected => Ok(()),
            ConnectionState::Disconnected => Err(TransportError::Closed),
        }
    }

    async fn create(&self, spec: StreamSpec) -> Result<Arc<Stream>, TransportError> {
        if spec.durability == Durability::Memory {
            return Ok(Arc::new(Stream::new(0, Uuid::new_v4(), spec)));
        }
        if spec.overflow != Overflow::RefuseNew || spec.max_age.is_some() {
            let reason = "the embedded broker keeps streams on disk without age limit and refuses what is too much";
            return Err(TransportError::Invalid { what: "stream spec", reason: reason.into() });
        }
        let (done, answer) = oneshot::channel();
        self.queue.push(Job::Create(spec, done))?;
        answer.await.map_err(|_| TransportError::Closed)?
    }

    /// Refuses all calls from now on and ends the subscriptions.
    fn shut(&self, abandon: bool) {
        self.connection.send_replace(ConnectionState::Disconnected);
        self.queue.close(abandon);
        self.core.close();
    }

    fn end_streams(&self) {
        for stream in self.streams.read().values() {
            stream.announce(Signal::Closed);
            stream.permits.close();
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shut(true);
        self.end_streams();
        // At most one group is being written; after it the folder's lock is free.
        if let Some(thread) = self.writer.lock().take() {
            let _ = thread.join();
        }
    }
}

async fn acquire(
    semaphore: &Arc<Semaphore>,
    count: usize,
) -> Result<tokio::sync::OwnedSemaphorePermit, TransportError> {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    semaphore.clone().acquire_many_owned(count).await.map_err(|_| TransportError::Closed)
}

#[async_trait]
impl Transport for Embedded {
    async fn open_stream(&self, spec: &StreamSpec) -> Result<StreamInfo, TransportError> {
        check_spec(spec)?;
        let _one = self.changes.lock().await;
        match self.stream(&spec.name) {
            Ok(stream) => {
                let asked = StreamSpec { replicas: stream.spec.replicas, ..spec.clone() };
                first_difference(&asked, &stream.spec).map_or_else(|| Ok(stream.info()), Err)
            }
            Err(TransportError::NotFound { .. }) => {
                let stream = self.create(spec.clone()).await?;
                self.streams.write().insert(spec.name.clone(), stream.clone());
                Ok(stream.info())
            }
            Err(error) => Err(error),
        }
    }

    async fn append(&self, stream: &str, payload: Bytes, msg_id: Option<&str>) -> Result<AppendTicket, TransportError> {
        let stream = self.stream(stream)?;
        check_payload(&payload, msg_id)?;
        if stream.spec.durability == Durability::Memory {
            return Ok(AppendTicket::ready(stream.append_in_memory(payload, msg_id)));
        }
        let _room = (acquire(&stream.permits, 1).await?, acquire(&self.queue.bytes, payload.len()).await?);
        let (ticket, answer) = AppendTicket::channel();
        let msg_id = msg_id.map(Into::into);
        self.queue.push(Job::Append(Append { stream, payload, msg_id, ticket, _room }))?;
        Ok(answer)
    }

    async fn read(&self, stream: &str, from: Position) -> Result<Box<dyn StreamReader>, TransportError> {
        Ok(Box::new(Reader::new(self.dir.clone(), self.stream(stream)?, from)))
    }

    async fn info(&self, stream: &str) -> Result<StreamInfo, TransportError> {
        Ok(self.stream(stream)?.info())
    }

    async fn read_one(&self, stream: &str, position: Position) -> Result<Option<StreamRecord>, TransportError> {
        let records = reader::fetch(&self.dir, &self.stream(stream)?, position, 1).await?;
        Ok(records.into_iter().find(|record| record.position == position))
    }

    async fn purge_below(&self, stream: &str, position: Position) -> Result<(), TransportError> {
        let stream = self.stream(stream)?;
        if stream.spec.durability == Durability::Memory {
            stream.purge_in_memory(position);
            return Ok(());
        }
        let (done, answer) = oneshot::channel();
        self.queue.push(Job::Purge(stream, position, done))?;
        answer.await.map_err(|_| TransportError::ambiguous("the writer ended"))?
    }

    async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), TransportError> {
        self.check_open()?;
        check_subject(subject, false)?;
        check_payload(&payload, None)?;
        self.core.publish(subject, &payload, None);
        Ok(())
    }

    async fn subscribe(&self, subject: &str) -> Result<Box<dyn Subscription>, TransportError> {
        self.check_open()?;
        check_subject(subject, true)?;
        Ok(self.core.subscribe(subject))
    }

    async fn request(&self, subject: &str, payload: Bytes, timeout: Duration) -> Result<Bytes, TransportError> {
        self.check_open()?;
        check_subject(subject, false)?;
        check_payload(&payload, None)?;
        self.core.request(subject, &payload, timeout).await
    }

    async fn flush(&self) -> Result<(), TransportError> {
        self.check_open()
    }

    async fn close(&self) -> Result<(), TransportError> {
        self.shut(false);
        let thread = self.writer.lock().take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                return Err(TransportError::ambiguous("the writer thread panicked"));
            }
        }
        self.end_streams();
        Ok(())
    }

    fn trouble(&self) -> Option<&'static str> {
        self.trouble.why(Instant::now())
    }

    fn connection(&self) -> watch::Receiver<ConnectionState> {
        self.connection.subscribe()
    }
}
