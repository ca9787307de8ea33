//! What an edge does with a message on its way in and out. `cargo xtask instructions`.

use std::process::ExitCode;

use bytes::Bytes;
use kefu_edge::benching;
use kefu_edge::frame::{Codec, parse};
use kefu_instructions::{Bench, Count};

#[path = "setup/chat.rs"]
mod chat;

const BENCHES: &[Bench] = &[
    ("read a JSON frame", |count| read(count, Codec::Json, 1)),
    ("read a msgpack frame", |count| read(count, Codec::Msgpack, 1)),
    ("read 32 JSON frames", |count| read(count, Codec::Json, 32)),
    ("read 32 msgpack frames", |count| read(count, Codec::Msgpack, 32)),
    ("hash a command", hash),
    ("encode a delivered message as JSON", |count| deliver(count, Codec::Json)),
    ("encode a delivered message as msgpack", |count| deliver(count, Codec::Msgpack)),
    ("a page of 50 messages as JSON", history),
];
const ROUNDS: u32 = 100;
const MAX_FRAMES: usize = 64;

fn main() -> ExitCode {
    kefu_instructions::run(BENCHES)
}

fn read(count: Count, codec: Codec, frames: u64) {
    let message = match (1..=frames).map(|n| written(codec, n)).collect::<Vec<_>>().as_slice() {
        [frame] => frame.clone(),
        frames => codec.join(frames),
    };
    count.times(ROUNDS, || {
        let parsed = parse(codec, &message, MAX_FRAMES);
        assert!(parsed.len() as u64 == frames && parsed.iter().all(Result::is_ok));
        parsed
    });
}

fn written(codec: Codec, n: u64) -> Bytes {
    let frame = chat::frame(n);
    match codec {
        Codec::Json => serde_json::to_vec(&frame).expect("it is written").into(),
        Codec::Msgpack => rmp_serde::to_vec_named(&frame).expect("it is written").into(),
    }
}

fn hash(count: Count) {
    let body = chat::body();
    count.times(ROUNDS, || benching::hash(&body));
}

fn deliver(count: Count, codec: Codec) {
    let (_, outcomes) = chat::conversation(2);
    count.times(ROUNDS, || benching::deliver(codec, &outcomes[1]));
}

fn history(count: Count) {
    let (state, outcomes) = chat::conversation(51);
    let page = chat::page(&outcomes[1..]);
    assert_eq!(page.items.len(), 50);
    count.times(10, || benching::history(&state, &page));
}
