//! The store on CQL against a real Apache Cassandra.

mod cql_support;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use kefu_model::{Audience, Partition};
use kefu_store::conformance::sample::{checkpoint, customer, says, stamp, state_row, support, tenant, thread};
use kefu_store::cql::Replication;
use kefu_store::{
    CqlConfig, CqlStore, HistoryQuery, HistoryStore as _, ItemKey, ItemRow, LogBatch, LogReader, LogStore as _,
    Store as _, StoreError, Window, conformance,
};
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;

use cql_support::{config, fresh_config, fresh_keyspace, nodes};

/// A store in the keyspace of this run, which the first ones to come make together.
async fn shared() -> CqlStore {
    static KEYSPACE: LazyLock<String> = LazyLock::new(fresh_keyspace);
    CqlStore::open(CqlConfig { keyspace: KEYSPACE.clone(), ..config() }).await.expect("the store opens")
}

/// A hand in the database that is not the store's.
async fn session() -> Session {
    SessionBuilder::new().known_nodes(nodes()).build().await.expect("a session")
}

macro_rules! conforms {
    ($($module:ident: $($case:ident)*;)*) => {
        $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            conformance::$module::$case(&shared().await).await;
        })*)*
    };
}

kefu_store::conformance_cases!(conforms);

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
    let session = session().await;
    let newer = format!("INSERT INTO {}.schema_versions (part, version) VALUES (0, 99)", config.keyspace);
    session.query_unpaged(newer, ()).await.unwrap();
    let error = CqlStore::open(config).await.unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 99, .. }) && !error.is_retryable(), "{error}");
}

#[tokio::test]
async fn a_process_that_died_while_it_migrated_is_not_waited_for_forever() {
    let keyspace = fresh_keyspace();
    let session = session().await;
    let replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    for cql in [
        format!("CREATE KEYSPACE {keyspace} WITH replication = {replication}"),
        format!("CREATE TABLE {keyspace}.schema_lock (name text PRIMARY KEY, owner uuid)"),
        format!("CREATE TABLE {keyspace}.messages (tenant text PRIMARY KEY)"),
        format!("DROP TABLE {keyspace}.messages"),
        format!(
            "INSERT INTO {keyspace}.schema_lock (name, owner) VALUES ('migration', uuid()) IF NOT EXISTS USING TTL 4"
        ),
    ] {
        session.query_unpaged(cql, ()).await.unwrap();
    }
    let hasty = CqlConfig { keyspace: keyspace.clone(), migration_wait: Duration::from_secs(1), ..config() };
    let error = CqlStore::open(hasty).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(text) if text.contains("migrating")), "{error}");
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

/// More than two buckets of messages, written in pieces as an archiver does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_crosses_buckets() {
    let key = support(&tenant("buckets"), "c");
    let store = shared().await;
    let whole = thread(&key, 4_500);
    for piece in whole.items.chunks(1_000) {
        let items = piece.to_vec();
        store.write_log_batch(LogBatch { items, ..LogBatch::default() }.into()).await.unwrap();
    }
    let all: Vec<u64> = whole.items.iter().map(|row| row.item.rev).collect();
    // Without the state, and with it: the newest bucket is found either way.
    for states in [Vec::new(), whole.states] {
        store.write_log_batch(LogBatch { states, ..LogBatch::default() }.into()).await.unwrap();
        let (mut seen, mut window) = (Vec::new(), Window::Newest);
        loop {
            let query = HistoryQuery { window, limit: 200, ..HistoryQuery::default() };
            let page = store.history(&key.tenant, key.conversation, query).await.unwrap();
            seen.splice(0..0, page.items.iter().map(|item| item.rev));
            if !page.has_older {
                break;
            }
            window = Window::Before(page.items[0].key);
        }
        assert_eq!(seen, all);
    }
    for seq in [2_046, 2_047, 2_048, 4_095, 4_096] {
        let query = HistoryQuery { window: Window::After(ItemKey::end_of(seq)), limit: 3, ..HistoryQuery::default() };
        let page = store.history(&key.tenant, key.conversation, query).await.unwrap();
        assert_eq!(page.items[0].key, ItemKey::message(seq + 1));
        assert!(page.has_older && page.has_newer);
        let query = HistoryQuery { window: Window::Before(ItemKey::message(seq)), limit: 1, ..HistoryQuery::default() };
        let page = store.history(&key.tenant, key.conversation, query).await.unwrap();
        assert_eq!(page.items[0].key.seq, seq - 1);
    }
    let beyond =
        HistoryQuery { window: Window::Before(ItemKey::message(u64::MAX >> 1)), limit: 1, ..Default::default() };
    let page = store.history(&key.tenant, key.conversation, beyond).await.unwrap();
    assert_eq!(page.items[0].key.seq, 4_500);
}

/// A row that is larger than a batch may be goes alone, and a batch of many small ones in pieces.
#[tokio::test]
async fn large_and_many_rows_are_written() {
    let key = support(&tenant("large"), "c");
    let store = shared().await;
    let row = |seq: u64, bytes: usize| ItemRow {
        stamp: stamp(seq),
        ..conformance::sample::item(&key, ItemKey::message(seq), seq, seq, says(&"x".repeat(bytes), Audience::All))
    };
    let items = (1..=300).map(|seq| row(seq, if seq % 50 == 0 { 200_000 } else { 300 })).collect();
    let states = vec![state_row(&key, &customer("c"), 300, 300, 300)];
    store.write_log_batch(Arc::new(LogBatch { items, states, ..LogBatch::default() })).await.unwrap();
    let query = HistoryQuery { window: Window::Page(1), limit: 200, ..HistoryQuery::default() };
    let page = store.history(&key.tenant, key.conversation, query).await.unwrap();
    assert_eq!(page.items.len(), 200);
    assert_eq!(page.items.last().unwrap().key.seq, 300);
}
