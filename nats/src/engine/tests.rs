//! The engine under a deterministic scheduler: one thread, no clock, everything that can happen chosen by a seed.
//!
//! [`world::World`] holds a log, an inbox, a store and some owners that all believe they own the log; [`chaos`] chooses
//! what happens next; [`check`] reads the log by the rule alone and compares it with what everyone was told. That the
//! check can fail is shown by running it on engines and readers that are broken on purpose.

mod chaos;
mod check;
mod clients;
mod domain;
mod reader;
mod scenarios;
mod share;
mod shelf;
mod tail;
mod worker;
mod world;

use chaos::run;

/// What is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutation {
    /// Nothing.
    None,
    /// Answers are told when a record is sent, not when it counts.
    AckAtAppend,
    /// Nothing is remembered of commands.
    NoDeduplication,
    /// The archiver loses an outcome now and then.
    SkippingReader,
    /// The archiver takes every record for one that counts.
    VoidIsValid,
}

/// Seeds of a normal run; `KEFU_ENGINE_SEEDS` asks for more, `KEFU_ENGINE_SEED` for one alone.
const SEEDS: u64 = 2_000;

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

#[test]
fn any_interleaving_keeps_the_promises() {
    if let Some(seed) = number_from("KEFU_ENGINE_SEED") {
        return run(seed, Mutation::None).map(drop).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
    let mut seen = chaos::Seen::default();
    for seed in 0..number_from("KEFU_ENGINE_SEEDS").unwrap_or(SEEDS) {
        match run(seed, Mutation::None) {
            Ok(run) => seen.add(&run),
            Err(why) => panic!("KEFU_ENGINE_SEED={seed}: {why}"),
        }
    }
    seen.assert_everything_happened();
}

fn failures(mutation: Mutation) -> Vec<String> {
    (0..300).filter_map(|seed| run(seed, mutation).err()).collect()
}

#[test]
fn an_answer_before_the_record_counts_is_found() {
    let failures = failures(Mutation::AckAtAppend);
    assert!(failures.iter().any(|why| why.contains("is not in the log")), "{failures:?}");
}

#[test]
fn missing_deduplication_is_found() {
    let failures = failures(Mutation::NoDeduplication);
    assert!(failures.iter().any(|why| why.contains("more than once")), "{failures:?}");
}

#[test]
fn a_reader_that_loses_an_outcome_is_found() {
    let failures = failures(Mutation::SkippingReader);
    assert!(failures.iter().any(|why| why.contains("the archiver")), "{failures:?}");
}

#[test]
fn a_reader_that_takes_void_records_is_found() {
    let failures = failures(Mutation::VoidIsValid);
    assert!(failures.iter().any(|why| why.contains("the archiver")), "{failures:?}");
}
