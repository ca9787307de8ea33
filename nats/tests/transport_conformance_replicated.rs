//! JetStream on three servers, each stream with three replicas, does what the seam promises.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::Info;
use async_nats::jetstream::{self, Context};
use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt as _;
use kefu_nats::conformance::Harness;
use kefu_nats::conformance_tests;
use kefu_nats::jetstream::{JetStream, JetStreamConfig};
use kefu_nats::testing::NatsCluster;
use kefu_nats::transport::{
    AppendTicket, ConnectionState, Position, StreamInfo, StreamReader, StreamRecord, StreamSpec, Subscription,
    Transport, TransportError,
};
use tokio::sync::watch;

const REPLICAS: usize = 3;

/// Makes every stream with three replicas.
struct Replicated {
    broker: JetStream,
    /// Looks at what the seam does not tell.
    observer: Context,
}

impl Replicated {
    /// Waits until every stream has a leader that both others follow. Until then they may vote again, and nobody takes
    /// what is appended meanwhile: the seam promises no more than to say so (`Unavailable`).
    async fn until_followed(&self) {
        while !self.are_followed().await.unwrap_or(false) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn are_followed(&self) -> Result<bool, async_nats::Error> {
        let names: Vec<String> = self.observer.stream_names().try_collect().await?;
        for name in names {
            if !is_followed(self.observer.get_stream(name).await?.cached_info()) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn is_followed(stream: &Info) -> bool {
    stream.cluster.as_ref().is_some_and(|cluster| {
        let following = cluster.replicas.iter().filter(|replica| replica.current && !replica.offline).count();
        cluster.leader.is_some() && following + 1 == REPLICAS
    })
}

#[async_trait]
impl Transport for Replicated {
    async fn open_stream(&self, spec: &StreamSpec) -> Result<StreamInfo, TransportError> {
        // What is refused of other numbers is refused here too.
        let replicas = if spec.replicas == 1 { REPLICAS } else { spec.replicas };
        let info = self.broker.open_stream(&StreamSpec { replicas, ..spec.clone() }).await?;
        self.until_followed().await;
        Ok(info)
    }

    async fn append(&self, stream: &str, payload: Bytes, msg_id: Option<&str>) -> Result<AppendTicket, TransportError> {
        self.broker.append(stream, payload, msg_id).await
    }

    async fn read(&self, stream: &str, from: Position) -> Result<Box<dyn StreamReader>, TransportError> {
        self.broker.read(stream, from).await
    }

    async fn info(&self, stream: &str) -> Result<StreamInfo, TransportError> {
        self.broker.info(stream).await
    }

    async fn read_one(&self, stream: &str, position: Position) -> Result<Option<StreamRecord>, TransportError> {
        self.broker.read_one(stream, position).await
    }

    async fn purge_below(&self, stream: &str, position: Position) -> Result<(), TransportError> {
        self.broker.purge_below(stream, position).await
    }

    async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), TransportError> {
        self.broker.publish(subject, payload).await
    }

    async fn subscribe(&self, subject: &str) -> Result<Box<dyn Subscription>, TransportError> {
        self.broker.subscribe(subject).await
    }

    async fn request(&self, subject: &str, payload: Bytes, timeout: Duration) -> Result<Bytes, TransportError> {
        self.broker.request(subject, payload, timeout).await
    }

    async fn flush(&self) -> Result<(), TransportError> {
        self.broker.flush().await
    }

    async fn close(&self) -> Result<(), TransportError> {
        self.broker.close().await
    }

    fn connection(&self) -> watch::Receiver<ConnectionState> {
        self.broker.connection()
    }

    fn trouble(&self) -> Option<&'static str> {
        self.broker.trouble()
    }
}

struct ReplicatedHarness {
    broker: Arc<Replicated>,
    cluster: NatsCluster,
}

impl ReplicatedHarness {
    /// Waits until the servers have found one another and chosen who leads, them and every stream.
    async fn until_led(&self) {
        while !matches!(self.broker.info("no-such").await, Err(TransportError::NotFound { .. })) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.broker.until_followed().await;
    }
}

#[async_trait]
impl Harness for ReplicatedHarness {
    async fn start() -> Self {
        let cluster = NatsCluster::start();
        let observer = async_nats::connect(cluster.urls()).await.expect("it connects");
        let mut config = JetStreamConfig::new(String::new());
        config.urls = cluster.urls();
        let broker = JetStream::connect(config).await.expect("it connects");
        let broker = Replicated { broker, observer: jetstream::new(observer) };
        let harness = Self { broker: Arc::new(broker), cluster };
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
        self.broker.broker.delete_stream(name).await.expect("the stream is deleted");
    }
}

conformance_tests!(ReplicatedHarness);
