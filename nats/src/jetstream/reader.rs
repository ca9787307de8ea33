//! Reads a stream through a consumer that is made anew whenever something may be missing.
//!
//! A consumer without acknowledgements numbers what it delivers, so a hole between two messages shows. A message lost
//! at the end does not; therefore the consumer is replaced after every reconnect, not only when a number is missing or
//! heartbeats stay out. It always starts at the last position read plus one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::ConsumerErrorKind;
use async_trait::async_trait;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::connection::Connection;
use crate::transport::{Durability, Position, StreamReader, StreamRecord, TransportError};

/// Records read ahead of the caller, besides one pull.
const READ_AHEAD: usize = 64;
/// One pull: so many messages, or so many bytes.
const PULL_MESSAGES: usize = 512;
const PULL_BYTES: usize = 8 * 1024 * 1024;
const PULL_EXPIRES: Duration = Duration::from_secs(30);
/// Two of these without a sign, and the consumer is replaced.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// The server removes a consumer that nobody pulls from.
const INACTIVE: Duration = Duration::from_secs(30);
/// Pauses between attempts to make a consumer.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How long a stream in memory has to be shorter than what was read of it to be taken for another one: servers that are a
/// cluster make it again under its old id when those who had it were restarted.
const SHORTER_FOR: Duration = Duration::from_secs(2);

/// The caller's end of a reading task.
pub(super) struct Reader {
    id: Uuid,
    records: mpsc::Receiver<Result<Read, TransportError>>,
    task: JoinHandle<()>,
    /// Whether the server had more behind the record that was yielded last.
    more: bool,
    ended: Option<TransportError>,
}

/// A record on its way to the caller.
struct Read {
    record: StreamRecord,
    /// Whether the server had more behind it.
    more: bool,
}

impl Reader {
    pub(super) fn start(connection: Arc<Connection>, stream: &str, id: Uuid, from: Position) -> Self {
        let (sender, records) = mpsc::channel(READ_AHEAD);
        let (stream, next) = (stream.to_owned(), from.max(1));
        let following = Following { connection, stream, id, next, shorter_since: None, sender };
        Self { id, records, task: tokio::spawn(following.run()), more: false, ended: None }
    }
}

#[async_trait]
impl StreamReader for Reader {
    async fn next(&mut self) -> Result<StreamRecord, TransportError> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        match self.records.recv().await.unwrap_or(Err(TransportError::Closed)) {
            Ok(Read { record, more }) => {
                self.more = more;
                Ok(record)
            }
            Err(error) => {
                self.ended = Some(error.clone());
                Err(error)
            }
        }
    }

    fn has_more(&self) -> bool {
        self.more || !self.records.is_empty()
    }

    fn stream_id(&self) -> Uuid {
        self.id
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The stream has less than was read of it.
#[derive(Debug, thiserror::Error)]
#[error("the stream ends at {last}, before {next}")]
struct Shorter {
    last: Position,
    next: Position,
}

/// The reading task.
struct Following {
    connection: Arc<Connection>,
    stream: String,
    id: Uuid,
    next: Position,
    shorter_since: Option<Instant>,
    sender: mpsc::Sender<Result<Read, TransportError>>,
}

impl Following {
    async fn run(mut self) {
        let closed = self.connection.closed.clone();
        let sender = self.sender.clone();
        let ended = tokio::select! {
            error = self.follow() => error,
            () = closed.cancelled() => TransportError::Closed,
        };
        // The caller may not take it before it drops the reader, which aborts this.
        let _ = sender.send(Err(ended)).await;
    }

    /// Reads until it cannot be read any more, and says why.
    async fn follow(&mut self) -> TransportError {
        let mut pause = FIRST_PAUSE;
        loop {
            let mut connects = self.connection.events.connects.subscribe();
            match self.consume().await {
                Ok(mut messages) => {
                    let before = self.next;
                    tokio::select! {
                        reason = self.take(&mut messages) => {
                            tracing::debug!(stream = self.stream, next = self.next, reason, "consumer is replaced");
                        }
                        _ = connects.changed() => {}
                    }
                    if self.next > before {
                        pause = FIRST_PAUSE;
                    }
                }
                Err(error @ TransportError::StreamReplaced { .. }) => return error,
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::debug!(stream = self.stream, error, "no consumer yet");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Makes a consumer that starts at the next position.
    async fn consume(&mut self) -> Result<pull::Stream, TransportError> {
        self.connection.check()?;
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.next },
            ack_policy: AckPolicy::None,
            inactive_threshold: INACTIVE,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let name = self.connection.stream_name(&self.stream);
        let replaced = || TransportError::StreamReplaced { stream: self.stream.clone() };
        let consumer = match self.connection.context.create_consumer_on_stream(config, name).await {
            Ok(consumer) => consumer,
            Err(error) => match error.kind() {
                ConsumerErrorKind::JetStream(refusal) if refusal.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    return Err(replaced());
                }
                _ => return Err(TransportError::unavailable(error)),
            },
        };
        // After the consumer was made: a stream that is still the same now is the one that it reads.
        match self.connection.stream_state(&self.stream).await {
            Ok((info, durability)) if info.id == self.id => self.check_length(info.last, durability)?,
            Ok(_) | Err(TransportError::NotFound { .. } | TransportError::Mismatch { .. }) => return Err(replaced()),
            Err(error) => return Err(error),
        }
        let pulls = consumer.stream().max_messages_per_batch(PULL_MESSAGES).max_bytes_per_batch(PULL_BYTES);
        pulls.expires(PULL_EXPIRES).heartbeat(HEARTBEAT).messages().await.map_err(TransportError::unavailable)
    }

    /// A stream in memory that lost what it had begins again at 1. Its reader would wait for positions that come much later.
    fn check_length(&mut self, last: Position, durability: Durability) -> Result<(), TransportError> {
        if durability == Durability::Disk || last + 1 >= self.next {
            self.shorter_since = None;
            return Ok(());
        }
        let since = *self.shorter_since.get_or_insert_with(Instant::now);
        Err(if since.elapsed() < SHORTER_FOR {
            TransportError::unavailable(Shorter { last, next: self.next })
        } else {
            TransportError::StreamReplaced { stream: self.stream.clone() }
        })
    }

    /// Hands records on until one may be missing, and says why.
    async fn take(&mut self, messages: &mut pull::Stream) -> String {
        let mut delivered = 0;
        loop {
            let message = match messages.next().await {
                Some(Ok(message)) => message,
                Some(Err(error)) => return error.to_string(),
                None => return "the pull ended".to_owned(),
            };
            let (sequence, position, more) = match message.info() {
                Ok(info) => (info.consumer_sequence, info.stream_sequence, info.pending > 0),
                Err(error) => return error.to_string(),
            };
            if sequence != delivered + 1 {
                return format!("delivery {} is missing", delivered + 1);
            }
            delivered = sequence;
            // A start beyond the last record is moved back by the server.
            if position < self.next {
                continue;
            }
            let record = StreamRecord { position, payload: message.message.payload };
            if self.sender.send(Ok(Read { record, more })).await.is_err() {
                return "the reader is gone".to_owned();
            }
            self.next = position + 1;
        }
    }
}
