//! Appending, purging, and what a stream says of itself.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;

use super::{Harness, append, append_range, expect_range, payload, soon, spec, with_stream};
use crate::transport::{
    ConnectionState, Durability, MAX_APPENDS_IN_FLIGHT, MAX_PAYLOAD_BYTES, Overflow, StreamSpec, TransportError,
};

/// Pipelined appends get the positions 1, 2, 3, … in the order of the calls, and are read in it.
pub async fn positions_are_dense_and_in_order(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    let positions = append_range(&*transport, "s", 1..=1000).await;
    assert_eq!(positions, (1..=1000).collect::<Vec<_>>());
    let mut reader = transport.read("s", 1).await.expect("a reader");
    expect_range(&mut *reader, 1..=1000).await;
}

/// More appends than may be in flight go through although nobody looks at a ticket, and although it is dropped.
pub async fn tickets_need_not_be_polled(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    let count = MAX_APPENDS_IN_FLIGHT as u64 + 100;
    let mut kept = Vec::new();
    for number in 1..=count {
        let ticket = soon(transport.append("s", payload(number), None)).await.expect("it is enqueued");
        if number % 2 == 0 {
            kept.push(ticket);
        }
    }
    let last = kept.pop().expect("the last ticket");
    assert_eq!(soon(last).await.expect("it is stored"), count);
    let mut reader = transport.read("s", 1).await.expect("a reader");
    expect_range(&mut *reader, 1..=count).await;
}

/// A repeated message id appends nothing and answers the first position; other ids and none are new.
pub async fn a_known_msg_id_answers_the_original_position(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    for (id, position) in [(Some("a"), 1), (None, 2), (Some("a"), 1), (Some("b"), 3), (Some("a"), 1), (None, 4)] {
        assert_eq!(append(&*transport, "s", payload(position), id).await.expect("an answer"), position);
    }
    assert_eq!(transport.info("s").await.expect("info").last, 4);
    let mut reader = transport.read("s", 1).await.expect("a reader");
    expect_range(&mut *reader, 1..=4).await;
}

/// Nor does a repetition append that is sent before the first answer came. Where the stream has replicas it may be answered
/// that the same id is being stored just now; asked again, the answer is the position.
pub async fn a_msg_id_is_known_while_its_append_is_under_way(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    let mut tickets = Vec::new();
    for _ in 0..3 {
        tickets.push(soon(transport.append("s", payload(1), Some("same"))).await.expect("it is enqueued"));
    }
    for ticket in tickets {
        let mut answer = soon(ticket).await;
        while answer.as_ref().is_err_and(TransportError::is_ambiguous) {
            answer = append(&*transport, "s", payload(1), Some("same")).await;
        }
        assert_eq!(answer.expect("an answer"), 1);
    }
    assert_eq!(transport.info("s").await.expect("info").last, 1);
}

/// The largest payload passes, one byte more does not, and what follows is not disturbed.
pub async fn too_much_is_refused(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    let id = "i".repeat(256);
    let most = Bytes::from(vec![7; MAX_PAYLOAD_BYTES]);
    assert_eq!(append(&*transport, "s", most.clone(), Some(&id)).await.expect("it is stored"), 1);
    let more = Bytes::from(vec![7; MAX_PAYLOAD_BYTES + 1]);
    let error = append(&*transport, "s", more.clone(), None).await.expect_err("it is refused");
    assert!(matches!(error, TransportError::TooLarge { limit: MAX_PAYLOAD_BYTES, .. }), "{error:?}");
    let error = transport.publish("x", more).await.expect_err("it is refused");
    assert!(matches!(error, TransportError::TooLarge { .. }), "{error:?}");
    let error = append(&*transport, "s", payload(2), Some(&format!("{id}i"))).await.expect_err("it is refused");
    assert!(matches!(error, TransportError::Invalid { .. }), "{error:?}");
    assert_eq!(append(&*transport, "s", Bytes::new(), None).await.expect("it is stored"), 2);
    let record = transport.read_one("s", 1).await.expect("an answer").expect("a record");
    assert_eq!(record.payload, most);
}

