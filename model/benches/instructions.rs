//! Deciding: conversations and allocation. `cargo xtask instructions`.

use std::process::ExitCode;

use kefu_instructions::{Bench, Count};

#[path = "setup/desk.rs"]
mod desk;
#[path = "setup/hot.rs"]
mod hot;

use desk::Desk;
use hot::Hot;

const BENCHES: &[Bench] = &[
    ("decide and apply a message", message),
    ("decide and apply a mark", mark),
    ("answer 100 repeated commands", repeated),
    ("allocation: time passes, 50 agents, 1,000 sessions", tick),
    ("allocation: a session ends, 50 agents, 1,000 sessions", ended),
];

fn main() -> ExitCode {
    kefu_instructions::run(BENCHES)
}

fn message(count: Count) {
    let mut hot = Hot::new();
    count.times(200, || hot.message());
}

fn mark(count: Count) {
    let mut hot = Hot::new();
    count.times(200, || hot.mark());
}

fn repeated(count: Count) {
    let hot = Hot::new();
    count.times(10, || (0..100).for_each(|_| drop(hot.repeated())));
}

fn tick(count: Count) {
    let desk = Desk::new();
    assert_eq!(desk.tick(), None, "nobody has room");
    count.times(5, || desk.tick());
}

fn ended(count: Count) {
    let desk = Desk::new();
    let events = desk.ended().map(|outcome| outcome.events.len());
    assert_eq!(events, Some(2), "the end is observed, and the place is given away");
    count.times(5, || desk.ended());
}
