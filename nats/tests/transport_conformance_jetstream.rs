//! JetStream, on a real server, does what the seam promises.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kefu_nats::conformance::Harness;
use kefu_nats::conformance_tests;
use kefu_nats::jetstream::{JetStream, JetStreamConfig};
use kefu_nats::testing::NatsServer;
use kefu_nats::transport::{ConnectionState, Transport, TransportError};

struct JetStreamHarness {
    broker: Arc<JetStream>,
    server: NatsServer,
}

#[async_trait]
impl Harness for JetStreamHarness {
    async fn start() -> Self {
        let server = NatsServer::start();
        let broker = JetStream::connect(JetStreamConfig::new(server.url())).await.expect("it connects");
        Self { broker: Arc::new(broker), server }
    }

    fn transport(&self) -> Arc<dyn Transport> {
        self.broker.clone()
    }

    async fn restart(&mut self) {
        let mut state = self.broker.connection();
        self.server.kill();
        state.wait_for(|state| *state == ConnectionState::Disconnected).await.expect("it is noticed");
        self.server.restart();
        state.wait_for(|state| *state == ConnectionState::Connected).await.expect("it reconnects");
        while !matches!(self.broker.info("no-such").await, Err(TransportError::NotFound { .. })) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn delete_stream(&self, name: &str) {
        self.broker.delete_stream(name).await.expect("the stream is deleted");
    }
}

conformance_tests!(JetStreamHarness);
