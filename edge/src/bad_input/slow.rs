//! Peers that take their time, and those that are gone without a word.

use std::time::{Duration, Instant};

use super::raw::{frame, handshake};
use super::*;
use crate::clock;

/// Settings under which nobody has to wait long.
fn hasty() -> EdgeConfig {
    EdgeConfig {
        header_timeout_ms: 300,
        request_timeout_ms: 500,
        write_timeout_ms: 700,
        hello_timeout_ms: 1_000,
        silence_ms: 1_500,
        sse_comment_ms: 50,
        ..config()
    }
}

/// Something that is over within a few seconds.
async fn soon(what: &str, mut is_over: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_over().await {
        assert!(started.elapsed() < Duration::from_secs(8), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

// Bad input: request headers that take longer than 10 s
#[tokio::test]
async fn a_head_that_drips_is_cut_off() {
    let served = Served::start_with(hasty()).await;
    let mut raw = served.dial().await;
    raw.write(b"GET /livez HTTP/1.1\r\n").await;
    let started = Instant::now();
    for _ in 0..12 {
        raw.write(b"X-A: b\r\n").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let answer = raw.try_response().await;
    assert!(answer.is_none_or(|answer| answer.status == 408));
    assert!(started.elapsed() < Duration::from_secs(5));
    // So is one who says nothing at all, or nothing more after an answer.
    let mut raw = served.dial().await;
    assert!(raw.is_closed().await);
    let mut raw = served.dial().await;
    raw.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(raw.response().await.status, 200);
    assert!(raw.is_closed().await);
}

// Bad input: a body that takes longer than 30 s
#[tokio::test]
async fn a_body_that_drips_is_answered() {
    let served = Served::start_with(hasty()).await;
    let mut raw = served.dial().await;
    let head = "POST /api/kehu/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100";
    raw.write(format!("{head}\r\n\r\n{{\"name\":").as_bytes()).await;
    let response = raw.response().await;
    assert_eq!((response.status, response.code()), (503, 2019));
    assert!(raw.is_closed().await);
}

// Bad input: no `hello` within 10 s
// Bad input: no sign of life for 60 s: nothing, a frame begun and never finished, gone without a FIN
#[tokio::test]
async fn silence_ends_a_connection() {
    let served = Served::start_with(hasty()).await;
    let mut silent = served.open().await;
    assert_eq!(silent.closed_with().await, 4303);
    // A frame that is begun, and goes on byte by byte, is no sign of life.
    let mut dripping = served.welcomed().await;
    let begun = frame(0x81, &[b' '; 60_000]);
    dripping.write(&begun[..10]).await;
    let started = Instant::now();
    let drip = async {
        for byte in &begun[10..] {
            if dripping.stream.try_write(&[*byte]).is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(4), drip).await;
    assert_eq!(dripping.closed_with().await, 4001);
    assert!(started.elapsed() < Duration::from_secs(8));
    // Neither reads nor answers: to the edge the same as gone.
    let _gone = served.welcomed().await;
    soon("its place is free", async || served.edge.services.places.taken() == 0).await;
}

// Bad input: reads too slowly
#[tokio::test]
async fn a_reader_who_takes_nothing_is_cut_off() {
    let served = Served::start_with(EdgeConfig { outgoing_bytes: 200_000, ..config() }).await;
    let mut raw = served.welcomed().await;
    let connection = served.edge.services.hub.connections().pop().unwrap();
    for _ in 0..300 {
        connection.push(vec![b' '; 1_000].into());
    }
    assert_eq!(raw.closed_with().await, 4002);
    // With room in the queue, who takes nothing at all is cut off after a time.
    let served = Served::start_with(EdgeConfig { silence_ms: 60_000, ..hasty() }).await;
    let _stuck = served.welcomed().await;
    let connection = served.edge.services.hub.connections().pop().unwrap();
    let before = clock::now();
    soon("it is closed", async || {
        // More than the kernel takes, and never more than the queue has room for.
        while connection.mailbox.closed_with().is_none() && connection.mailbox.has_room_for(100_000) {
            connection.push(vec![b' '; 100_000].into());
        }
        connection.mailbox.closed_with().is_some()
    })
    .await;
    assert!(clock::now().millis_since(before) < 8_000);
    soon("its place is free", async || served.edge.services.places.taken() == 0).await;
}

// Bad input: takes nothing of an answer or a stream of events for 15 s
#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up() {
    let served = Served::start_with(EdgeConfig { silence_ms: 60_000, ..hasty() }).await;
    let mut stream = served.dial().await;
    let token = served.visitor();
    let head = format!("GET /api/stream?device=d HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write(head.as_bytes()).await;
    assert_eq!(stream.response().await.status, 200);
    assert_eq!(served.edge.services.places.taken(), 1);
    soon("it has joined", async || !served.edge.services.hub.connections().is_empty()).await;
    let connection = served.edge.services.hub.connections().pop().unwrap();
    soon("the stream is given up", async || {
        connection.push(vec![b' '; 50_000].into());
        served.edge.services.places.taken() == 0
    })
    .await;
    // An answer: the same page over and over, and never read.
    let mut page = served.dial().await;
    let started = Instant::now();
    let request = b"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200);
    let _ = tokio::time::timeout(
        Duration::from_millis(500),
        tokio::io::AsyncWriteExt::write_all(&mut page.stream, &request),
    )
    .await;
    soon(
        "the connection is given up",
        async || matches!(page.stream.try_write(b"x"), Err(error) if error.kind() != std::io::ErrorKind::WouldBlock),
    )
    .await;
    assert!(started.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn a_handshake_whose_answer_nobody_reads_holds_no_place_for_long() {
    let served = Served::start_with(hasty()).await;
    let mut raw = served.dial().await;
    raw.write(&handshake(&[])).await;
    drop(raw);
    soon("its place is free", async || served.edge.services.places.taken() == 0).await;
}
