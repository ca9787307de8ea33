use std::future::poll_fn;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

use super::*;

const LIMITS: GuardLimits = GuardLimits { message_bytes: 1_000, fragments: 4 };

fn pair(buffer_bytes: usize) -> (DuplexStream, Guard<DuplexStream>) {
    let (client, server) = duplex(buffer_bytes);
    (client, Guard::new(server, LIMITS, &[]))
}

/// A client's frame, masked unless told otherwise.
fn frame(first: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let mut bytes = vec![first];
    let mask_bit = if masked { 0x80 } else { 0 };
    match u8::try_from(payload.len()) {
        Ok(short) if short < 126 => bytes.push(mask_bit | short),
        _ => {
            bytes.push(mask_bit | 126);
            bytes.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    if masked {
        let mask = [1, 2, 3, 4];
        bytes.extend(mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    } else {
        bytes.extend(payload);
    }
    bytes
}

fn text(payload: &str) -> Vec<u8> {
    frame(0x81, payload.as_bytes(), true)
}

async fn receive(guard: &mut Guard<DuplexStream>) -> Result<Vec<Incoming>, Violation> {
    poll_fn(|cx| guard.poll_read(cx)).await.unwrap();
    guard.take_incoming()
}

#[tokio::test]
async fn several_frames_in_one_read_and_one_frame_in_several() {
    let (mut client, mut guard) = pair(4_096);
    client.write_all(&[text("one"), text("two")].concat()).await.unwrap();
    let both = vec![Incoming::Text(b"one".to_vec()), Incoming::Text(b"two".to_vec())];
    assert_eq!(receive(&mut guard).await, Ok(both));
    let whole = text("in pieces");
    for byte in &whole[..whole.len() - 1] {
        client.write_all(&[*byte]).await.unwrap();
        assert_eq!(receive(&mut guard).await, Ok(vec![]));
    }
    client.write_all(&whole[whole.len() - 1..]).await.unwrap();
    assert_eq!(receive(&mut guard).await, Ok(vec![Incoming::Text(b"in pieces".to_vec())]));
}

#[tokio::test]
async fn fragments_are_put_together_around_control_frames() {
    let (mut client, mut guard) = pair(4_096);
    // "é" is cut in two: only the whole has to be UTF-8.
    let bytes = [frame(0x01, &[b'a', 0xc3], true), frame(0x89, b"hey", true), frame(0x80, &[0xa9], true)];
    client.write_all(&bytes.concat()).await.unwrap();
    let expected = vec![Incoming::Ping(b"hey".to_vec()), Incoming::Text("aé".as_bytes().to_vec())];
    assert_eq!(receive(&mut guard).await, Ok(expected));
}

#[tokio::test]
async fn what_breaks_the_rules_is_refused() {
    let cases: Vec<(Vec<u8>, Violation)> = vec![
        (frame(0x81, b"x", false), Violation::Unmasked),
        (frame(0x81, &[b'x'; 1_001], true), Violation::TooLarge),
        (vec![0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Violation::TooLarge),
        (frame(0x81, &[0xff, 0xfe], true), Violation::NotUtf8),
        (frame(0xc1, b"x", true), Violation::Protocol),
        (frame(0x83, b"x", true), Violation::Protocol),
        (frame(0x80, b"x", true), Violation::Protocol),
        (frame(0x09, b"x", true), Violation::Protocol),
        (frame(0x89, &[0; 126], true), Violation::Protocol),
        (frame(0x88, &[3], true), Violation::Protocol),
        (frame(0x88, &1005_u16.to_be_bytes(), true), Violation::Protocol),
        ([frame(0x01, b"a", true), frame(0x81, b"b", true)].concat(), Violation::Protocol),
    ];
    for (bytes, violation) in cases {
        let (mut client, mut guard) = pair(4_096);
        client.write_all(&bytes).await.unwrap();
        assert_eq!(receive(&mut guard).await, Err(violation), "{bytes:?}");
    }
}

#[tokio::test]
async fn neither_many_fragments_nor_their_sum_grow_beyond_the_limits() {
    let (mut client, mut guard) = pair(8_192);
    let many = [frame(0x02, b"", true), frame(0x00, b"", true).repeat(4)].concat();
    client.write_all(&many).await.unwrap();
    assert_eq!(receive(&mut guard).await, Err(Violation::TooLarge));

    let (mut client, mut guard) = pair(8_192);
    let large = [frame(0x02, &[0; 600], true), frame(0x80, &[0; 600], true)].concat();
    client.write_all(&large).await.unwrap();
    assert_eq!(receive(&mut guard).await, Err(Violation::TooLarge));
}

#[tokio::test]
async fn a_close_says_its_code() {
    let (mut client, mut guard) = pair(4_096);
    client.write_all(&frame(0x88, &[&1000_u16.to_be_bytes()[..], b"bye"].concat(), true)).await.unwrap();
    assert_eq!(receive(&mut guard).await, Ok(vec![Incoming::Close(Some(1000))]));
}

#[tokio::test]
async fn queued_frames_are_written_together_and_unmasked() {
    let (mut client, mut guard) = pair(4_096);
    guard.queue_message(true, b"a");
    guard.queue_message(false, b"b");
    guard.queue_pong(b"c");
    guard.queue_close(4001, &"long ".repeat(100));
    poll_fn(|cx| guard.poll_flush(cx)).await.unwrap();
    assert_eq!(guard.unwritten_bytes(), 0);
    let mut bytes = vec![0; 9 + 2 + CONTROL_BYTES];
    client.read_exact(&mut bytes).await.unwrap();
    assert_eq!(&bytes[..9], [0x81, 1, b'a', 0x82, 1, b'b', 0x8a, 1, b'c']);
    assert_eq!(&bytes[9..13], [0x88, 125, 0x0f, 0xa1]);
}

#[tokio::test]
async fn a_slow_reader_stalls_the_flush_and_nothing_is_lost() {
    let (mut client, mut guard) = pair(64);
    guard.queue_message(false, &[7; 500]);
    let first = poll_fn(|cx| Poll::Ready(guard.poll_flush(cx).is_pending())).await;
    assert!(first, "the pipe takes 64 bytes");
    assert!(guard.unwritten_bytes() > 400);
    let reader = tokio::spawn(async move {
        let mut all = vec![0; 504];
        client.read_exact(&mut all).await.unwrap();
        all
    });
    poll_fn(|cx| guard.poll_flush(cx)).await.unwrap();
    assert_eq!(&reader.await.unwrap()[4..], &[7; 500]);
}

#[tokio::test]
async fn a_parked_guard_holds_no_buffer() {
    let (mut client, mut guard) = pair(4_096);
    client.write_all(&frame(0x82, &[0; 900], true)).await.unwrap();
    receive(&mut guard).await.unwrap();
    guard.queue_message(false, &[0; 900]);
    poll_fn(|cx| guard.poll_flush(cx)).await.unwrap();
    assert_eq!((guard.inbox.capacity(), guard.outbox.capacity()), (0, 0));
}

#[test]
fn no_bytes_make_the_guard_panic() {
    use proptest::prelude::*;
    proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..400))| {
        let (_client, server) = duplex(16);
        let mut guard = Guard::new(server, LIMITS, &bytes);
        let _ = guard.take_incoming();
        let _ = guard.take_incoming();
    });
}
