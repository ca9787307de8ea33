//! The broker of a cluster: NATS with JetStream.
//!
//! A stream of the seam is one JetStream stream with one subject. Durability against power loss is the server's: set
//! `sync_interval: always` there for what the embedded log does by default.

mod append;
mod config;
mod connection;
mod errors;
mod reader;
mod streams;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Request};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::future::join_all;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use self::append::Appender;
pub use self::config::{JetStreamAuth, JetStreamConfig};
use self::connection::Connection;
use self::reader::Reader;
use crate::transport::{
    AppendTicket, ConnectionState, CoreMessage, CoreQueue, Durability, Position, QueueSubscription, Reply, ReplyPath,
    StreamInfo, StreamReader, StreamRecord, StreamSpec, Subscription, Transport, TransportError, check_payload,
    check_spec, check_subject,
};

/// How long a close waits for what is enqueued.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Between attempts to make a memory stream again.
const REMAKE_PAUSE: Duration = Duration::from_millis(200);

/// A broker on NATS servers.
///
/// It reconnects for ever. While it is disconnected, calls answer [`TransportError::Unavailable`] at once instead of
/// piling up. Streams in memory that it opened, and that a restart of the server took with it, it makes again, empty
/// and with another id.
pub struct JetStream {
    connection: Arc<Connection>,
    appenders: RwLock<HashMap<String, Appender>>,
    in_memory: Arc<Mutex<HashMap<String, StreamSpec>>>,
}

impl JetStream {
    /// Connects.
    ///
    /// # Errors
    /// [`TransportError::Unavailable`] if no server answers, [`TransportError::Invalid`] for an unusable setting.
    pub async fn connect(config: JetStreamConfig) -> Result<Self, TransportError> {
        let connection = Arc::new(Connection::open(config).await?);
        let in_memory = Arc::default();
        tokio::spawn(remake_streams(connection.clone(), Arc::clone(&in_memory)));
        Ok(Self { connection, appenders: RwLock::default(), in_memory })
    }

    /// Deletes a stream with all its records; its readers end with [`TransportError::StreamReplaced`].
    pub async fn delete_stream(&self, name: &str) -> Result<(), TransportError> {
        self.connection.check()?;
        self.in_memory.lock().remove(name);
        let deleted = self.connection.context.delete_stream(self.connection.stream_name(name)).await;
        deleted.map(drop).map_err(TransportError::ambiguous)
    }

    fn appender(&self, stream: &str) -> Appender {
        if let Some(appender) = self.appenders.read().get(stream) {
            return appender.clone();
        }
        let start = || Appender::start(&self.connection, stream);
        self.appenders.write().entry(stream.to_owned()).or_insert_with(start).clone()
    }

    async fn flush_client(&self) -> Result<(), TransportError> {
        match tokio::time::timeout(self.connection.config.request_timeout, self.connection.client.flush()).await {
            Ok(flushed) => flushed.map_err(TransportError::unavailable),
            Err(_) => Err(TransportError::Timeout),
        }
    }

    /// Bounds what may wait for room in the client's channel.
    async fn sending<E>(&self, send: impl Future<Output = Result<(), E>> + Send) -> Result<(), TransportError>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        match tokio::time::timeout(self.connection.config.request_timeout, send).await {
            Ok(sent) => sent.map_err(TransportError::unavailable),
            Err(elapsed) => Err(TransportError::unavailable(elapsed)),
        }
    }
}

