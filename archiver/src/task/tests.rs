#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use kefu_model::ids::Partition;
use kefu_nats::embedded::{Embedded, EmbeddedConfig};
use kefu_nats::transport::{CoreEvent, Subscription};
use kefu_nats::{BrokerSettings, LogKind};
use kefu_store::{SqliteConfig, SqliteStore};
use tokio_util::sync::CancellationToken;

use super::*;

const LOG: LogName = LogName { kind: LogKind::Chat, partition: Partition(0) };

async fn heard(progress: &mut Box<dyn Subscription>) -> bool {
    let event = tokio::time::timeout(2 * ANNOUNCE_EVERY, progress.next()).await;
    matches!(event, Ok(Some(CoreEvent::Message(_))))
}

#[tokio::test]
async fn an_archiver_with_nothing_to_do_says_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let transport = Embedded::open(EmbeddedConfig::new(folder.path().join("log"))).await.unwrap();
    let settings = BrokerSettings { partitions: 1, ..BrokerSettings::default() };
    let broker = Broker::open(Arc::new(transport), settings).await.unwrap();
    let store = Arc::new(SqliteStore::open(&SqliteConfig::new(folder.path().join("kefu.db"))).unwrap());
    let mut progress = broker.transport().subscribe(&format!("archived.{LOG}")).await.unwrap();
    let stop = CancellationToken::new();
    let task = Task {
        gather: Gather::every(Duration::from_millis(10), 1),
        broker,
        store,
        metrics: Arc::new(Metrics::register(&prometheus::Registry::new()).unwrap()),
        log: LOG,
        reading: Reading::new(stop.clone()),
    };
    let running = tokio::spawn(task.run());
    for time in 1..=2 {
        assert!(heard(&mut progress).await, "{time}");
    }
    stop.cancel();
    running.await.unwrap().unwrap();
}
