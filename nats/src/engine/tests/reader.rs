//! Readers and checkpoints on the embedded log.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kefu_model::conversation::{Decision, Prior, decide};
use kefu_model::reader::LogCursor;
use kefu_model::{At, Conversation, Partition};

use super::clients::Client;
use super::domain::Chats;
use super::shelf::tenant;
use crate::broker::{Broker, BrokerSettings, LogKind, LogName};
use crate::codec;
use crate::embedded::{Embedded, EmbeddedConfig};
use crate::engine::reader::look_before;
use crate::engine::{Gather, LogReader, ReadError};
use crate::payload::{self, RecordWire};
use crate::testing::TempDir;

const LOG: LogName = LogName { kind: LogKind::Chat, partition: Partition(0) };

async fn broker(dir: &TempDir) -> Broker {
    let config = EmbeddedConfig { fsync: false, ..EmbeddedConfig::new(dir.path()) };
    let transport = Arc::new(Embedded::open(config).await.unwrap());
    let settings = BrokerSettings { partitions: 1, ..BrokerSettings::default() };
    Broker::open(transport, settings).await.unwrap()
}

fn claim() -> Bytes {
    payload::encode(&RecordWire::Claim("w".to_owned(), 1))
}

fn batch(generation: u64, ordinal: u64) -> Bytes {
    payload::encode(&RecordWire::batch(generation, ordinal, 0, &[Bytes::from(format!("{generation}.{ordinal}"))]))
}

async fn write(broker: &Broker, records: &[Bytes]) {
    for record in records {
        let ticket = broker.transport().append(&LOG.log_stream(), record.clone(), None).await.unwrap();
        ticket.await.unwrap();
    }
}

fn cursor(position: u64, generation: u64, ordinal: u64) -> LogCursor {
    LogCursor { position, generation, ordinal }
}