/// After each connect: makes the memory streams that are gone.
async fn remake_streams(connection: Arc<Connection>, specs: Arc<Mutex<HashMap<String, StreamSpec>>>) {
    let mut connects = connection.events.connects.subscribe();
    let remaking = async {
        while connects.changed().await.is_ok() {
            let specs: Vec<StreamSpec> = specs.lock().values().cloned().collect();
            for spec in specs {
                while let Err(error) = connection.ensure_stream(&spec).await {
                    if !error.is_retryable() {
                        tracing::warn!(stream = spec.name, %error, "the memory stream was not made again");
                        break;
                    }
                    tokio::time::sleep(REMAKE_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = remaking => {}
        () = connection.closed.cancelled() => {}
    }
}

impl Drop for JetStream {
    fn drop(&mut self) {
        self.connection.closed.cancel();
        self.connection.events.each_queue(CoreQueue::close);
    }
}

/// Answers requests over the connection.
struct NatsReply(Client);

#[async_trait]
impl ReplyPath for NatsReply {
    async fn reply(&self, subject: &str, payload: Bytes) -> Result<(), TransportError> {
        check_payload(&payload, None)?;
        self.0.publish(subject.to_owned(), payload).await.map_err(TransportError::unavailable)
    }
}

/// Ends the forwarding, which unsubscribes.
struct Forwarding(tokio::task::JoinHandle<()>);

impl Drop for Forwarding {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn forward(mut from: async_nats::Subscriber, prefix: usize, replies: Arc<NatsReply>, queue: Arc<CoreQueue>) {
    while let Some(message) = from.next().await {
        let reply = message.reply.map(|to| Reply::new(to.into_string(), replies.clone()));
        let subject = message.subject.get(prefix..).unwrap_or_default().to_owned();
        queue.push(CoreMessage { subject, payload: message.payload, reply });
    }
    queue.close();
}

#[async_trait]
impl Transport for JetStream {
    async fn open_stream(&self, spec: &StreamSpec) -> Result<StreamInfo, TransportError> {
        check_spec(spec)?;
        let info = self.connection.ensure_stream(spec).await?;
        if spec.durability == Durability::Memory {
            self.in_memory.lock().insert(spec.name.clone(), spec.clone());
        }
        Ok(info)
    }

    async fn append(&self, stream: &str, payload: Bytes, msg_id: Option<&str>) -> Result<AppendTicket, TransportError> {
        self.connection.check()?;
        check_payload(&payload, msg_id)?;
        self.appender(stream).append(&self.connection, payload, msg_id).await
    }

    async fn read(&self, stream: &str, from: Position) -> Result<Box<dyn StreamReader>, TransportError> {
        let id = self.connection.stream_info(stream).await?.id;
        Ok(Box::new(Reader::start(self.connection.clone(), stream, id, from)))
    }

    async fn info(&self, stream: &str) -> Result<StreamInfo, TransportError> {
        self.connection.stream_info(stream).await
    }

    async fn read_one(&self, stream: &str, position: Position) -> Result<Option<StreamRecord>, TransportError> {
        self.connection.check()?;
        if position == 0 {
            return Ok(None);
        }
        let name = self.connection.stream_name(stream);
        let handle = self.connection.context.get_stream_no_info(name).await;
        let handle = handle.map_err(|error| errors::get_stream(stream, error))?;
        match handle.get_raw_message(position).await {
            Ok(message) => Ok(Some(StreamRecord { position, payload: message.payload })),
            Err(error) => errors::raw_message(stream, error).map_or(Ok(None), Err),
        }
    }

    async fn purge_below(&self, stream: &str, position: Position) -> Result<(), TransportError> {
        let info = self.connection.stream_info(stream).await?;
        let first = position.min(info.last);
        if first <= info.first {
            return Ok(());
        }
        let name = self.connection.stream_name(stream);
        let handle = self.connection.context.get_stream_no_info(name).await;
        let handle = handle.map_err(|error| errors::get_stream(stream, error))?;
        handle.purge().sequence(first).await.map(drop).map_err(|error| errors::purge(stream, error))
    }

    async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), TransportError> {
        self.connection.check()?;
        check_subject(subject, false)?;
        check_payload(&payload, None)?;
        let subject = self.connection.core_subject(subject);
        self.sending(self.connection.client.publish(subject, payload)).await
    }

    async fn subscribe(&self, subject: &str) -> Result<Box<dyn Subscription>, TransportError> {
        self.connection.check()?;
        check_subject(subject, true)?;
        let client = &self.connection.client;
        let subscriber = client.subscribe(self.connection.core_subject(subject)).await;
        let subscriber = subscriber.map_err(TransportError::unavailable)?;
        let queue = Arc::new(CoreQueue::default());
        self.connection.events.watch_queue(&queue);
        let prefix = self.connection.core_subject("").len();
        let task = tokio::spawn(forward(subscriber, prefix, Arc::new(NatsReply(client.clone())), queue.clone()));
        Ok(Box::new(QueueSubscription { queue, guard: Box::new(Forwarding(task)) }))
    }

    async fn request(&self, subject: &str, payload: Bytes, timeout: Duration) -> Result<Bytes, TransportError> {
        self.connection.check()?;
        check_subject(subject, false)?;
        check_payload(&payload, None)?;
        let size = payload.len();
        let request = Request::new().payload(payload).timeout(Some(timeout));
        let asked = self.connection.client.send_request(self.connection.core_subject(subject), request);
        // Once more around it: the client's own does not cover waiting for room to send.
        match tokio::time::timeout(timeout, asked).await {
            Ok(answer) => answer.map(|answer| answer.payload).map_err(|error| errors::request(subject, size, error)),
            Err(_) => Err(TransportError::Timeout),
        }
    }

    async fn flush(&self) -> Result<(), TransportError> {
        self.connection.check()?;
        self.flush_client().await
    }

    async fn close(&self) -> Result<(), TransportError> {
        if self.connection.closed.is_cancelled() {
            return Ok(());
        }
        let connected = self.connection.check().is_ok();
        self.connection.closed.cancel();
        let appenders: Vec<Appender> = self.appenders.read().values().cloned().collect();
        let answered = join_all(appenders.iter().map(Appender::all_answered));
        let _ = tokio::time::timeout(self.connection.config.append_timeout, answered).await;
        let flushed = if connected { self.flush_client().await } else { Ok(()) };
        self.connection.events.each_queue(CoreQueue::close);
        self.connection.events.state.send_replace(ConnectionState::Disconnected);
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, self.connection.client.drain()).await;
        flushed
    }

    fn connection(&self) -> watch::Receiver<ConnectionState> {
        self.connection.events.state.subscribe()
    }
}
