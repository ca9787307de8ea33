//! The embedded broker does what the seam promises.

use std::sync::Arc;

use async_trait::async_trait;
use kefu_nats::conformance::Harness;
use kefu_nats::conformance_tests;
use kefu_nats::embedded::{Embedded, EmbeddedConfig};
use kefu_nats::testing::TempDir;
use kefu_nats::transport::Transport;

struct EmbeddedHarness {
    dir: TempDir,
    broker: Arc<Embedded>,
}

/// Small segments and little memory, so that the cases meet sealed segments and read from files.
async fn open(dir: &TempDir) -> Arc<Embedded> {
    let config = EmbeddedConfig { segment_bytes: 16 << 10, tail_bytes: 4 << 10, ..EmbeddedConfig::new(dir.path()) };
    Arc::new(Embedded::open(config).await.expect("the log opens"))
}

#[async_trait]
impl Harness for EmbeddedHarness {
    async fn start() -> Self {
        let dir = TempDir::new();
        let broker = open(&dir).await;
        Self { dir, broker }
    }

    fn transport(&self) -> Arc<dyn Transport> {
        self.broker.clone()
    }

    async fn restart(&mut self) {
        self.broker.close().await.expect("it closes");
        self.broker = open(&self.dir).await;
    }

    async fn delete_stream(&self, name: &str) {
        self.broker.delete_stream(name).await.expect("the stream is deleted");
    }
}

conformance_tests!(EmbeddedHarness);