/// `discard: new`: at the limit appends are refused, stored ones stay, and a purge makes room.
pub async fn a_full_stream_refuses_until_purged(harness: impl Harness) {
    let transport = harness.transport();
    for durability in [Durability::Disk, Durability::Memory] {
        let name = format!("small-{durability:?}");
        let small = StreamSpec { durability, max_bytes: 1 << 20, ..spec(&name) };
        transport.open_stream(&small).await.expect("the stream opens");
        let mut stored = 0;
        let error = loop {
            match append(&*transport, &name, Bytes::from(vec![1; 100_000]), None).await {
                Ok(position) => stored = position,
                Err(error) => break error,
            }
            assert!(stored < 20, "it is never full");
        };
        assert!(matches!(error, TransportError::Full { .. }), "{error:?}");
        assert!(!error.is_ambiguous());
        assert_eq!(transport.info(&name).await.expect("info").last, stored);
        transport.purge_below(&name, stored).await.expect("a purge");
        let position = append(&*transport, &name, payload(1), None).await.expect("there is room");
        assert_eq!(position, stored + 1);
    }
}

/// `discard: old`: the newest records are there, the oldest make room.
pub async fn a_ring_drops_the_oldest(harness: impl Harness) {
    let transport = harness.transport();
    let ring = StreamSpec {
        durability: Durability::Memory,
        max_bytes: 1 << 20,
        overflow: Overflow::DropOldest,
        max_age: Some(Duration::from_secs(600)),
        ..spec("ring")
    };
    transport.open_stream(&ring).await.expect("the stream opens");
    for number in 1..=30_u8 {
        let position = append(&*transport, "ring", Bytes::from(vec![number; 100_000]), None).await;
        assert_eq!(position.expect("it is stored"), u64::from(number));
    }
    let info = transport.info("ring").await.expect("info");
    assert_eq!(info.last, 30);
    assert!((20..=29).contains(&info.first), "{info:?}");
    let mut reader = transport.read("ring", 1).await.expect("a reader");
    let first = super::next(&mut *reader).await;
    assert_eq!((first.position, u64::from(first.payload[0])), (info.first, info.first));
}

/// A purge drops what is below, never the last record, never goes back, and outlives a restart.
pub async fn purge_keeps_the_last_record(mut harness: impl Harness) {
    let transport = with_stream(&harness).await;
    transport.purge_below("s", 5).await.expect("nothing to purge is no error");
    append_range(&*transport, "s", 1..=10).await;
    for (below, first) in [(0, 1), (4, 4), (2, 4), (4, 4), (1000, 10)] {
        transport.purge_below("s", below).await.expect("a purge");
        let info = transport.info("s").await.expect("info");
        assert_eq!((info.first, info.last), (first, 10), "after {below}");
    }
    drop(transport);
    harness.restart().await;
    let transport = harness.transport();
    let info = transport.info("s").await.expect("info");
    assert_eq!((info.first, info.last), (10, 10));
    assert_eq!(append_range(&*transport, "s", 11..=11).await, [11]);
}

/// `first` and `last` from the empty stream on; the id stays.
pub async fn info_tells_the_bounds(harness: impl Harness) {
    let transport = harness.transport();
    let opened = transport.open_stream(&spec("s")).await.expect("the stream opens");
    assert_eq!((opened.first, opened.last), (1, 0));
    append_range(&*transport, "s", 1..=3).await;
    let info = transport.info("s").await.expect("info");
    assert_eq!((info.id, info.first, info.last), (opened.id, 1, 3));
    assert_eq!(transport.open_stream(&spec("s")).await.expect("it opens again"), info);
}

/// An existing stream is not changed; the error names the field.
pub async fn another_shape_is_a_mismatch(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    let before = transport.info("s").await.expect("info");
    for (field, other) in [
        ("durability", StreamSpec { durability: Durability::Memory, ..spec("s") }),
        ("max_bytes", StreamSpec { max_bytes: 1 << 20, ..spec("s") }),
        ("duplicate_window", StreamSpec { duplicate_window: Duration::from_secs(61), ..spec("s") }),
        ("max_age", StreamSpec { max_age: Some(Duration::from_secs(100)), ..spec("s") }),
    ] {
        match transport.open_stream(&other).await {
            Err(TransportError::Mismatch { stream, field: found, .. }) => assert_eq!((&*stream, found), ("s", field)),
            other => panic!("{field}: {other:?}"),
        }
    }
    assert_eq!(transport.info("s").await.expect("info"), before);
}

