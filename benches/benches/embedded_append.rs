//! Appends to the embedded log with fsync on: group commit with 1, 16 and 256 in flight.

use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kefu_nats::conformance::spec;
use kefu_nats::embedded::{Embedded, EmbeddedConfig};
use kefu_nats::testing::TempDir;
use kefu_nats::transport::{StreamSpec, Transport};

/// A batch of outcomes is rarely smaller.
const PAYLOAD_BYTES: usize = 500;
const STREAMS: usize = 16;

async fn open(dir: &TempDir) -> Embedded {
    let log = Embedded::open(EmbeddedConfig::new(dir.path())).await.expect("the log opens");
    for number in 0..STREAMS {
        let wide = StreamSpec { max_bytes: 1 << 40, ..spec(&format!("s{number}")) };
        log.open_stream(&wide).await.expect("the stream opens");
    }
    log
}

/// Appends to all streams in turn and waits for all answers.
async fn append(log: &Embedded, names: &[String], payload: &Bytes, in_flight: usize) {
    let mut tickets = Vec::with_capacity(in_flight);
    for number in 0..in_flight {
        let name = &names[number % names.len()];
        tickets.push(log.append(name, payload.clone(), None).await.expect("it is enqueued"));
    }
    for ticket in tickets {
        ticket.await.expect("it is stored");
    }
}

fn embedded_append(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let dir = TempDir::new();
    let log = runtime.block_on(open(&dir));
    let names: Vec<String> = (0..STREAMS).map(|number| format!("s{number}")).collect();
    let payload = Bytes::from(vec![7; PAYLOAD_BYTES]);
    let mut group = criterion.benchmark_group("embedded_append");
    group.measurement_time(Duration::from_secs(5)).sample_size(20);
    for in_flight in [1, 16, 256] {
        group.throughput(Throughput::Elements(in_flight as u64));
        group.bench_with_input(BenchmarkId::from_parameter(in_flight), &in_flight, |bencher, in_flight| {
            bencher.to_async(&runtime).iter(|| append(&log, &names, &payload, *in_flight));
        });
    }
    group.finish();
}

criterion_group!(benches, embedded_append);
criterion_main!(benches);
