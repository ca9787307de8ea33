//! What RFC 6455 does not allow.

use super::raw::frame;
use super::*;

async fn closes(served: &Served, bytes: &[u8], code: u16) {
    let mut raw = served.open().await;
    raw.write(bytes).await;
    assert_eq!(raw.closed_with().await, code, "{:02x?}", &bytes[..bytes.len().min(16)]);
}

// Bad input: a message larger than `limits.frame_bytes`, in one frame or in fragments
// Bad input: a message in more than 64 fragments
#[tokio::test]
async fn too_large_and_too_many() {
    let served = Served::start().await;
    closes(&served, &frame(0x81, &[b' '; 65_537]), 4302).await;
    // Only a length: nothing of it has to come.
    closes(&served, &[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 4302).await;
    closes(&served, &[0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 4302).await;
    let halves = [frame(0x01, &[b' '; 40_000]), frame(0x80, &[b' '; 40_000])].concat();
    closes(&served, &halves, 4302).await;
    let endless = [frame(0x01, b""), frame(0x00, b"").repeat(64)].concat();
    closes(&served, &endless, 4302).await;
    let mut raw = served.welcomed().await;
    let ping = br#"{"t":"ping","id":1}"#;
    let mut pieces = frame(0x01, b"");
    pieces.extend(frame(0x00, b"").repeat(62));
    pieces.extend(frame(0x80, ping));
    raw.write(&pieces).await;
    assert_eq!(raw.frame().await["id"], 1, "64 fragments are allowed");
}

// Bad input: a data frame within a fragmented message, or a continuation of nothing
// Bad input: a frame that is not masked
// Bad input: reserved bits or opcodes
// Bad input: a control frame that is fragmented or longer than 125 bytes, or a close frame with an impossible code
// Bad input: text that is not UTF-8
#[tokio::test]
async fn against_the_rules() {
    let served = Served::start().await;
    closes(&served, &[frame(0x01, b"a"), frame(0x81, b"b")].concat(), 4301).await;
    closes(&served, &[frame(0x01, b"a"), frame(0x82, b"b")].concat(), 4301).await;
    closes(&served, &frame(0x80, b"a"), 4301).await;
    closes(&served, &[0x81, 2, b'{', b'}'], 4301).await;
    closes(&served, &[0x89, 0], 4301).await;
    for first in [0xc1, 0xa1, 0x91, 0x83, 0x87, 0x8b, 0x8f] {
        closes(&served, &frame(first, b"x"), 4301).await;
    }
    closes(&served, &frame(0x09, b"x"), 4301).await;
    closes(&served, &frame(0x89, &[0; 126]), 4301).await;
    closes(&served, &frame(0x88, &[3]), 4301).await;
    for code in [0_u16, 999, 1004, 1005, 1006, 1015, 65_535] {
        closes(&served, &frame(0x88, &code.to_be_bytes()), 4301).await;
    }
    closes(&served, &frame(0x88, &[3, 0xe8, 0xff]), 4301).await;
    closes(&served, &frame(0x81, &[b'"', 0xff, b'"']), 4301).await;
    closes(&served, &[frame(0x01, &[0xc3]), frame(0x80, b"x")].concat(), 4301).await;
}

// Bad input: pings or frames faster than the limit
#[tokio::test]
async fn a_flood_of_pings_is_slowed_and_answered() {
    let slow = EdgeConfig { frames_per_second: 200, frames_burst: 10, ..config() };
    let served = Served::start_with(slow).await;
    let mut raw = served.welcomed().await;
    let started = std::time::Instant::now();
    for round in 0..3_u8 {
        for id in 0..20 {
            raw.write(&frame(0x89, &[round, id])).await;
        }
        for id in 0..20 {
            assert_eq!(raw.pong().await, [round, id]);
        }
    }
    assert!(started.elapsed().as_millis() >= 150, "{:?}", started.elapsed());
}