/// Of several callers one creates, the others find it. Who is told that it is not to be had now asks again.
pub async fn opening_at_once_makes_one_stream(harness: impl Harness) {
    let transport = harness.transport();
    let spec = spec("s");
    let open = async || loop {
        match transport.open_stream(&spec).await {
            Err(error) if error.is_retryable() => {}
            result => return result.expect("the stream opens").id,
        }
    };
    let ids: Vec<_> = soon(join_all((0..8).map(|_| open()))).await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

/// What needs a stream says that there is none; an append may also say that nobody takes it.
pub async fn unknown_streams_are_not_found(harness: impl Harness) {
    let transport = harness.transport();
    let not_found = |error: &TransportError| matches!(error, TransportError::NotFound { .. });
    assert!(transport.info("none").await.is_err_and(|error| not_found(&error)));
    assert!(transport.read("none", 1).await.is_err_and(|error| not_found(&error)));
    assert!(transport.purge_below("none", 1).await.is_err_and(|error| not_found(&error)));
    let error = append(&*transport, "none", payload(1), None).await.expect_err("it is refused");
    assert!(not_found(&error) || matches!(error, TransportError::Unavailable { .. }), "{error:?}");
}

/// Names and subjects that some backend could not keep are refused by all.
pub async fn invalid_names_are_refused(harness: impl Harness) {
    let transport = harness.transport();
    let invalid = |error: TransportError| matches!(error, TransportError::Invalid { .. });
    for name in ["", "a.b", "a b", "ä", "a/b", &"x".repeat(65)] {
        assert!(transport.open_stream(&spec(name)).await.is_err_and(invalid), "{name:?}");
    }
    for subject in ["", "a..b", "a b", ".a", "a.", "a.*", ">"] {
        assert!(transport.publish(subject, Bytes::new()).await.is_err_and(invalid), "{subject:?}");
    }
    assert!(transport.subscribe("a.>.b").await.is_err_and(invalid));
    for bad in [
        StreamSpec { max_bytes: 0, ..spec("s") },
        StreamSpec { replicas: 0, ..spec("s") },
        StreamSpec { duplicate_window: Duration::ZERO, ..spec("s") },
    ] {
        assert!(transport.open_stream(&bad).await.is_err_and(invalid), "{bad:?}");
    }
}

/// Streams do not disturb one another.
pub async fn many_streams_at_once(harness: impl Harness) {
    let transport = harness.transport();
    let names: Vec<String> = (0..16).map(|number| format!("many-{number}")).collect();
    let work = names.iter().map(|name| async {
        transport.open_stream(&spec(name)).await.expect("the stream opens");
        let positions = append_range(&*transport, name, 1..=200).await;
        assert_eq!(positions, (1..=200).collect::<Vec<_>>());
        let mut reader = transport.read(name, 1).await.expect("a reader");
        expect_range(&mut *reader, 1..=200).await;
    });
    soon(join_all(work)).await;
}

/// Records, positions and the id outlive the broker's process.
pub async fn a_restart_keeps_everything(mut harness: impl Harness) {
    let transport = with_stream(&harness).await;
    append_range(&*transport, "s", 1..=100).await;
    let before = transport.info("s").await.expect("info");
    drop(transport);
    harness.restart().await;
    let transport = harness.transport();
    assert_eq!(transport.open_stream(&spec("s")).await.expect("it opens again"), before);
    assert_eq!(append_range(&*transport, "s", 101..=150).await, (101..=150).collect::<Vec<_>>());
    let mut reader = transport.read("s", 1).await.expect("a reader");
    expect_range(&mut *reader, 1..=150).await;
}

/// After a close nothing is taken any more; what was enqueued before is answered.
pub async fn close_refuses_everything(harness: impl Harness) {
    let transport = with_stream(&harness).await;
    let ticket = transport.append("s", payload(1), None).await.expect("it is enqueued");
    soon(transport.close()).await.expect("it closes");
    assert_eq!(soon(ticket).await.expect("it is stored"), 1);
    soon(transport.close()).await.expect("closing again is no error");
    let closed = |error: TransportError| matches!(error, TransportError::Closed);
    assert!(transport.append("s", payload(2), None).await.is_err_and(closed));
    assert!(transport.info("s").await.is_err_and(closed));
    assert!(transport.publish("x", Bytes::new()).await.is_err_and(closed));
    assert!(transport.subscribe("x").await.is_err_and(closed));
    assert_eq!(*transport.connection().borrow(), ConnectionState::Disconnected);
}
