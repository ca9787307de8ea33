//! Any report of a process.

use kefu_model::At;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use super::text;
use crate::report::{Heard, ProcessReport, Quantile, Rate, Resources, Timing};

fn number() -> impl Strategy<Value = f64> {
    proptest::num::f64::POSITIVE | proptest::num::f64::ZERO
}

fn quantile() -> impl Strategy<Value = Quantile> {
    (number(), any::<bool>()).prop_map(|(ms, at_least)| Quantile { ms, at_least })
}

fn timing() -> impl Strategy<Value = Timing> {
    (text(), vec((text(), text()), 0..3), any::<u64>(), number(), [quantile(), quantile(), quantile()]).prop_map(
        |(name, labels, count, per_second, [p50, p95, p99])| Timing { name, labels, count, per_second, p50, p95, p99 },
    )
}

fn resources() -> impl Strategy<Value = Resources> {
    (of(number()), [0; 6].map(|_| of(any::<u64>()))).prop_map(|(cpu_cores, counts)| {
        let [memory_bytes, open_files, open_files_limit, threads, connections, data_free_bytes] = counts;
        Resources { cpu_cores, memory_bytes, open_files, open_files_limit, threads, connections, data_free_bytes }
    })
}

fn rate() -> impl Strategy<Value = Rate> {
    (text(), number()).prop_map(|(name, per_second)| Rate { name, per_second })
}

fn process() -> impl Strategy<Value = ProcessReport> {
    let times = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    (text(), vec(text(), 0..4), text(), resources(), times, vec(timing(), 0..4), vec(rate(), 0..4)).prop_map(
        |(name, roles, version, resources, times, timings, rates)| {
            let (started_at, uptime_s, window_ms, timings_left_out) = times;
            let started_at = At(started_at);
            ProcessReport {
                name,
                roles,
                version,
                started_at,
                uptime_s,
                resources,
                window_ms,
                timings,
                timings_left_out,
                rates,
            }
        },
    )
}

pub(in crate::payload::tests) fn heard() -> impl Strategy<Value = Heard> {
    prop_oneof![process().prop_map(|report| Heard::Report(Box::new(report))), text().prop_map(Heard::Gone)]
}
