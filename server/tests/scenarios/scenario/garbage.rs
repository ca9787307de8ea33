//! A peer may send whatever it likes.

use std::path::Path;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::scene::{Broker, Scene};
use crate::harness::wait::eventually;

/// How much more memory the process may hold after all of it, in KiB: buffers, caches and counters that fill up once.
const GROWTH_KIB: u64 = 48 * 1024;
const ROUNDS: usize = 4;
const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

pub async fn garbage_harms_nobody(broker: Broker) {
    let scene = Scene::start_with(broker, &[("KEFU_LIMITS__CONNECTIONS_PER_ADDRESS", "100000")]).await;
    let mut chat = scene.chat().await;
    let visitor = scene.visitor().await;
    let all = garbage(&visitor.token);
    assert!(all.len() > 300, "{}", all.len());
    // What fills up once is full after the first round.
    send(&scene, &all).await;
    settled(&scene).await;
    let before = scene.kefu.own().resident_kib();
    for _ in 0..ROUNDS {
        send(&scene, &all).await;
    }
    settled(&scene).await;
    let grown = scene.kefu.own().resident_kib().saturating_sub(before);
    assert!(grown < GROWTH_KIB, "{grown} KiB more after {} inputs", ROUNDS * all.len());
    let id = chat.id.clone();
    chat.visitor.say(&id, "are you well?").await;
    chat.agent.say(&id, "never better").await;
    chat.visitor.until_texts(&id, &["hello", "are you well?", "never better"]).await;
    let output = scene.kefu.output();
    assert!(!output.contains("panicked"), "{output}");
    scene.api().post("/api/kehu/session", json!({})).await.ok();
}

/// Everything, each as the bytes of a connection of its own.
fn garbage(token: &str) -> Vec<Vec<u8>> {
    let hello = masked(0x81, format!(r#"{{"t":"hello","v":1,"device":"g","token":"{token}"}}"#).as_bytes());
    let socket = |subprotocol: &str, bytes: &[u8]| {
        let head = format!("{HANDSHAKE}Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n");
        [head.as_bytes(), bytes].concat()
    };
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    let mut all = Vec::new();
    for file in files(&corpus) {
        let bytes = std::fs::read(&file).expect("a file of the corpus");
        let body = bytes.get(1..).unwrap_or_default();
        // As HTTP, as frames, as the text and the binary of a message, before and after hello.
        all.push(bytes.clone());
        all.push(socket("kefu.v1.json", body));
        all.push(socket("kefu.v1.json", &[&hello[..], &masked(0x81, body)].concat()));
        all.push(socket("kefu.v1.msgpack", &masked(0x82, body)));
        let head = "POST /api/messages/send HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close";
        let head = format!("{head}\r\nAuthorization: Bearer {token}\r\nContent-Length: {}\r\n\r\n", body.len());
        all.push([head.as_bytes(), body].concat());
    }
    all.push(socket("kefu.v1.json", &[&hello[..], &masked(0x89, b"ping").repeat(5_000)].concat()));
    all.push(socket("kefu.v1.json", &[&masked(0x01, b"x")[..], &masked(0x00, b"x").repeat(500)].concat()));
    all.push(socket("kefu.v1.json", &masked(0x81, &vec![b'['; 65_000])));
    all.push(socket("kefu.v1.msgpack", &masked(0x82, &vec![0x91; 65_000])));
    for number in 0..40 {
        all.push(
            format!("M{number} /a{number}?b={number} HTTP/1.1\r\nHost: x\r\nX-Request-Id: {number}\r\n\r\n").into(),
        );
        all.push(format!("GET /{} HTTP/1.1\r\n", "%ff".repeat(number * 500)).into());
        all.push(noise(number as u64, 20_000));
        all.push(socket("kefu.v1.json", &noise(number as u64, 5_000)));
    }
    all
}

fn files(corpus: &Path) -> Vec<std::path::PathBuf> {
    let entries = |path: &Path| std::fs::read_dir(path).expect("a folder of the corpus").flatten().map(|e| e.path());
    let mut files: Vec<_> = entries(corpus).flat_map(|folder| entries(&folder).collect::<Vec<_>>()).collect();
    files.sort();
    files
}

/// A client's frame, masked with zeros.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match u16::try_from(payload.len()) {
        Ok(short) if short < 126 => bytes.push(0x80 | short.to_be_bytes()[1]),
        Ok(middle) => {
            bytes.push(0xfe);
            bytes.extend(middle.to_be_bytes());
        }
        Err(_) => {
            bytes.push(0xff);
            bytes.extend((payload.len() as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// The same noise for the same seed (xorshift).
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()[3]
    };
    (0..bytes).map(|_| next()).collect()
}

/// Sends each input on a connection of its own, reads a little of what comes, and goes without a word.
async fn send(scene: &Scene, all: &[Vec<u8>]) {
    for bytes in all {
        let mut stream = TcpStream::connect(scene.kefu.address()).await.expect("kefu listens");
        let mut answer = [0; 512];
        let talk = async {
            // Who was cut off in the middle knows enough.
            if stream.write_all(bytes).await.is_ok() {
                let _ = stream.read(&mut answer).await;
            }
        };
        let _ = tokio::time::timeout(std::time::Duration::from_millis(40), talk).await;
    }
}

/// Waits until only the chat's connections are left.
async fn settled(scene: &Scene) {
    eventually("they are forgotten", async || {
        let connections = scene.admin.api.get("/api/connections").await.ok();
        (connections["items"].as_array().expect("items").len() <= 3).then_some(())
    })
    .await;
}
