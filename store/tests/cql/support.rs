//! Where the tests' Cassandra is, and keyspaces in it.

use std::sync::LazyLock;

use kefu_store::cql::Replication;
use kefu_store::{CqlConfig, CqlStore};
use uuid::Uuid;

/// The environment variable that names the nodes, `host:port` with commas between.
pub const NODES_ENV: &str = "KEFU_TEST_CQL_NODES";

/// The nodes.
pub fn nodes() -> Vec<String> {
    let nodes = std::env::var(NODES_ENV)
        .unwrap_or_else(|_| panic!("{NODES_ENV} does not name a Cassandra; run by `cargo xtask test`"));
    nodes.split(',').map(str::to_owned).collect()
}

/// Settings for the nodes that are named: a copy on each of them, three at most.
pub fn config() -> CqlConfig {
    let nodes = nodes();
    let factor = u8::try_from(nodes.len().min(3)).expect("a small number");
    CqlConfig { replication: Replication::Simple { factor }, ..CqlConfig::new(nodes) }
}

/// The name of a keyspace that nobody has.
pub fn fresh_keyspace() -> String {
    format!("kefu_test_{}", Uuid::new_v4().simple())
}

/// Settings with a keyspace that nobody has.
pub fn fresh_config() -> CqlConfig {
    CqlConfig { keyspace: fresh_keyspace(), ..config() }
}

/// A store in the keyspace of this run, which the first ones to come make together.
pub async fn shared() -> CqlStore {
    static KEYSPACE: LazyLock<String> = LazyLock::new(fresh_keyspace);
    CqlStore::open(CqlConfig { keyspace: KEYSPACE.clone(), ..config() }).await.expect("the store opens")
}
