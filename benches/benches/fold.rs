//! Folding a window of 1,000 messages in 200 conversations into rows.

use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

#[path = "../../archiver/benches/setup/window.rs"]
mod window;

const OUTCOMES: usize = 1_000;
const CONVERSATIONS: usize = 200;

fn fold_window(criterion: &mut Criterion) {
    let outcomes = window::outcomes(OUTCOMES, CONVERSATIONS);
    let mut group = criterion.benchmark_group("fold");
    group.measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    group.throughput(Throughput::Elements(u64::try_from(OUTCOMES).expect("it is small")));
    group.bench_function("1,000 outcomes", |bencher| {
        bencher.iter_batched_ref(
            || window::ready(&outcomes),
            |fold| {
                window::fold(fold, 2, &outcomes);
                fold.take(None)
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

criterion_group!(benches, fold_window);
criterion_main!(benches);
