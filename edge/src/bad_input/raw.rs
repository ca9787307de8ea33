//! A TCP connection that says whatever it is told.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long anything may take.
const WITHIN: Duration = Duration::from_secs(10);

pub(super) struct Raw {
    pub(super) stream: TcpStream,
    inbox: Vec<u8>,
}

pub(super) struct Response {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Response {
    /// The number of a problem.
    pub(super) fn code(&self) -> u64 {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["code"].as_u64().unwrap_or_else(|| panic!("{} {}", self.head, String::from_utf8_lossy(&self.body)))
    }
}

/// A handshake with these headers instead of, or besides, the usual ones; an empty value leaves a header out.
pub(super) fn handshake(changes: &[(&str, &str)]) -> Vec<u8> {
    let usual = [
        ("Host", "kefu"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ];
    let mut text = "GET /ws HTTP/1.1\r\n".to_owned();
    let kept = usual.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    for (name, value) in kept.chain(changes).filter(|(_, value)| !value.is_empty()) {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// A client's frame, masked.
pub(super) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | u8::try_from(short).unwrap()),
        middle @ 126..65_536 => {
            bytes.push(0xfe);
            bytes.extend(u16::try_from(middle).unwrap().to_be_bytes());
        }
        long => {
            bytes.push(0xff);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

impl Raw {
    pub(super) async fn dial(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), inbox: Vec::new() }
    }

    /// Writes; a peer that was cut off meanwhile says so when it reads.
    pub(super) async fn write(&mut self, bytes: &[u8]) {
        let _ = tokio::time::timeout(WITHIN, self.stream.write_all(bytes)).await.expect("it is taken in time");
    }

    pub(super) async fn say(&mut self, text: &str) {
        self.write(&frame(0x81, text.as_bytes())).await;
    }

    /// Reads more; false at the end.
    async fn more(&mut self) -> bool {
        let read = tokio::time::timeout(WITHIN, self.stream.read_buf(&mut self.inbox)).await;
        matches!(read.expect("something in time"), Ok(1..))
    }

    /// A response with its body.
    pub(super) async fn response(&mut self) -> Response {
        self.try_response().await.expect("a response")
    }

    /// A response, or nothing when the connection was closed without one.
    pub(super) async fn try_response(&mut self) -> Option<Response> {
        let end = loop {
            if let Some(at) = self.inbox.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                return None;
            }
        };
        let head = String::from_utf8(self.inbox.drain(..end).collect()).unwrap();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let length = head
            .to_ascii_lowercase()
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| rest.split("\r\n").next().and_then(|length| length.parse().ok()).expect("a length"));
        while self.inbox.len() < length {
            assert!(self.more().await, "the body is cut off");
        }
        let body = self.inbox.drain(..length).collect();
        Some(Response { status, head, body })
    }

    /// Whether the connection ends without saying more.
    pub(super) async fn is_closed(&mut self) -> bool {
        self.inbox.is_empty() && !self.more().await
    }

    /// The next frame of the server: opcode and payload.
    async fn next(&mut self) -> (u8, Vec<u8>) {
        loop {
            let (head, length) = match self.inbox.as_slice() {
                [_, 126, a, b, ..] => (4, usize::from(u16::from_be_bytes([*a, *b]))),
                [_, 127, a, b, c, d, e, f, g, h, ..] => {
                    (10, usize::try_from(u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h])).unwrap())
                }
                [_, short @ 0..=125, ..] => (2, usize::from(*short)),
                _ => (usize::MAX / 2, 0),
            };
            if self.inbox.len() >= head.saturating_add(length) {
                let opcode = self.inbox[0] & 0x0f;
                let bytes: Vec<u8> = self.inbox.drain(..head + length).collect();
                return (opcode, bytes[head..].to_vec());
            }
            assert!(self.more().await, "the connection ended");
        }
    }

    /// The next frame that says something.
    pub(super) async fn frame(&mut self) -> Value {
        loop {
            match self.next().await {
                (1, text) => return serde_json::from_slice(&text).unwrap(),
                (2, bytes) => return rmp_serde::from_slice(&bytes).unwrap(),
                (8, code) => panic!("closed: {code:?}"),
                _ => {}
            }
        }
    }

    /// The payload of the next pong.
    pub(super) async fn pong(&mut self) -> Vec<u8> {
        loop {
            if let (10, payload) = self.next().await {
                return payload;
            }
        }
    }

    /// The number of the close frame, whatever comes before it.
    pub(super) async fn closed_with(&mut self) -> u16 {
        loop {
            if let (8, payload) = self.next().await {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    }

    /// The number of the next error frame.
    pub(super) async fn error(&mut self) -> u64 {
        let frame = self.frame().await;
        assert_eq!(frame["t"], "error", "{frame}");
        frame["code"].as_u64().unwrap()
    }
}
