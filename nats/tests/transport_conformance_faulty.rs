//! Without faults the faulty wrapper changes nothing.

use std::sync::Arc;

use async_trait::async_trait;
use kefu_nats::conformance::Harness;
use kefu_nats::conformance_tests;
use kefu_nats::embedded::{Embedded, EmbeddedConfig};
use kefu_nats::faulty::Faulty;
use kefu_nats::testing::TempDir;
use kefu_nats::transport::Transport;

struct FaultyHarness {
    dir: TempDir,
    broker: Arc<Embedded>,
    faulty: Arc<dyn Transport>,
}

async fn open(dir: &TempDir) -> (Arc<Embedded>, Arc<dyn Transport>) {
    let broker = Arc::new(Embedded::open(EmbeddedConfig::new(dir.path())).await.expect("the log opens"));
    (broker.clone(), Arc::new(Faulty::new(broker, 1)))
}

#[async_trait]
impl Harness for FaultyHarness {
    async fn start() -> Self {
        let dir = TempDir::new();
        let (broker, faulty) = open(&dir).await;
        Self { dir, broker, faulty }
    }

    fn transport(&self) -> Arc<dyn Transport> {
        self.faulty.clone()
    }

    async fn restart(&mut self) {
        self.broker.close().await.expect("it closes");
        (self.broker, self.faulty) = open(&self.dir).await;
    }

    async fn delete_stream(&self, name: &str) {
        self.broker.delete_stream(name).await.expect("the stream is deleted");
    }
}

conformance_tests!(FaultyHarness);
