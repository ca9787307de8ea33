//! Encodings on the way of a message, and the engine from an envelope to the delivery of its outcomes.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kefu_nats::codec;

#[path = "../../nats/benches/setup/engine.rs"]
mod engine;
#[path = "../../nats/benches/setup/message.rs"]
mod message;

use engine::Engine;
use message::{command, outcome};

fn encodings(criterion: &mut Criterion) {
    let command = command();
    let outcome = outcome(&command);
    let encoded_command = codec::encode_command(&command);
    let encoded_outcome = codec::encode_outcome(&outcome);
    let mut group = criterion.benchmark_group("payload");
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    group.throughput(Throughput::Elements(1));
    group.bench_function("encode a command", |bencher| bencher.iter(|| codec::encode_command(black_box(&command))));
    group.bench_function("decode a command", |bencher| {
        bencher.iter(|| codec::decode_command(black_box(&encoded_command)))
    });
    group.bench_function("encode an outcome", |bencher| bencher.iter(|| codec::encode_outcome(black_box(&outcome))));
    group.bench_function("decode an outcome", |bencher| {
        bencher.iter(|| codec::decode_outcome(black_box(&encoded_outcome)))
    });
    group.finish();
}

/// 100 commands of 100 aggregates in one envelope, through one record.
fn owner(criterion: &mut Criterion) {
    let mut engine = Engine::claim();
    let mut group = criterion.benchmark_group("engine");
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    group.throughput(Throughput::Elements(100));
    group.bench_function("100 commands", |bencher| bencher.iter(|| engine.commands(100)));
    group.finish();
}

criterion_group!(benches, encodings, owner);
criterion_main!(benches);
