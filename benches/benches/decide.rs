//! Deciding and applying one message of a hot support conversation.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

#[path = "../../model/benches/setup/hot.rs"]
mod hot;

use hot::Hot;

fn decide_and_apply(criterion: &mut Criterion) {
    let mut hot = Hot::new();
    let mut group = criterion.benchmark_group("conversation");
    group
        .measurement_time(Duration::from_secs(2))
        .warm_up_time(Duration::from_millis(500))
        .throughput(Throughput::Elements(1));
    group.bench_function("decide and apply a message", |bencher| bencher.iter(|| hot.message()));
    group.bench_function("answer a repeated command", |bencher| bencher.iter(|| hot.repeated()));
    group.bench_function("decide and apply a message and a mark", |bencher| {
        bencher.iter(|| {
            hot.message();
            hot.mark();
        });
    });
    group.finish();
}

criterion_group!(benches, decide_and_apply);
criterion_main!(benches);
