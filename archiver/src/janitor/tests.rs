#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::collections::BTreeMap;

use kefu_model::TenantId;
use kefu_model::allocation::{Allocation, ReadPosition};
use kefu_nats::BrokerSettings;
use kefu_nats::embedded::{Embedded, EmbeddedConfig};
use kefu_store::{Checkpoint, SqliteConfig, SqliteStore};

use super::*;

const PARTITION: Partition = Partition(0);

fn checkpoint(reader: LogReader, partition: Partition, position: u64, state: Vec<u8>) -> Checkpoint {
    let (generation, ordinal) = (1, position.saturating_sub(1));
    Checkpoint { reader, partition, epoch: 1, log_id: [0; 16], position, generation, ordinal, state }
}

/// A tenant's state, which has read the log up to there.
fn state(tenant: &str, position: u64) -> Allocation {
    let mut state = Allocation::empty(TenantId::new(tenant).unwrap());
    state.read.insert(PARTITION, ReadPosition { epoch: 1, position });
    state
}

async fn save(store: &Arc<dyn Store>, allocation: u16, states: &[Allocation], observed: ReadPosition) {
    let observed = BTreeMap::from([(PARTITION, observed)]);
    let state = codec::encode_allocation_checkpoint(states, &observed).to_vec();
    store.save_checkpoint(checkpoint(LogReader::Assigner, Partition(allocation), 1, state)).await.unwrap();
}

#[tokio::test]
async fn what_all_observers_have_passed_is_not_kept_for_a_quiet_tenant_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let transport = Embedded::open(EmbeddedConfig::new(folder.path().join("log"))).await.unwrap();
    let settings = BrokerSettings { partitions: 1, allocation_partitions: 2, ..BrokerSettings::default() };
    let broker = Broker::open(Arc::new(transport), settings).await.unwrap();
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&SqliteConfig::new(folder.path().join("kefu.db"))).unwrap());
    let floor = || floor(&broker, &store, PARTITION);
    assert_eq!(floor().await.unwrap(), 0, "nobody has read anything");
    for reader in READERS {
        store.save_checkpoint(checkpoint(reader, PARTITION, 900, Vec::new())).await.unwrap();
    }
    save(&store, 0, &[state("quiet", 100), state("busy", 700)], ReadPosition { epoch: 1, position: 800 }).await;
    assert_eq!(floor().await.unwrap(), 0, "the second allocation partition has read nothing");
    save(&store, 1, &[], ReadPosition { epoch: 1, position: 850 }).await;
    assert_eq!(floor().await.unwrap(), 800);
    save(&store, 0, &[state("quiet", 100), state("busy", 700)], ReadPosition { epoch: 2, position: 800 }).await;
    assert_eq!(floor().await.unwrap(), 100, "what was observed in another epoch says nothing");
}
