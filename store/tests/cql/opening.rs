//! Opening, migrating, closing.

use std::time::Duration;

use kefu_model::Partition;
use kefu_store::conformance::sample::{checkpoint, support, tenant, thread};
use kefu_store::cql::Replication;
use kefu_store::{
    CqlConfig, CqlStore, HistoryQuery, HistoryStore as _, LogReader, LogStore as _, Store as _, StoreError,
};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;

use crate::support::{config, fresh_config, fresh_keyspace, nodes, shared};

/// A hand in the database that is not the store's.
async fn cql_session() -> Session {
    SessionBuilder::new().known_nodes(nodes()).build().await.expect("a session")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_open_an_empty_keyspace_at_once() {
    let config = fresh_config();
    let opened = futures::future::join_all((0..6).map(|_| CqlStore::open(config.clone()))).await;
    for (number, store) in opened.into_iter().enumerate() {
        let store = store.unwrap_or_else(|error| panic!("{number}: {error}"));
        let saved = checkpoint(u16::try_from(number).unwrap(), 1);
        store.save_checkpoint(saved.clone()).await.unwrap();
        assert_eq!(store.checkpoint(LogReader::Archiver, saved.partition).await.unwrap(), Some(saved));
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let key = support(&tenant("reopen"), "c");
    let store = shared().await;
    store.write_log_batch(thread(&key, 30).into()).await.unwrap();
    store.save_checkpoint(checkpoint(200, 30)).await.unwrap();
    store.close().await.unwrap();
    assert!(matches!(store.ping().await, Err(StoreError::Closed)));
    assert!(matches!(store.save_checkpoint(checkpoint(200, 31)).await, Err(StoreError::Closed)));
    let store = shared().await;
    store.ping().await.unwrap();
    let query = HistoryQuery { limit: 100, ..HistoryQuery::default() };
    assert_eq!(store.history(&key.tenant, key.conversation, query).await.unwrap().items.len(), 42);
    assert_eq!(store.checkpoint(LogReader::Archiver, Partition(200)).await.unwrap(), Some(checkpoint(200, 30)));
}

#[tokio::test]
async fn a_keyspace_is_not_made_where_that_is_forbidden() {
    let forbidden = CqlConfig { create_keyspace: false, ..fresh_config() };
    let error = CqlStore::open(forbidden).await.unwrap_err();
    assert!(matches!(&error, StoreError::Backend(text) if text.contains("forbid")), "{error}");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let config = fresh_config();
    drop(CqlStore::open(config.clone()).await.unwrap());
    let session = cql_session().await;
    let newer = format!("INSERT INTO {}.schema_versions (part, version) VALUES (0, 99)", config.keyspace);
    session.query_unpaged(newer, ()).await.unwrap();
    let error = CqlStore::open(config).await.unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 99, .. }) && !error.is_retryable(), "{error}");
}

/// A keyspace that an earlier release made.
#[tokio::test]
async fn what_the_schema_lacks_is_added() {
    const GRACE: &str = "SELECT gc_grace_seconds FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?";
    const TABLES: [&str; 3] = ["open_sessions", "session_lists", "customer_lists"];
    let (config, session) = (fresh_config(), cql_session().await);
    let keyspace = config.keyspace.as_str();
    drop(CqlStore::open(config.clone()).await.unwrap());
    for table in TABLES {
        session
            .query_unpaged(format!("ALTER TABLE {keyspace}.{table} WITH gc_grace_seconds = 864000"), ())
            .await
            .unwrap();
    }
    let forget = format!("DELETE FROM {keyspace}.schema_versions WHERE part = 0 AND version = 2");
    session.query_unpaged(forget, ()).await.unwrap();
    CqlStore::open(config.clone()).await.unwrap().ping().await.unwrap();
    for table in TABLES {
        let answer = session.query_unpaged(GRACE, (keyspace, table)).await.unwrap().into_rows_result().unwrap();
        assert_eq!(answer.first_row::<(i32,)>().unwrap().0, 86_400, "{table}");
    }
}

#[tokio::test]
async fn a_process_that_died_while_it_migrated_is_not_waited_for_forever() {
    let (keyspace, session) = (fresh_keyspace(), cql_session().await);
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    let lease = |seconds: u32| {
        format!(
            "INSERT INTO {keyspace}.schema_lock (name, owner) VALUES ('migration', uuid())
             IF NOT EXISTS USING TTL {seconds}"
        )
    };
    for cql in [
        format!("CREATE KEYSPACE {keyspace} WITH replication = {replication}"),
        format!("CREATE TABLE {keyspace}.schema_lock (name text PRIMARY KEY, owner uuid)"),
        lease(600),
    ] {
        session.query_unpaged(cql, ()).await.unwrap();
    }
    let hasty = CqlConfig { keyspace: keyspace.clone(), migration_wait: Duration::from_secs(1), ..config() };
    let error = CqlStore::open(hasty).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(text) if text.contains("migrating")), "{error}");
    // Now the lease is about to expire, with nobody to renew it.
    let delete = format!("DELETE FROM {keyspace}.schema_lock WHERE name = 'migration' IF EXISTS");
    session.query_unpaged(delete, ()).await.unwrap();
    session.query_unpaged(lease(3), ()).await.unwrap();
    CqlStore::open(CqlConfig { keyspace, ..config() }).await.unwrap().ping().await.unwrap();
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_told() {
    let nobody = CqlConfig {
        replication: Replication::Simple { factor: 1 },
        connect_timeout: Duration::from_millis(500),
        ..CqlConfig::new(["127.0.0.1:1"])
    };
    let error = CqlStore::open(nobody).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
}
