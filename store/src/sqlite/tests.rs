use std::sync::Arc;
use std::time::Duration;

use kefu_model::Partition;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::conformance::sample::{checkpoint, support, tenant, thread};
use crate::{Directory as _, Fault, Faulty, HistoryQuery, HistoryStore as _, LogReader, LogStore as _, conformance};

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("kefu.db")
    }

    fn open(&self) -> Result<SqliteStore, StoreError> {
        SqliteStore::open(&SqliteConfig::new(self.path()))
    }

    /// Another program's hand in the file.
    fn meddle(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }
}

macro_rules! conforms {
    ($($module:ident: $($case:ident)*;)*) => {
        $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let place = Place::new();
            conformance::$module::$case(&place.open().unwrap()).await;
        })*)*
    };
}

crate::conformance_cases!(conforms);

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let place = Place::new();
    let key = support(&tenant("t"), "c");
    let store = place.open().unwrap();
    store.write_log_batch(thread(&key, 30).into()).await.unwrap();
    store.save_checkpoint(checkpoint(0, 30)).await.unwrap();
    store.close().await.unwrap();
    assert!(matches!(store.ping().await, Err(StoreError::Closed)));
    assert!(matches!(store.save_checkpoint(checkpoint(0, 31)).await, Err(StoreError::Closed)));
    let store = place.open().unwrap();
    let query = HistoryQuery { limit: 100, ..HistoryQuery::default() };
    assert_eq!(store.history(&key.tenant, key.conversation, query).await.unwrap().items.len(), 42);
    assert_eq!(store.checkpoint(LogReader::Archiver, Partition(0)).await.unwrap(), Some(checkpoint(0, 30)));
}

#[tokio::test]
async fn closing_finishes_the_writes_that_were_taken() {
    let place = Place::new();
    let store = Arc::new(place.open().unwrap());
    let writes: Vec<_> = (0..50)
        .map(|partition| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.save_checkpoint(checkpoint(partition, 1)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    store.close().await.unwrap();
    let store = place.open().unwrap();
    for (partition, write) in (0..50).zip(writes) {
        let stored = store.checkpoint(LogReader::Archiver, Partition(partition)).await.unwrap();
        assert_eq!(stored.is_some(), write.await.unwrap().is_ok());
    }
}

#[tokio::test]
async fn a_newer_schema_and_a_foreign_file_are_refused() {
    let place = Place::new();
    drop(place.open().unwrap());
    place.meddle("PRAGMA user_version = 99");
    let error = place.open().unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("99") && !error.is_retryable());

    let place = Place::new();
    place.meddle("CREATE TABLE recipes (name TEXT)");
    assert!(matches!(place.open().unwrap_err(), StoreError::Foreign { found: 0, .. }));
    let place = Place::new();
    std::fs::write(place.path(), "this is no database at all, whatever its name says").unwrap();
    let error = place.open().unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

#[tokio::test]
async fn a_corrupt_or_newer_blob_is_a_clear_error() {
    let place = Place::new();
    let store = place.open().unwrap();
    let key = support(&tenant("t"), "c");
    store.write_log_batch(thread(&key, 3).into()).await.unwrap();
    place.meddle("UPDATE conversations SET state = x'01ffff'");
    let error = store.load_conversation(&key.tenant, key.conversation).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { what: "conversation state", .. }), "{error}");
    place.meddle("UPDATE conversations SET state = x'63'");
    let error = store.load_conversation(&key.tenant, key.conversation).await.unwrap_err();
    assert!(matches!(error, StoreError::UnknownVersion { found: 0x63, .. }), "{error}");
    place.meddle("UPDATE messages SET body = x'0100' WHERE seq = 2");
    let query = HistoryQuery { limit: 10, ..HistoryQuery::default() };
    let error = store.history(&key.tenant, key.conversation, query).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { what: "history item", .. }), "{error}");
}

#[tokio::test]
async fn one_failing_write_leaves_the_others_of_its_group() {
    let place = Place::new();
    let store = place.open().unwrap();
    let failing = store.write(|conn| -> Result<(), StoreError> {
        conn.execute("INSERT INTO customers (tenant, id, stamp) VALUES ('t', 'x', 1)", ())?;
        Err(StoreError::NotFound { what: "courage" })
    });
    let (failed, saved) = futures::join!(failing, store.save_checkpoint(checkpoint(5, 1)));
    assert!(matches!(failed, Err(StoreError::NotFound { .. })));
    saved.unwrap();
    let ids = [kefu_model::UserId::new("x").unwrap()];
    assert_eq!(store.customers_by_id(&tenant("t"), &ids).await.unwrap(), [None], "its own rows are undone");
}

