//! What every [`Transport`] has to do, as tests that run against each implementation.
//!
//! A test crate implements [`Harness`] for a transport and calls [`conformance_tests!`](crate::conformance_tests); each
//! case starts a broker of its own. Nothing here belongs into the product.

pub mod core;
pub mod readers;
pub mod streams;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::transport::{
    AppendTicket, Durability, Overflow, Position, StreamReader, StreamRecord, StreamSpec, Transport, TransportError,
};

/// Longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(30);
/// How long a test looks whether something happens that must not.
const QUIET: Duration = Duration::from_millis(150);

/// A transport under test and the means to disturb its broker.
#[async_trait]
pub trait Harness: Send + Sized {
    /// A fresh broker.
    async fn start() -> Self;

    /// The transport, connected.
    fn transport(&self) -> Arc<dyn Transport>;

    /// Ends the broker and starts it again with its files; afterwards [`transport`](Self::transport) is connected.
    async fn restart(&mut self);

    /// Deletes a stream.
    async fn delete_stream(&self, name: &str);
}

/// Makes a `#[tokio::test]` of every case, for one [`Harness`].
#[macro_export]
macro_rules! conformance_tests {
    ($harness:ty) => {
        $crate::conformance_tests!(@module $harness, streams:
            positions_are_dense_and_in_order, tickets_need_not_be_polled, a_known_msg_id_answers_the_original_position,
            a_msg_id_is_known_while_its_append_is_under_way, too_much_is_refused, a_full_stream_refuses_until_purged,
            a_ring_drops_the_oldest, purge_keeps_the_last_record, info_tells_the_bounds, another_shape_is_a_mismatch,
            opening_at_once_makes_one_stream, unknown_streams_are_not_found, invalid_names_are_refused,
            many_streams_at_once, a_restart_keeps_everything, close_refuses_everything);
        $crate::conformance_tests!(@module $harness, readers:
            reads_from_the_middle_and_follows, knows_what_is_there, two_readers_see_the_same, starts_at_the_first_available,
            a_start_beyond_the_end_waits, a_cancelled_read_loses_nothing, reads_large_records,
            a_replaced_stream_ends_its_readers, a_record_can_be_read_alone, a_memory_stream_is_read_too);
        $crate::conformance_tests!(@module $harness, core:
            messages_arrive_in_order, wildcards_match, a_lagging_subscriber_is_told, requests_are_answered,
            nobody_answers, an_answer_may_come_too_late, dropping_unsubscribes, large_messages_pass,
            close_ends_subscriptions);
    };
    (@module $harness:ty, $module:ident: $($case:ident),+) => {
        mod $module {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    $crate::conformance::$module::$case(<$harness as $crate::conformance::Harness>::start().await).await;
                }
            )+
        }
    };
}

/// A stream of 64 MiB on disk that refuses what is too much.
pub fn spec(name: &str) -> StreamSpec {
    StreamSpec {
        name: name.to_owned(),
        durability: Durability::Disk,
        max_bytes: 64 << 20,
        overflow: Overflow::RefuseNew,
        duplicate_window: Duration::from_secs(60),
        max_age: None,
        replicas: 1,
    }
}

/// Waits, but not for ever.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, what).await.expect("it takes too long")
}

/// A transport with the stream `s`.
async fn with_stream(harness: &impl Harness) -> Arc<dyn Transport> {
    let transport = harness.transport();
    transport.open_stream(&spec("s")).await.expect("the stream opens");
    transport
}

/// A payload that tells its number.
fn payload(number: u64) -> Bytes {
    Bytes::from(format!("record {number}"))
}

/// Appends and waits for the answer.
async fn append(
    transport: &dyn Transport,
    stream: &str,
    payload: Bytes,
    msg_id: Option<&str>,
) -> Result<Position, TransportError> {
    let ticket = soon(transport.append(stream, payload, msg_id)).await?;
    soon(ticket).await
}

/// Appends `payload(n)` for all numbers of a range, without waiting in between, and then for all answers.
async fn append_range(
    transport: &dyn Transport,
    stream: &str,
    numbers: std::ops::RangeInclusive<u64>,
) -> Vec<Position> {
    let mut tickets: Vec<AppendTicket> = Vec::new();
    for number in numbers {
        tickets.push(soon(transport.append(stream, payload(number), None)).await.expect("it is enqueued"));
    }
    let mut positions = Vec::new();
    for ticket in tickets {
        positions.push(soon(ticket).await.expect("it is stored"));
    }
    positions
}

async fn next(reader: &mut dyn StreamReader) -> StreamRecord {
    soon(reader.next()).await.expect("a record")
}

/// Expects the records `numbers`, each at the position of its number.
async fn expect_range(reader: &mut dyn StreamReader, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        assert_eq!(next(reader).await, StreamRecord { position: number, payload: payload(number) });
    }
}
