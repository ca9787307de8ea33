use std::net::SocketAddr;

use futures::{SinkExt, StreamExt};
use kefu_model::UserId;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::*;
use crate::EdgeConfig;
use crate::frame::ServerFrame;
use crate::testing::{TestEdge, config, serve_on_a_port, tenant};

type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

fn token(edge: &TestEdge) -> String {
    let id = UserId::new("v_1").unwrap();
    edge.services.auth.visitors.issue(&tenant(), &id, None, clock::now()).unwrap().0
}

async fn open(address: SocketAddr, path: &str) -> Client {
    connect_async(format!("ws://{address}{path}")).await.unwrap().0
}

async fn say(client: &mut Client, text: &str) {
    client.send(Message::text(text)).await.unwrap();
}

async fn hear(client: &mut Client) -> ServerFrame {
    loop {
        match tokio::time::timeout(Duration::from_secs(5), client.next())
            .await
            .expect("a frame in time")
            .unwrap()
            .unwrap()
        {
            Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            Message::Binary(data) => return rmp_serde::from_slice(&data).unwrap(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The number of the close frame, whatever comes before it.
async fn closed(client: &mut Client) -> u16 {
    loop {
        match tokio::time::timeout(Duration::from_secs(8), client.next()).await.expect("a close in time") {
            Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
            Some(Ok(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn hello(token: &str) -> String {
    format!(r#"{{"t":"hello","v":1,"device":"d","token":"{token}"}}"#)
}

#[test]
fn queries_are_decoded() {
    let pairs: Vec<_> = form_pairs("user_id=a%2Fb+c&x&y=%zz%4").collect();
    assert_eq!(pairs, vec![("user_id".into(), "a/b c".into()), ("y".into(), "%zz%4".into())]);
}

#[tokio::test]
async fn a_visitor_connects_and_pings() {
    let (edge, address, _stop) = serve_on_a_port(config()).await;
    let mut client = open(address, "/ws").await;
    say(&mut client, &hello(&token(&edge))).await;
    let ServerFrame::Welcome(welcome) = hear(&mut client).await else { panic!("no welcome") };
    assert_eq!(welcome.user.id, "v_1");
    assert!(welcome.support_conversation.is_some());
    say(&mut client, r#"[{"t":"ping","id":1},{"t":"ping","id":2}]"#).await;
    assert!(matches!(hear(&mut client).await, ServerFrame::Pong { id: Some(1), .. }));
    assert!(matches!(hear(&mut client).await, ServerFrame::Pong { id: Some(2), .. }));
    client.close(None).await.unwrap();
    while client.next().await.is_some() {}
    for _ in 0..500 {
        if edge.services.opened.all().is_empty() && edge.services.places.taken() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the connection was not forgotten");
}

#[tokio::test]
async fn msgpack_and_batches_are_spoken_to_who_asks() {
    let (edge, address, _stop) = serve_on_a_port(config()).await;
    let mut request = format!("ws://{address}/ws?user_id=v_1&user_type=kehu").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "kefu.v1.msgpack".parse().unwrap());
    let (mut client, response) = connect_async(request).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "kefu.v1.msgpack");
    let (token, device, client_name) = (Some(token(&edge)), "d".to_owned(), None);
    let frame = crate::frame::ClientFrame::Hello { v: 1, token, device, client: client_name, batch: true };
    client.send(Message::binary(rmp_serde::to_vec_named(&frame).unwrap())).await.unwrap();
    assert!(matches!(hear(&mut client).await, ServerFrame::Welcome(_)));
}

#[tokio::test]
async fn what_is_wrong_closes_with_its_number() {
    let (edge, address, _stop) = serve_on_a_port(config()).await;
    let token = token(&edge);
    let cases: Vec<(String, String, u16)> = vec![
        ("/ws".into(), hello("nonsense"), 4201),
        ("/ws".into(), hello(&token).replace("\"v\":1", "\"v\":2"), 4305),
        ("/ws?user_id=v_2".into(), hello(&token), 4204),
        ("/ws/v_2".into(), hello(&token), 4204),
        ("/ws?user_type=kefu".into(), hello(&token), 4204),
        ("/ws".into(), "x".repeat(70_000), 4302),
        ("/ws".into(), format!("[{}]", vec!["{}"; 16].join(",")), 4301),
    ];
    for (path, text, code) in cases {
        let mut client = open(address, &path).await;
        say(&mut client, &text).await;
        assert_eq!(closed(&mut client).await, code, "{path}");
    }
    assert!(edge.services.hub.connections().is_empty());
}

#[tokio::test]
async fn the_credential_may_come_with_the_query() {
    let (edge, address, _stop) = serve_on_a_port(config()).await;
    let path = format!("/ws/v_1?user_type=kehu&session_token={}", token(&edge));
    let mut client = open(address, &path).await;
    say(&mut client, r#"{"t":"hello","v":1,"device":"d"}"#).await;
    assert!(matches!(hear(&mut client).await, ServerFrame::Welcome(_)));
}

#[tokio::test]
async fn handshakes_are_refused_by_origin_subprotocol_and_number() {
    let (_edge, address, _stop) = serve_on_a_port(EdgeConfig { connections_per_address: 1, ..config() }).await;
    let refused = async |name: &'static str, value: &str| {
        let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        match connect_async(request).await {
            Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused("origin", "https://evil.example").await, 403);
    assert_eq!(refused("sec-websocket-protocol", "soap").await, 400);
    let _first = open(address, "/ws").await;
    assert_eq!(refused("x-nothing", "x").await, 429);
}

#[tokio::test]
async fn a_client_that_sends_too_fast_is_slowed_and_loses_nothing() {
    let slow = EdgeConfig { frames_per_second: 100, frames_burst: 10, ..config() };
    let (edge, address, _stop) = serve_on_a_port(slow).await;
    let mut client = open(address, "/ws").await;
    say(&mut client, &hello(&token(&edge))).await;
    assert!(matches!(hear(&mut client).await, ServerFrame::Welcome(_)));
    let started = std::time::Instant::now();
    for round in 0..4 {
        for id in 0..10 {
            say(&mut client, &format!(r#"{{"t":"ping","id":{}}}"#, round * 10 + id)).await;
        }
        for id in 0..10 {
            let ServerFrame::Pong { id: heard, .. } = hear(&mut client).await else { panic!("no pong") };
            assert_eq!(heard, Some(round * 10 + id));
        }
    }
    assert!(started.elapsed() >= Duration::from_millis(200), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_full_queue_closes_a_slow_consumer() {
    let small = EdgeConfig { outgoing_bytes: 200_000, ..config() };
    let (edge, address, _stop) = serve_on_a_port(small).await;
    let mut client = open(address, "/ws").await;
    say(&mut client, &hello(&token(&edge))).await;
    assert!(matches!(hear(&mut client).await, ServerFrame::Welcome(_)));
    let connection = edge.services.hub.connections().pop().unwrap();
    // Without a turn for the writer in between, the queue is what holds it all.
    for _ in 0..300 {
        connection.push(vec![b' '; 1_000].into());
    }
    assert_eq!(closed(&mut client).await, 4002);
}

#[tokio::test]
async fn a_stop_says_goaway_and_then_closes() {
    let (edge, address, _stop) = serve_on_a_port(config()).await;
    let mut client = open(address, "/ws").await;
    say(&mut client, &hello(&token(&edge))).await;
    assert!(matches!(hear(&mut client).await, ServerFrame::Welcome(_)));
    let connection = edge.services.hub.connections().pop().unwrap();
    connection.input(Input::Drain { reconnect_after_ms: 5 });
    assert!(matches!(hear(&mut client).await, ServerFrame::Goaway { code: 4101, reconnect_after_ms: 5 }));
    connection.input(Input::Close(Code::Stopping));
    assert_eq!(closed(&mut client).await, 4101);
}

#[test]
fn the_future_of_a_connection_is_small() {
    fn size_of_future<A, B, C, D, F>(_: impl Fn(A, B, C, D) -> F) -> usize {
        std::mem::size_of::<F>()
    }
    let size = size_of_future(serve);
    // A task of 640 bytes with what the runtime adds. Each idle connection has one.
    assert!(size <= 560, "{size} bytes");
}
