//! What only a broker behind a connection can do: go away and come back.

use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use kefu_nats::conformance::spec;
use kefu_nats::jetstream::{JetStream, JetStreamConfig};
use kefu_nats::testing::NatsServer;
use kefu_nats::transport::{
    ConnectionState, CoreEvent, Durability, Overflow, StreamRecord, StreamSpec, Transport, TransportError,
};

async fn connect(server: &NatsServer) -> JetStream {
    let config = JetStreamConfig { append_timeout: Duration::from_secs(2), ..JetStreamConfig::new(server.url()) };
    JetStream::connect(config).await.expect("it connects")
}

async fn wait_for(broker: &JetStream, wanted: ConnectionState) {
    let mut state = broker.connection();
    let changed = state.wait_for(|state| *state == wanted);
    tokio::time::timeout(Duration::from_secs(20), changed).await.expect("in time").expect("it goes on");
}

/// Appends until it is stored, with the same id.
async fn append(broker: &JetStream, stream: &str, payload: &'static str) -> u64 {
    for _ in 0..200 {
        let answer = match broker.append(stream, Bytes::from_static(payload.as_bytes()), Some(payload)).await {
            Ok(ticket) => ticket.await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(position) => return position,
            Err(error) if error.is_retryable() => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("it is never stored")
}

fn record(position: u64, payload: &'static str) -> StreamRecord {
    StreamRecord { position, payload: Bytes::from_static(payload.as_bytes()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_survives_the_death_of_the_server() {
    let mut server = NatsServer::start();
    let broker = connect(&server).await;
    broker.open_stream(&spec("s")).await.expect("the stream opens");
    let mut reader = broker.read("s", 1).await.expect("a reader");
    for round in 0..3 {
        let (one, two) = (round * 2 + 1, round * 2 + 2);
        assert_eq!(append(&broker, "s", ["a", "c", "e"][round as usize]).await, one);
        server.kill();
        wait_for(&broker, ConnectionState::Disconnected).await;
        server.restart();
        assert_eq!(append(&broker, "s", ["b", "d", "f"][round as usize]).await, two);
        for (position, payload) in [(one, ["a", "c", "e"]), (two, ["b", "d", "f"])] {
            let next = tokio::time::timeout(Duration::from_secs(20), reader.next()).await;
            assert_eq!(next.expect("in time").expect("a record"), record(position, payload[round as usize]));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_fail_at_once_while_disconnected() {
    let mut server = NatsServer::start();
    let broker = connect(&server).await;
    broker.open_stream(&spec("s")).await.expect("the stream opens");
    let mut subscription = broker.subscribe("x").await.expect("a subscription");
    server.kill();
    wait_for(&broker, ConnectionState::Disconnected).await;
    let unavailable = |error: TransportError| matches!(error, TransportError::Unavailable { .. });
    assert!(broker.append("s", Bytes::new(), None).await.is_err_and(unavailable));
    assert!(broker.info("s").await.is_err_and(unavailable));
    assert!(broker.publish("x", Bytes::new()).await.is_err_and(unavailable));
    assert!(broker.request("x", Bytes::new(), Duration::from_secs(60)).await.is_err_and(unavailable));
    server.restart();
    wait_for(&broker, ConnectionState::Connected).await;
    let lagged = tokio::time::timeout(Duration::from_secs(20), subscription.next()).await.expect("in time");
    assert!(matches!(lagged, Some(CoreEvent::Lagged)), "{lagged:?}");
    broker.publish("x", Bytes::from_static(b"again")).await.expect("it is sent");
    let message = tokio::time::timeout(Duration::from_secs(20), subscription.next()).await.expect("in time");
    assert_eq!(message.and_then(CoreEvent::into_message).expect("a message").payload, "again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_stream_comes_back_empty_after_the_death_of_the_server() {
    let mut server = NatsServer::start();
    let broker = connect(&server).await;
    let volatile = StreamSpec {
        durability: Durability::Memory,
        overflow: Overflow::DropOldest,
        max_age: Some(Duration::from_secs(600)),
        ..spec("m")
    };
    let before = broker.open_stream(&volatile).await.expect("the stream opens");
    let mut reader = broker.read("m", 1).await.expect("a reader");
    append(&broker, "m", "a").await;
    assert_eq!(reader.next().await.expect("a record"), record(1, "a"));
    server.kill();
    wait_for(&broker, ConnectionState::Disconnected).await;
    server.restart();
    assert_eq!(append(&broker, "m", "b").await, 1);
    assert_ne!(broker.info("m").await.expect("info").id, before.id);
    let ended = tokio::time::timeout(Duration::from_secs(20), reader.next()).await.expect("in time");
    assert!(matches!(ended, Err(TransportError::StreamReplaced { .. })), "{ended:?}");
}

/// Servers that are a cluster make a stream in memory again under its old id when all who had it were restarted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_memory_stream_that_is_shorter_than_what_was_read_of_it_is_another_one() {
    let server = NatsServer::start();
    let broker = connect(&server).await;
    let volatile = StreamSpec { durability: Durability::Memory, ..spec("m") };
    let before = broker.open_stream(&volatile).await.expect("the stream opens");
    let mut reader = broker.read("m", 1).await.expect("a reader");
    for (position, text) in [(1, "a"), (2, "b"), (3, "c")] {
        append(&broker, "m", text).await;
        assert_eq!(reader.next().await.expect("a record"), record(position, text));
    }
    let client = async_nats::connect(server.url()).await.expect("a client");
    let server = async_nats::jetstream::new(client);
    let name = server.stream_names().try_next().await.expect("an answer").expect("a stream");
    let config = server.get_stream(&name).await.expect("the stream").cached_info().config.clone();
    server.delete_stream(&name).await.expect("it is deleted");
    server.create_stream(config).await.expect("it is made again");
    assert_eq!(broker.info("m").await.expect("info").id, before.id);
    assert_eq!(append(&broker, "m", "d").await, 1);
    let ended = tokio::time::timeout(Duration::from_secs(20), reader.next()).await.expect("in time");
    assert!(matches!(ended, Err(TransportError::StreamReplaced { .. })), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_do_not_come_are_ambiguous() {
    let mut server = NatsServer::start();
    let broker = connect(&server).await;
    broker.open_stream(&spec("s")).await.expect("the stream opens");
    let mut tickets = Vec::new();
    for _ in 0..500 {
        tickets.push(broker.append("s", Bytes::from(vec![1; 10_000]), None).await.expect("it is enqueued"));
    }
    server.kill();
    let mut stored = 0;
    for ticket in tickets {
        match tokio::time::timeout(Duration::from_secs(20), ticket).await.expect("every ticket resolves") {
            Ok(position) => stored = position,
            Err(error) => assert!(error.is_retryable(), "{error:?}"),
        }
    }
    server.restart();
    wait_for(&broker, ConnectionState::Connected).await;
    append(&broker, "s", "after").await;
    assert!(broker.info("s").await.expect("info").last > stored, "an answered append is there");
}

#[tokio::test]
async fn an_unreachable_server_is_unavailable() {
    let config =
        JetStreamConfig { connect_timeout: Duration::from_millis(300), ..JetStreamConfig::new("nats://127.0.0.1:1") };
    let refused = JetStream::connect(config).await.err().expect("nobody listens");
    assert!(matches!(refused, TransportError::Unavailable { .. }), "{refused:?}");
}