async fn refusal(broker: &Broker, id: Option<[u8; 16]>, cursor: LogCursor) -> &'static str {
    match LogReader::open(broker, LOG, id, cursor).await.err() {
        Some(ReadError::NotOurs { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_reader_passes_over_what_does_not_count() {
    let dir = TempDir::new();
    let broker = broker(&dir).await;
    let records = [claim(), batch(1, 1), batch(1, 1), batch(1, 3), claim(), batch(1, 2), batch(5, 1)];
    write(&broker, &records).await;
    let mut reader = LogReader::open(&broker, LOG, None, LogCursor::default()).await.unwrap();
    let mut found = Vec::new();
    for _ in 0..4 {
        let record = reader.next().await.unwrap();
        found.push((record.cursor, record.outcomes.len()));
    }
    assert_eq!(found, [(cursor(1, 1, 0), 0), (cursor(2, 1, 1), 1), (cursor(5, 5, 0), 0), (cursor(7, 5, 1), 1)]);
}

#[tokio::test]
async fn a_reader_goes_on_behind_its_checkpoint() {
    let dir = TempDir::new();
    let broker = broker(&dir).await;
    write(&broker, &[claim(), batch(1, 1), batch(1, 2), batch(1, 3)]).await;
    let id = LogReader::open(&broker, LOG, None, LogCursor::default()).await.unwrap().log_id();
    let mut reader = LogReader::open(&broker, LOG, Some(id), cursor(2, 1, 1)).await.unwrap();
    let window = reader.next_window(&Gather::every(Duration::from_secs(5), 2)).await.unwrap();
    assert_eq!(window.iter().map(|record| record.cursor.position).collect::<Vec<_>>(), [3, 4]);
    let mut resumed = LogReader::resume(&broker, LOG, 3).await.unwrap();
    assert_eq!(resumed.next().await.unwrap().cursor, cursor(4, 1, 3));
}

#[tokio::test]
async fn a_window_that_nobody_waited_for_is_in_the_next_one() {
    let dir = TempDir::new();
    let broker = broker(&dir).await;
    let mut reader = LogReader::open(&broker, LOG, None, LogCursor::default()).await.unwrap();
    write(&broker, &[claim(), batch(1, 1)]).await;
    let long = Gather::every(Duration::from_secs(3_600), 100);
    let given_up = tokio::time::timeout(Duration::from_millis(50), reader.next_window(&long)).await;
    assert!(given_up.is_err(), "it waits for more");
    write(&broker, &[batch(1, 2)]).await;
    let window = reader.next_window(&Gather::every(Duration::from_millis(1), 100)).await.unwrap();
    assert_eq!(window.iter().map(|record| record.cursor.position).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn a_reader_that_is_behind_does_not_wait() {
    let dir = TempDir::new();
    let broker = broker(&dir).await;
    // More than what is kept in memory, and records of which one reading of a file takes a few.
    let large = |ordinal| {
        let outcome = Bytes::from(vec![b'x'; 300_000]);
        payload::encode(&RecordWire::batch(1, ordinal, 0, &[outcome]))
    };
    let records: Vec<Bytes> = std::iter::once(claim()).chain((1..=300).map(large)).collect();
    write(&broker, &records).await;
    let mut reader = LogReader::open(&broker, LOG, None, LogCursor::default()).await.unwrap();
    let window = reader.next_window(&Gather::every(Duration::from_secs(3_600), 10_000)).await.unwrap();
    assert_eq!(window.len(), 256);
}

#[tokio::test]
async fn a_checkpoint_of_another_log_is_refused() {
    let dir = TempDir::new();
    let broker = broker(&dir).await;
    write(&broker, &[claim(), batch(1, 1)]).await;
    assert_eq!(refusal(&broker, Some([7; 16]), cursor(2, 1, 1)).await, "the log has another id");
    assert_eq!(refusal(&broker, Some([7; 16]), LogCursor::default()).await, "the log has another id");
    assert_eq!(refusal(&broker, None, cursor(5, 1, 4)).await, "the log is shorter");
    // The log has grown over the place: another record stands there.
    write(&broker, &[claim(), batch(3, 1), batch(3, 2)]).await;
    assert_eq!(refusal(&broker, None, cursor(5, 1, 4)).await, "another record stands there");
    assert_eq!(refusal(&broker, None, cursor(3, 1, 2)).await, "another record stands there");
    assert!(LogReader::open(&broker, LOG, None, cursor(5, 3, 2)).await.is_ok());
    assert!(LogReader::open(&broker, LOG, None, cursor(3, 3, 0)).await.is_ok(), "a claim is a place too");
}

#[tokio::test]
async fn a_log_that_is_shorter_is_looked_at_again() {
    let dir = TempDir::new();
    let broker = broker(&dir).await;
    write(&broker, &[claim(), batch(1, 1)]).await;
    let late = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        write(&broker, &[batch(1, 2)]).await;
    };
    let (opened, ()) = tokio::join!(LogReader::open(&broker, LOG, None, cursor(3, 1, 2)), late);
    assert!(opened.is_ok());
}

#[tokio::test]
async fn what_was_purged_is_not_read() {
    let dir = TempDir::new();
    let broker = broker(&dir).await;
    write(&broker, &[claim(), batch(1, 1), batch(1, 2), batch(1, 3)]).await;
    broker.purge_log(LOG, 3).await.unwrap();
    assert_eq!(refusal(&broker, None, LogCursor::default()).await, "the log's beginning was purged");
    assert_eq!(refusal(&broker, None, cursor(2, 1, 1)).await, "that record was purged");
    assert!(matches!(LogReader::resume(&broker, LOG, 2).await.err(), Some(ReadError::NotOurs { .. })));
    let mut reader = LogReader::open(&broker, LOG, None, cursor(3, 1, 2)).await.unwrap();
    assert_eq!(reader.next().await.unwrap().cursor, cursor(4, 1, 3));
}

#[tokio::test]
async fn a_record_of_another_version_stops_the_reader() {
    let dir = TempDir::new();
    let broker = broker(&dir).await;
    write(&broker, &[claim()]).await;
    let mut newer = batch(1, 1).to_vec();
    newer[0] = 2;
    broker.transport().append(&LOG.log_stream(), newer.into(), None).await.unwrap().await.unwrap();
    let mut reader = LogReader::open(&broker, LOG, None, LogCursor::default()).await.unwrap();
    reader.next().await.unwrap();
    assert!(matches!(reader.next().await, Err(ReadError::Payload { position: 2, .. })));
}

/// A record of one outcome that was decided then.
fn decided(at: u64, ordinal: u64) -> Bytes {
    let client = Client::new("d", 0, true, 1);
    let state = Conversation::absent(tenant(), client.commands[0].conversation);
    let Decision::Record(outcome) = decide(&state, Prior::None, &client.commands[0], At(at)) else { panic!() };
    payload::encode(&RecordWire::batch(1, ordinal, 0, &[codec::encode_outcome(&outcome)]))
}

#[tokio::test]
async fn the_time_of_the_last_outcome_is_found_behind_claims() {
    let dir = TempDir::new();
    let broker = broker(&dir).await;
    write(&broker, &[claim(), decided(500, 1), decided(900, 2), claim(), claim()]).await;
    let domain = Chats { deduplicates: true };
    for (position, expected) in [(0, 0), (1, 0), (2, 500), (3, 900), (5, 900)] {
        assert_eq!(look_before(&broker, LOG, &domain, position).await.unwrap().at, At(expected), "{position}");
    }
    broker.purge_log(LOG, 4).await.unwrap();
    assert_eq!(look_before(&broker, LOG, &domain, 5).await.unwrap().at, At(0), "as far as the log reaches");
}
