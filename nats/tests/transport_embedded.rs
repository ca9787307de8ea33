//! What only the embedded log can do: break in files.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use kefu_nats::conformance::spec;
use kefu_nats::embedded::{Embedded, EmbeddedConfig};
use kefu_nats::testing::TempDir;
use kefu_nats::transport::{Durability, Overflow, StreamSpec, Transport, TransportError};

fn config(dir: &TempDir) -> EmbeddedConfig {
    EmbeddedConfig { segment_bytes: 8 << 10, tail_bytes: 1 << 10, ..EmbeddedConfig::new(dir.path()) }
}

async fn open(dir: &TempDir) -> Embedded {
    let log = Embedded::open(config(dir)).await.expect("the log opens");
    for name in ["a", "b"] {
        log.open_stream(&spec(name)).await.expect("the stream opens");
    }
    log
}

fn payload(number: u64) -> Bytes {
    Bytes::from(format!("{number:0100}"))
}

/// One append and one sync each.
async fn append(log: &Embedded, stream: &str, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        let ticket = log.append(stream, payload(number), None).await.expect("it is enqueued");
        assert_eq!(ticket.await.expect("it is stored"), number);
    }
}

async fn expect(log: &Embedded, stream: &str, numbers: std::ops::RangeInclusive<u64>) {
    let mut reader = log.read(stream, *numbers.start()).await.expect("a reader");
    for number in numbers {
        let record = reader.next().await.expect("a record");
        assert_eq!((record.position, record.payload), (number, payload(number)));
    }
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    files.sort();
    files
}

fn flip(file: &Path, offset: usize) {
    let mut bytes = fs::read(file).expect("a file");
    bytes[offset] ^= 0xFF;
    fs::write(file, bytes).expect("it is written");
}

#[tokio::test]
async fn a_torn_last_write_is_cut_off() {
    let dir = TempDir::new();
    let log = open(&dir).await;
    append(&log, "a", 1..=10).await;
    log.close().await.expect("it closes");
    let last = files(dir.path(), "seg").pop().expect("a segment");
    let whole = fs::read(&last).expect("a file");
    for cut in [1, 50, 131] {
        fs::write(&last, &whole[..whole.len() - cut]).expect("it is written");
        let log = open(&dir).await;
        assert_eq!(log.info("a").await.expect("info").last, 9, "cut by {cut}");
        expect(&log, "a", 1..=9).await;
        append(&log, "a", 10..=10).await;
        expect(&log, "a", 1..=10).await;
        log.close().await.expect("it closes");
        assert_eq!(fs::read(&last).expect("a file").len(), whole.len());
    }
}

#[tokio::test]
async fn garbage_at_the_end_is_cut_off() {
    let dir = TempDir::new();
    let log = open(&dir).await;
    append(&log, "a", 1..=3).await;
    log.close().await.expect("it closes");
    let last = files(dir.path(), "seg").pop().expect("a segment");
    let mut file = OpenOptions::new().append(true).open(&last).expect("a file");
    file.write_all(&[0; 5000]).expect("it is written");
    let log = open(&dir).await;
    expect(&log, "a", 1..=3).await;
    append(&log, "a", 4..=4).await;
}

