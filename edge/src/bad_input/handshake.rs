//! Requests that ask for a WebSocket.

use super::raw::{frame, handshake};
use super::*;

async fn refused(served: &Served, bytes: &[u8]) -> (u16, u64) {
    let mut raw = served.dial().await;
    raw.write(bytes).await;
    let response = raw.response().await;
    (response.status, response.code())
}

// Bad input: another `Origin` than the deployment's
// Bad input: only unknown subprotocols
#[tokio::test]
async fn by_origin_and_subprotocol() {
    let served = Served::start().await;
    for origin in ["https://evil.example", "null", "https://chat.example.org.evil.example"] {
        assert_eq!(refused(&served, &handshake(&[("Origin", origin)])).await, (403, 4306), "{origin}");
    }
    let two = "GET /ws HTTP/1.1\r\nOrigin: https://chat.example.org\r\nOrigin: https://evil.example\r\n\r\n";
    assert_eq!(refused(&served, two.as_bytes()).await, (403, 4306));
    assert_eq!(refused(&served, &handshake(&[("Sec-WebSocket-Protocol", "soap, kefu.v9.json")])).await, (400, 2015));
}

// Bad input: an upgrade that is none
#[tokio::test]
async fn upgrades_that_lie() {
    let served = Served::start().await;
    for change in [
        ("Upgrade", ""),
        ("Upgrade", "h2c"),
        ("Connection", ""),
        ("Connection", "keep-alive"),
        ("Sec-WebSocket-Key", ""),
        ("Sec-WebSocket-Key", "c2hvcnQ="),
        ("Sec-WebSocket-Key", "not base64 at all!!!!!!!"),
        ("Sec-WebSocket-Version", ""),
        ("Sec-WebSocket-Version", "8"),
        ("Content-Length", "5"),
        ("Transfer-Encoding", "chunked"),
    ] {
        let mut bytes = handshake(&[change]);
        bytes.extend_from_slice(b"0\r\n\r\n");
        assert_eq!(refused(&served, &bytes).await, (426, 2016), "{change:?}");
    }
    let text = String::from_utf8(handshake(&[])).unwrap();
    assert_eq!(refused(&served, text.replace("HTTP/1.1", "HTTP/1.0").as_bytes()).await, (426, 2016));
    assert_eq!(refused(&served, text.replace("GET", "POST").as_bytes()).await, (405, 2006));
    let mut head = served.dial().await;
    head.write(text.replace("GET", "HEAD").as_bytes()).await;
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_buf(&mut head.stream, &mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 426 "), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(served.edge.services.places.taken(), 0);
}

// Bad input: frames right behind the handshake
#[tokio::test]
async fn frames_behind_the_handshake_are_read_in_order() {
    let served = Served::start().await;
    let mut bytes = handshake(&[]);
    bytes.extend(frame(0x81, served.hello().as_bytes()));
    bytes.extend(frame(0x81, br#"{"t":"ping","id":7}"#));
    let mut raw = served.dial().await;
    raw.write(&bytes).await;
    assert_eq!(raw.response().await.status, 101);
    let said = [raw.frame().await, raw.frame().await];
    assert!(said.iter().any(|frame| frame["t"] == "welcome") && said.iter().any(|frame| frame["id"] == 7), "{said:?}");
}
