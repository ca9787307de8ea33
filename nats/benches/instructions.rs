//! Encodings on the way of a message, and the engine. `cargo xtask instructions`.

use std::process::ExitCode;

use kefu_instructions::{Bench, Count};
use kefu_nats::codec;

#[path = "setup/engine.rs"]
mod engine;
#[path = "setup/message.rs"]
mod message;

use engine::Engine;
use message::{command, outcome};

const BENCHES: &[Bench] = &[
    ("encode a command", encode_command),
    ("decode a command", decode_command),
    ("encode an outcome", encode_outcome),
    ("decode an outcome", decode_outcome),
    ("100 commands through the owner", owner),
];
const ROUNDS: u32 = 200;

fn main() -> ExitCode {
    kefu_instructions::run(BENCHES)
}

fn encode_command(count: Count) {
    let command = command();
    count.times(ROUNDS, || codec::encode_command(&command));
}

fn decode_command(count: Count) {
    let bytes = codec::encode_command(&command());
    count.times(ROUNDS, || codec::decode_command(&bytes).expect("a command"));
}

fn encode_outcome(count: Count) {
    let outcome = outcome(&command());
    count.times(ROUNDS, || codec::encode_outcome(&outcome));
}

fn decode_outcome(count: Count) {
    let bytes = codec::encode_outcome(&outcome(&command()));
    count.times(ROUNDS, || codec::decode_outcome(&bytes).expect("an outcome"));
}

fn owner(count: Count) {
    let mut engine = Engine::claim();
    (0..20).for_each(|_| engine.commands(100));
    count.times(20, || engine.commands(100));
}
