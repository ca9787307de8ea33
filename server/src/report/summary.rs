//! What a window says, as it is told.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use kefu_nats::report::{ProcessReport, Rate, Timing};

use super::buckets::Buckets;
use super::sample::Series;
use super::window::Window;

/// How long things lasted in the window, by name and labels, and how many timings were left out. Nothing is told of what did
/// not happen.
#[must_use]
pub fn timings(window: &Window) -> (Vec<Timing>, u64) {
    let counted = window.timings();
    let all: Vec<_> = counted.into_iter().filter_map(|(series, buckets)| timing(window, series, &buckets)).collect();
    pick(all)
}

/// How often things were counted in the window, by name.
#[must_use]
pub fn rates(window: &Window) -> Vec<Rate> {
    let rates = window.rates().into_iter();
    rates.map(|(name, per_second)| Rate { name: name.to_owned(), per_second }).collect()
}

fn timing(window: &Window, series: &Series, buckets: &Buckets) -> Option<Timing> {
    Some(Timing {
        name: series.name.clone(),
        labels: series.labels.clone(),
        count: buckets.count,
        per_second: window.per_second(buckets.count as f64)?,
        p50: buckets.quantile(0.5)?,
        p95: buckets.quantile(0.95)?,
        p99: buckets.quantile(0.99)?,
    })
}

/// At most so many as a report may have: first the most frequent one of each name, then the most frequent ones of all.
fn pick(mut all: Vec<Timing>) -> (Vec<Timing>, u64) {
    all.sort_by_key(|timing| Reverse(timing.count));
    let mut named = BTreeSet::new();
    let (mut picked, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|timing| named.insert(timing.name.clone()));
    picked.extend(others);
    let left_out = picked.len().saturating_sub(ProcessReport::MOST_TIMINGS);
    picked.truncate(ProcessReport::MOST_TIMINGS);
    picked.sort_by(|a, b| (&a.name, &a.labels).cmp(&(&b.name, &b.labels)));
    (picked, left_out as u64)
}

#[cfg(test)]
mod tests {
    use kefu_nats::report::Quantile;
    use prometheus::{Histogram, HistogramOpts, HistogramVec, Registry};

    use super::*;
    use crate::report::sample::Sample;

    #[test]
    fn a_report_is_bounded_and_has_something_of_each_name() {
        let registry = Registry::new();
        let calls = HistogramVec::new(HistogramOpts::new("calls_seconds", "h"), &["call"]).unwrap();
        let rare = Histogram::with_opts(HistogramOpts::new("rare_seconds", "h").buckets(vec![1.0, 3.0])).unwrap();
        let never = Histogram::with_opts(HistogramOpts::new("never_seconds", "h")).unwrap();
        registry.register(Box::new(calls.clone())).unwrap();
        registry.register(Box::new(rare.clone())).unwrap();
        registry.register(Box::new(never)).unwrap();
        let mut window = Window::default();
        window.add(Sample::of(0, None, &registry.gather()));
        assert_eq!(timings(&window), (Vec::new(), 0));
        for call in 0..200_usize {
            let histogram = calls.with_label_values(&[&format!("call{call:03}")]);
            (0..call + 2).for_each(|_| histogram.observe(0.001));
        }
        rare.observe(2.0);
        window.add(Sample::of(5_000, None, &registry.gather()));
        let (told, left_out) = timings(&window);
        assert_eq!((told.len(), left_out), (ProcessReport::MOST_TIMINGS, 201 - 64));
        // The most frequent calls, in their order, then what happened once.
        let (last, calls) = told.split_last().unwrap();
        assert_eq!(calls[0].labels[0].1, "call137");
        assert_eq!((calls[62].labels[0].1.as_str(), calls[62].count), ("call199", 201));
        let one = |ms| Quantile { ms, at_least: false };
        assert_eq!((last.name.as_str(), last.count, last.per_second), ("rare_seconds", 1, 0.2));
        assert_eq!((last.p50, last.p95, last.p99), (one(2_000.0), one(2_900.0), one(2_980.0)));
    }
}