#[tokio::test]
async fn damage_in_the_middle_is_refused_with_its_place() {
    let dir = TempDir::new();
    let log = open(&dir).await;
    append(&log, "a", 1..=10).await;
    log.close().await.expect("it closes");
    let last = files(dir.path(), "seg").pop().expect("a segment");
    // The fourth record: 16 bytes of file header, 132 per record.
    flip(&last, 16 + 3 * 132 + 40);
    match Embedded::open(config(&dir)).await.err().expect("it is refused") {
        TransportError::Corrupt { file, offset, .. } => assert_eq!((file, offset), (last, 16 + 3 * 132)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn damage_in_a_sealed_segment_is_found_when_it_is_read() {
    let dir = TempDir::new();
    let log = open(&dir).await;
    append(&log, "a", 1..=200).await;
    let first = files(dir.path(), "seg").remove(0);
    flip(&first, 16 + 3 * 132 + 40);
    log.close().await.expect("it closes");
    let log = open(&dir).await;
    let mut reader = log.read("a", 1).await.expect("a reader");
    let damaged = loop {
        match reader.next().await {
            Ok(record) => assert!(record.position < 4, "{record:?}"),
            Err(error) => break error,
        }
    };
    assert!(matches!(damaged, TransportError::Corrupt { offset: 412, .. }), "{damaged:?}");
}

#[tokio::test]
async fn a_shortened_or_missing_segment_is_refused() {
    let dir = TempDir::new();
    let log = open(&dir).await;
    append(&log, "a", 1..=200).await;
    log.close().await.expect("it closes");
    let segment = files(dir.path(), "seg").remove(1);
    let whole = fs::read(&segment).expect("a file");
    fs::write(&segment, &whole[..whole.len() - 1]).expect("it is written");
    let error = Embedded::open(config(&dir)).await.err().expect("it is refused");
    assert!(matches!(error, TransportError::Corrupt { .. }), "{error:?}");
    fs::remove_file(&segment).expect("it is removed");
    let error = Embedded::open(config(&dir)).await.err().expect("it is refused");
    assert!(matches!(error, TransportError::Corrupt { .. }), "{error:?}");
    fs::write(&segment, &whole).expect("it is written");
    expect(&open(&dir).await, "a", 1..=200).await;
}

#[tokio::test]
async fn a_missing_index_is_made_again() {
    let dir = TempDir::new();
    let log = open(&dir).await;
    append(&log, "a", 1..=200).await;
    log.close().await.expect("it closes");
    let indexes = files(dir.path(), "idx");
    assert!(indexes.len() >= 2, "several segments are sealed");
    fs::remove_file(&indexes[1]).expect("it is removed");
    expect(&open(&dir).await, "a", 1..=200).await;
    assert_eq!(files(dir.path(), "idx"), indexes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_a_drop_without_close() {
    let dir = TempDir::new();
    let mut stored = 0;
    for round in 0..5 {
        let log = open(&dir).await;
        assert!(log.info("a").await.expect("info").last >= stored);
        let mut tickets = Vec::new();
        for _ in 0..200 {
            tickets.push(log.append("a", Bytes::from(vec![round; 300]), None).await.expect("it is enqueued"));
        }
        let mut waiting = tickets.split_off(50);
        for ticket in tickets {
            stored = ticket.await.expect("it is stored");
        }
        drop(log);
        for ticket in waiting.drain(..) {
            match ticket.await {
                Ok(position) => stored = position,
                Err(error) => assert!(error.is_ambiguous(), "{error:?}"),
            }
        }
    }
    let log = open(&dir).await;
    let info = log.info("a").await.expect("info");
    assert!(info.last >= stored);
    let mut reader = log.read("a", 1).await.expect("a reader");
    for position in 1..=info.last {
        assert_eq!(reader.next().await.expect("a record").position, position);
    }
}

#[tokio::test]
async fn a_purge_frees_files_but_not_those_another_stream_needs() {
    let dir = TempDir::new();
    let log = open(&dir).await;
    append(&log, "b", 1..=1).await;
    append(&log, "a", 1..=500).await;
    let before = files(dir.path(), "seg");
    assert!(before.len() > 5, "{}", before.len());
    log.purge_below("a", 480).await.expect("a purge");
    let after = files(dir.path(), "seg");
    assert!(after.len() <= 3, "{after:?}");
    assert_eq!(after[0], before[0], "the only record of b is in the first");
    assert_eq!(files(dir.path(), "idx").len(), after.len() - 1);
    log.close().await.expect("it closes");
    let log = open(&dir).await;
    assert_eq!(log.info("a").await.expect("info").first, 480);
    expect(&log, "a", 480..=500).await;
    expect(&log, "b", 1..=1).await;
}

#[tokio::test]
async fn a_deleted_stream_frees_its_files_and_stays_deleted() {
    let dir = TempDir::new();
    let log = open(&dir).await;
    append(&log, "a", 1..=300).await;
    log.delete_stream("a").await.expect("it is deleted");
    assert_eq!(files(dir.path(), "seg").len(), 1);
    log.close().await.expect("it closes");
    let log = Embedded::open(config(&dir)).await.expect("the log opens");
    assert!(matches!(log.info("a").await, Err(TransportError::NotFound { .. })));
    assert_eq!(log.open_stream(&spec("a")).await.expect("it is made again").last, 0);
    append(&log, "a", 1..=1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_segments_open_fast() {
    let dir = TempDir::new();
    let log = open(&dir).await;
    for _ in 0..200 {
        let mut last = None;
        for _ in 0..50 {
            last = Some(log.append("a", payload(1), None).await.expect("it is enqueued"));
        }
        last.expect("a ticket").await.expect("it is stored");
    }
    log.close().await.expect("it closes");
    assert!(files(dir.path(), "seg").len() > 100);
    let started = Instant::now();
    let log = open(&dir).await;
    println!("opened {} segments in {:?}", files(dir.path(), "seg").len(), started.elapsed());
    assert_eq!(log.info("a").await.expect("info").last, 10_000);
    let mut reader = log.read("a", 5_000).await.expect("a reader");
    assert_eq!(reader.next().await.expect("a record").position, 5_000);
}

#[tokio::test]
async fn one_process_at_a_time() {
    let dir = TempDir::new();
    let log = open(&dir).await;
    let second = Embedded::open(config(&dir)).await.err().expect("it is refused");
    assert!(matches!(second, TransportError::Other { .. }), "{second:?}");
    drop(log);
    open(&dir).await;
}

#[tokio::test]
async fn another_format_is_refused() {
    let dir = TempDir::new();
    open(&dir).await.close().await.expect("it closes");
    fs::write(dir.path().join("FORMAT"), "kefu-log 2\n").expect("it is written");
    let error = Embedded::open(config(&dir)).await.err().expect("it is refused");
    assert!(error.to_string().contains("kefu-log 2"), "{error}");
}

#[tokio::test]
async fn shapes_it_cannot_keep_are_refused() {
    let dir = TempDir::new();
    let log = open(&dir).await;
    for bad in [
        StreamSpec { overflow: Overflow::DropOldest, ..spec("x") },
        StreamSpec { max_age: Some(Duration::from_secs(600)), ..spec("x") },
    ] {
        assert_eq!(bad.durability, Durability::Disk);
        assert!(matches!(log.open_stream(&bad).await, Err(TransportError::Invalid { .. })));
    }
}