#[tokio::test]
async fn a_full_disk_is_told_and_heals() {
    let place = Place::new();
    let store = place.open().unwrap();
    let limit: i64 =
        store.write(|conn| Ok(conn.query_row("PRAGMA max_page_count = 60", (), |row| row.get(0))?)).await.unwrap();
    let key = support(&tenant("t"), "c");
    let error = store.write_log_batch(thread(&key, 5_000).into()).await.unwrap_err();
    assert!(matches!(error, StoreError::DiskFull) && error.is_retryable(), "{error} with {limit} pages");
    assert!(store.load_conversation(&key.tenant, key.conversation).await.unwrap().is_none());
    store.write(|conn| Ok(conn.query_row("PRAGMA max_page_count = 100000", (), |_| Ok(()))?)).await.unwrap();
    store.write_log_batch(thread(&key, 5_000).into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_do_not_wait_for_the_writer() {
    let place = Place::new();
    let store = Arc::new(place.open().unwrap());
    let (held, hold) = std::sync::mpsc::channel::<()>();
    let writer = Arc::clone(&store);
    let write = tokio::spawn(async move { writer.write(move |_| hold.recv().map_err(|_| StoreError::Closed)).await });
    for _ in 0..20 {
        assert!(store.checkpoint(LogReader::Archiver, Partition(0)).await.unwrap().is_none());
    }
    assert!(!write.is_finished());
    held.send(()).unwrap();
    write.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_full_queue_is_told() {
    let place = Place::new();
    let config =
        SqliteConfig { queue_writes: 1, queue_wait: Duration::from_millis(50), ..SqliteConfig::new(place.path()) };
    let store = Arc::new(SqliteStore::open(&config).unwrap());
    let (held, hold) = std::sync::mpsc::channel::<()>();
    let writer = Arc::clone(&store);
    let slow = tokio::spawn(async move { writer.write(move |_| hold.recv().map_err(|_| StoreError::Closed)).await });
    let mut overloaded = None;
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let write = tokio::time::timeout(Duration::from_millis(200), store.save_checkpoint(checkpoint(0, 1))).await;
        match write {
            Ok(Err(error)) => overloaded = Some(error),
            other => waiting.push(other.is_ok()),
        }
    }
    let overloaded = overloaded.unwrap();
    assert!(matches!(overloaded, StoreError::Overloaded { limit: 1 }) && overloaded.is_retryable());
    held.send(()).unwrap();
    slow.await.unwrap().unwrap();
}

#[tokio::test]
async fn faults_are_as_planned() {
    let place = Place::new();
    let store = Faulty::new(Arc::new(place.open().unwrap()), |method| match method {
        "save_checkpoint" => Some(Fault::TimeoutAfter),
        "ping" => Some(Fault::Unavailable),
        _ => None,
    });
    assert!(matches!(store.save_checkpoint(checkpoint(0, 7)).await, Err(StoreError::Timeout)));
    let saved = store.checkpoint(LogReader::Archiver, Partition(0)).await.unwrap();
    assert_eq!(saved, Some(checkpoint(0, 7)), "it happened all the same");
    assert!(crate::Store::ping(&store).await.unwrap_err().is_retryable());
    store.set_plan(|_| Some(Fault::Slow(Duration::from_millis(1))));
    store.save_checkpoint(checkpoint(0, 8)).await.unwrap();
}

#[tokio::test]
async fn two_processes_share_a_file() {
    let place = Place::new();
    let (one, two) = (place.open().unwrap(), place.open().unwrap());
    one.save_checkpoint(checkpoint(0, 1)).await.unwrap();
    two.save_checkpoint(checkpoint(1, 1)).await.unwrap();
    assert!(one.checkpoint(LogReader::Archiver, Partition(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_read_that_dies_takes_nothing_with_it() {
    let place = Place::new();
    let store = SqliteStore::open(&SqliteConfig { readers: 1, ..SqliteConfig::new(place.path()) }).unwrap();
    let died: Result<(), StoreError> = store.read(|_| panic!("on purpose")).await;
    assert!(matches!(died, Err(StoreError::Backend(_))));
    crate::Store::ping(&store).await.unwrap();
}
