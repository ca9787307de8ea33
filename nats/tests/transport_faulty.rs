//! The faults are what they say.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kefu_nats::conformance::spec;
use kefu_nats::embedded::{Embedded, EmbeddedConfig};
use kefu_nats::faulty::{AppendFault, FaultControls, FaultRates, Faulty};
use kefu_nats::testing::TempDir;
use kefu_nats::transport::{ConnectionState, CoreEvent, Position, Transport, TransportError};

async fn faulty(dir: &TempDir) -> (Faulty<Embedded>, FaultControls) {
    let broker = Embedded::open(EmbeddedConfig::new(dir.path())).await.expect("the log opens");
    let faulty = Faulty::new(Arc::new(broker), 42);
    faulty.open_stream(&spec("s")).await.expect("the stream opens");
    let controls = faulty.controls();
    (faulty, controls)
}

async fn append(transport: &impl Transport, payload: &'static str) -> Result<Position, TransportError> {
    transport.append("s", Bytes::from_static(payload.as_bytes()), None).await?.await
}

async fn content(transport: &impl Transport) -> Vec<Bytes> {
    let last = transport.info("s").await.expect("info").last;
    let mut reader = transport.read("s", 1).await.expect("a reader");
    let mut content = Vec::new();
    for _ in 0..last {
        content.push(reader.next().await.expect("a record").payload);
    }
    content
}

#[tokio::test]
async fn scripted_append_faults_happen_in_order() {
    let dir = TempDir::new();
    let (transport, controls) = faulty(&dir).await;
    controls.fail_append("s", AppendFault::LostAck);
    controls.fail_append("s", AppendFault::NotSent);
    controls.pass_append("s");
    controls.fail_append("s", AppendFault::Refused);
    controls.fail_append("s", AppendFault::Duplicate);
    controls.fail_append("s", AppendFault::SecondWriter(Bytes::from_static(b"foreign")));
    assert!(append(&transport, "lost ack").await.is_err_and(|error| error.is_ambiguous()));
    assert!(append(&transport, "not sent").await.is_err_and(|error| error.is_ambiguous()));
    assert_eq!(append(&transport, "passed").await.expect("it is stored"), 2);
    let refused = append(&transport, "refused").await.expect_err("it is refused");
    assert!(matches!(refused, TransportError::Unavailable { .. }), "{refused:?}");
    assert_eq!(append(&transport, "twice").await.expect("it is stored"), 3);
    assert_eq!(append(&transport, "second").await.expect("it is stored"), 6);
    assert_eq!(content(&transport).await, ["lost ack", "passed", "twice", "twice", "foreign", "second"]);
    assert_eq!(transport.faults_met(), 5);
}

#[tokio::test]
async fn a_stalled_append_is_stored_and_never_answered() {
    let dir = TempDir::new();
    let (transport, controls) = faulty(&dir).await;
    controls.fail_append("s", AppendFault::Stall);
    let ticket = transport.append("s", Bytes::from_static(b"x"), None).await.expect("it is enqueued");
    let mut reader = transport.read("s", 1).await.expect("a reader");
    assert_eq!(reader.next().await.expect("a record").position, 1);
    assert!(tokio::time::timeout(Duration::from_millis(50), ticket).await.is_err());
}

#[tokio::test]
async fn a_disconnect_stops_calls_and_readers_until_it_ends() {
    let dir = TempDir::new();
    let (transport, controls) = faulty(&dir).await;
    let mut reader = transport.read("s", 1).await.expect("a reader");
    append(&transport, "x").await.expect("it is stored");
    controls.disconnect();
    assert_eq!(*transport.connection().borrow(), ConnectionState::Disconnected);
    let error = append(&transport, "y").await.expect_err("it is refused");
    assert!(matches!(error, TransportError::Unavailable { .. }), "{error:?}");
    assert!(tokio::time::timeout(Duration::from_millis(50), reader.next()).await.is_err());
    controls.reconnect();
    assert_eq!(reader.next().await.expect("a record").position, 1);
    assert_eq!(append(&transport, "y").await.expect("it is stored"), 2);
}

#[tokio::test]
async fn scripted_core_messages_are_dropped() {
    let dir = TempDir::new();
    let (transport, controls) = faulty(&dir).await;
    let mut subscription = transport.subscribe("deliver.*").await.expect("a subscription");
    controls.drop_core("deliver.a", 1);
    for (subject, payload) in [("deliver.b", "1"), ("deliver.a", "2"), ("deliver.a", "3")] {
        transport.publish(subject, payload.into()).await.expect("it is sent");
    }
    for expected in ["1", "3"] {
        let message = subscription.next().await.and_then(CoreEvent::into_message).expect("a message");
        assert_eq!(message.payload, expected);
    }
}

#[tokio::test]
async fn chance_repeats_with_its_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let dir = TempDir::new();
        let (transport, controls) = faulty(&dir).await;
        controls.set_rates(FaultRates { lost_ack: 0.2, not_sent: 0.2, duplicate: 0.1, ..FaultRates::default() });
        let mut answers = Vec::new();
        for _ in 0..100 {
            answers.push(append(&transport, "x").await.ok());
        }
        assert!(transport.faults_met() > 20, "{}", transport.faults_met());
        runs.push((answers, content(&transport).await.len()));
    }
    assert_eq!(runs[0], runs[1]);
}
