//! Reading: complete, in order, live.

use std::time::Duration;

use bytes::Bytes;

use super::{Harness, QUIET, append, append_range, expect_range, next, payload, soon, spec, with_stream};
use crate::transport::{Durability, Overflow, StreamSpec, TransportError};

/// A reader starts where it is told and goes on with what is appended later.
pub async fn reads_from_the_middle_and_follows(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    append_range(&*transport, "s", 1..=100).await;
    let mut reader = transport.read("s", 51).await.expect("a reader");
    assert_eq!(reader.stream_id(), transport.info("s").await.expect("info").id);
    expect_range(&mut *reader, 51..=100).await;
    for number in 101..=110 {
        append_range(&*transport, "s", number..=number).await;
        expect_range(&mut *reader, number..=number).await;
    }
}

/// What is there is known to be there, as soon as something of it was yielded, and nothing else is.
pub async fn knows_what_is_there(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    let reader = transport.read("s", 1).await.expect("a reader");
    assert!(!reader.has_more(), "there is nothing");
    append_range(&*transport, "s", 1..=1_500).await;
    let mut reader = transport.read("s", 1).await.expect("a reader");
    for number in 1..=1_500 {
        expect_range(&mut *reader, number..=number).await;
        assert_eq!(reader.has_more(), number < 1_500, "behind {number}");
    }
}

/// Readers are independent, also while appends go on.
pub async fn two_readers_see_the_same(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    let mut early = transport.read("s", 1).await.expect("a reader");
    append_range(&*transport, "s", 1..=50).await;
    let mut late = transport.read("s", 1).await.expect("a reader");
    let appending = append_range(&*transport, "s", 51..=500);
    let (_, (), ()) = tokio::join!(appending, expect_range(&mut *early, 1..=500), expect_range(&mut *late, 1..=500));
}

/// Below the first record (after a purge, or at 0) a reader starts at the first there is.
pub async fn starts_at_the_first_available(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    append_range(&*transport, "s", 1..=20).await;
    let mut reader = transport.read("s", 0).await.expect("a reader");
    expect_range(&mut *reader, 1..=2).await;
    transport.purge_below("s", 11).await.expect("a purge");
    let mut reader = transport.read("s", 3).await.expect("a reader");
    expect_range(&mut *reader, 11..=20).await;
    append_range(&*transport, "s", 21..=21).await;
    expect_range(&mut *reader, 21..=21).await;
}

/// A reader that starts beyond the last record yields nothing below its start.
pub async fn a_start_beyond_the_end_waits(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    append_range(&*transport, "s", 1..=3).await;
    let mut reader = transport.read("s", 6).await.expect("a reader");
    append_range(&*transport, "s", 4..=5).await;
    assert!(tokio::time::timeout(QUIET, reader.next()).await.is_err());
    append_range(&*transport, "s", 6..=7).await;
    expect_range(&mut *reader, 6..=7).await;
}

/// `next` may be dropped at any time.
pub async fn a_cancelled_read_loses_nothing(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    let mut reader = transport.read("s", 1).await.expect("a reader");
    let appending = tokio::spawn({
        let transport = transport.clone();
        async move {
            for number in 1..=200 {
                append_range(&*transport, "s", number..=number).await;
            }
        }
    });
    let mut expected = 1;
    while expected <= 200 {
        // Short enough that many calls are dropped, some of them about to yield.
        match tokio::time::timeout(Duration::from_micros(50), reader.next()).await {
            Ok(record) => {
                assert_eq!(record.expect("a record").position, expected);
                expected += 1;
            }
            Err(_) => tokio::task::yield_now().await,
        }
    }
    soon(appending).await.expect("all are appended");
}

/// Records of the largest size are read whole, one after the other.
pub async fn reads_large_records(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    for number in 1..=24_u8 {
        let large = Bytes::from(vec![number; 1_000_000]);
        append(&*transport, "s", large, None).await.expect("it is stored");
    }
    let mut reader = transport.read("s", 1).await.expect("a reader");
    for number in 1..=24_u8 {
        let record = next(&mut *reader).await;
        assert_eq!((record.position, record.payload.len()), (u64::from(number), 1_000_000));
        assert!(record.payload.iter().all(|byte| *byte == number));
    }
}

/// A stream that was deleted and made again is another one: its readers end and say so.
pub async fn a_replaced_stream_ends_its_readers(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    append_range(&*transport, "s", 1..=5).await;
    let before = transport.info("s").await.expect("info");
    let mut reader = transport.read("s", 1).await.expect("a reader");
    expect_range(&mut *reader, 1..=5).await;
    harness.delete_stream("s").await;
    let after = transport.open_stream(&spec("s")).await.expect("it is made again");
    assert_ne!(before.id, after.id);
    assert_eq!((after.first, after.last), (1, 0));
    append_range(&*transport, "s", 1..=10).await;
    for _ in 0..2 {
        let error = soon(reader.next()).await.expect_err("the stream is another one");
        assert!(matches!(error, TransportError::StreamReplaced { .. }), "{error:?}");
    }
    let mut reader = transport.read("s", 1).await.expect("a reader");
    expect_range(&mut *reader, 1..=10).await;
}

/// One record by its position; nothing where there is none.
pub async fn a_record_can_be_read_alone(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    append_range(&*transport, "s", 1..=10).await;
    transport.purge_below("s", 5).await.expect("a purge");
    for position in [0, 1, 4, 11, 1000] {
        assert_eq!(transport.read_one("s", position).await.expect("an answer"), None, "{position}");
    }
    for position in 5..=10 {
        let record = transport.read_one("s", position).await.expect("an answer").expect("a record");
        assert_eq!((record.position, record.payload), (position, payload(position)));
    }
}

/// Streams in memory behave alike, and records that are too old are gone.
pub async fn a_memory_stream_is_read_too(harness: impl Harness) {
    let transport = harness.transport();
    let volatile = StreamSpec {
        durability: Durability::Memory,
        overflow: Overflow::DropOldest,
        duplicate_window: Duration::from_millis(500),
        max_age: Some(Duration::from_secs(1)),
        ..spec("m")
    };
    transport.open_stream(&volatile).await.expect("the stream opens");
    let mut reader = transport.read("m", 1).await.expect("a reader");
    assert_eq!(append_range(&*transport, "m", 1..=50).await, (1..=50).collect::<Vec<_>>());
    expect_range(&mut *reader, 1..=50).await;
    let aged = async {
        while transport.info("m").await.expect("info").first <= 50 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    soon(aged).await;
    let info = transport.info("m").await.expect("info");
    assert_eq!((info.first, info.last), (51, 50));
    assert_eq!(append_range(&*transport, "m", 51..=51).await, [51]);
    expect_range(&mut *reader, 51..=51).await;
}
