//! The connection, as all parts of the transport share it.

use std::sync::{Arc, Weak};

use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, Event, jetstream};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::config::JetStreamConfig;
use crate::transport::{ConnectionState, CoreQueue, MAX_APPENDS_IN_FLIGHT, TransportError};

/// Over all streams; each has [`MAX_APPENDS_IN_FLIGHT`] of its own.
const MAX_ACKS_IN_FLIGHT: usize = 64 * MAX_APPENDS_IN_FLIGHT;

/// What the client's events change.
pub(super) struct Events {
    pub(super) state: watch::Sender<ConnectionState>,
    /// How often the connection was made.
    pub(super) connects: watch::Sender<u64>,
    queues: Mutex<Vec<Weak<CoreQueue>>>,
}

impl Events {
    fn new() -> Self {
        let state = watch::Sender::new(ConnectionState::Disconnected);
        Self { state, connects: watch::Sender::new(0), queues: Mutex::default() }
    }

    /// Adds a queue that has to know when messages may be missing.
    pub(super) fn watch_queue(&self, queue: &Arc<CoreQueue>) {
        let mut queues = self.queues.lock();
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(Arc::downgrade(queue));
    }

    pub(super) fn each_queue(&self, act: impl Fn(&CoreQueue)) {
        self.queues.lock().iter().filter_map(Weak::upgrade).for_each(|queue| act(&queue));
    }

    fn handle(&self, event: &Event) {
        match event {
            Event::Connected => {
                // The subscriptions were sent again before this; what was published meanwhile is gone.
                self.each_queue(CoreQueue::lagged);
                self.state.send_replace(ConnectionState::Connected);
                self.connects.send_modify(|count| *count += 1);
                tracing::info!("connected to NATS");
            }
            Event::Disconnected | Event::Closed => {
                self.state.send_replace(ConnectionState::Disconnected);
                tracing::warn!("disconnected from NATS");
            }
            // The client does not say whose queue it was in a way that can be used.
            Event::SlowConsumer(_) => self.each_queue(CoreQueue::lagged),
            event => tracing::warn!(%event, "NATS"),
        }
    }
}

/// The connection and what depends on it.
pub(super) struct Connection {
    pub(super) config: JetStreamConfig,
    pub(super) client: Client,
    pub(super) context: jetstream::Context,
    pub(super) events: Arc<Events>,
    pub(super) closed: CancellationToken,
}

impl Connection {
    pub(super) async fn open(config: JetStreamConfig) -> Result<Self, TransportError> {
        config.check()?;
        let events = Arc::new(Events::new());
        let options = config.options().await?.event_callback({
            let events = events.clone();
            move |event| {
                events.handle(&event);
                std::future::ready(())
            }
        });
        let client = options.connect(config.urls.as_slice()).await.map_err(TransportError::unavailable)?;
        // Until the event of this connection was handled, it could pass for a reconnect.
        let mut connects = events.connects.subscribe();
        let first = tokio::time::timeout(config.connect_timeout, connects.wait_for(|count| *count > 0));
        first.await.map_err(TransportError::unavailable)?.map_err(TransportError::unavailable)?;
        let context = ContextBuilder::new()
            .timeout(config.request_timeout)
            .ack_timeout(config.append_timeout)
            .max_ack_inflight(MAX_ACKS_IN_FLIGHT)
            .backpressure_on_inflight(true)
            .build(client.clone());
        Ok(Self { config, client, context, events, closed: CancellationToken::new() })
    }

    /// Refuses what would only wait for a connection.
    pub(super) fn check(&self) -> Result<(), TransportError> {
        if self.closed.is_cancelled() {
            return Err(TransportError::Closed);
        }
        match *self.events.state.borrow() {
            ConnectionState::Connected => Ok(()),
            ConnectionState::Disconnected => Err(TransportError::unavailable("not connected to NATS")),
        }
    }

    /// The name of a stream on the server.
    pub(super) fn stream_name(&self, name: &str) -> String {
        format!("{}_{name}", self.config.prefix)
    }

    /// The one subject of a stream.
    pub(super) fn stream_subject(&self, name: &str) -> String {
        format!("{}.stream.{name}", self.config.prefix)
    }

    /// The subject of a core message on the server.
    pub(super) fn core_subject(&self, subject: &str) -> String {
        format!("{}.core.{subject}", self.config.prefix)
    }
}
