//! JetStream on three servers, each stream with three replicas, does what the seam promises.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use kefu_nats::conformance::Harness;
use kefu_nats::conformance_tests;
use kefu_nats::jetstream::{JetStream, JetStreamConfig};
use kefu_nats::testing::NatsCluster;
use kefu_nats::transport::{
    AppendTicket, ConnectionState, Position, StreamInfo, StreamReader, StreamRecord, StreamSpec, Subscription,
    Transport, TransportError,
};
use tokio::sync::watch;

/// Makes every stream with three replicas.
struct Replicated(JetStream);

#[async_trait]
impl Transport for Replicated {
    async fn open_stream(&self, spec: &StreamSpec) -> Result<StreamInfo, TransportError> {
        // What is refused of other numbers is refused here too.
        let replicas = if spec.replicas == 1 { 3 } else { spec.replicas };
        self.0.open_stream(&StreamSpec { replicas, ..spec.clone() }).await
    }

    async fn append(&self, stream: &str, payload: Bytes, msg_id: Option<&str>) -> Result<AppendTicket, TransportError> {
        self.0.append(stream, payload, msg_id).await
    }

    async fn read(&self, stream: &str, from: Position) -> Result<Box<dyn StreamReader>, TransportError> {
        self.0.read(stream, from).await
    }

    async fn info(&self, stream: &str) -> Result<StreamInfo, TransportError> {
        self.0.info(stream).await
    }

    async fn read_one(&self, stream: &str, position: Position) -> Result<Option<StreamRecord>, TransportError> {
        self.0.read_one(stream, position).await
    }

    async fn purge_below(&self, stream: &str, position: Position) -> Result<(), TransportError> {
        self.0.purge_below(stream, position).await
    }

    async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), TransportError> {
        self.0.publish(subject, payload).await
    }

    async fn subscribe(&self, subject: &str) -> Result<Box<dyn Subscription>, TransportError> {
        self.0.subscribe(subject).await
    }

    async fn request(&self, subject: &str, payload: Bytes, timeout: Duration) -> Result<Bytes, TransportError> {
        self.0.request(subject, payload, timeout).await
    }

    async fn flush(&self) -> Result<(), TransportError> {
        self.0.flush().await
    }

    async fn close(&self) -> Result<(), TransportError> {
        self.0.close().await
    }

    fn connection(&self) -> watch::Receiver<ConnectionState> {
        self.0.connection()
    }

    fn trouble(&self) -> Option<&'static str> {
        self.0.trouble()
    }
}

struct ReplicatedHarness {
    broker: Arc<Replicated>,
    cluster: NatsCluster,
}

impl ReplicatedHarness {
    /// Waits until the servers have found one another and chosen who leads.
    async fn until_led(&self) {
        while !matches!(self.broker.info("no-such").await, Err(TransportError::NotFound { .. })) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[async_trait]
impl Harness for ReplicatedHarness {
    async fn start() -> Self {
        let cluster = NatsCluster::start();
        let mut config = JetStreamConfig::new(String::new());
        config.urls = cluster.urls();
        let broker = JetStream::connect(config).await.expect("it connects");
        let harness = Self { broker: Arc::new(Replicated(broker)), cluster };
        harness.until_led().await;
        harness
    }

    fn transport(&self) -> Arc<dyn Transport> {
        self.broker.clone()
    }

    async fn restart(&mut self) {
        let mut state = self.broker.connection();
        self.cluster.kill();
        state.wait_for(|state| *state == ConnectionState::Disconnected).await.expect("it is noticed");
        self.cluster.restart();
        state.wait_for(|state| *state == ConnectionState::Connected).await.expect("it reconnects");
        self.until_led().await;
    }

    async fn delete_stream(&self, name: &str) {
        self.broker.0.delete_stream(name).await.expect("the stream is deleted");
    }
}

conformance_tests!(ReplicatedHarness);
