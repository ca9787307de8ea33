//! One look at everything that a process counts.

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

use super::buckets::Buckets;

/// Counters whose rates are told.
pub const COUNTERS: [&str; 9] = [
    // Received.
    "kefu_edge_frames_in_total",
    "kefu_owner_commands_total",
    // Decided.
    "kefu_router_outcomes_total",
    // Delivered.
    "kefu_router_deliveries_total",
    "kefu_edge_frames_out_total",
    // Archived.
    "kefu_archiver_outcomes_total",
    // Refused.
    "kefu_edge_refused_total",
    "kefu_router_refused_total",
    "kefu_assigner_refused_total",
];

/// How names of histograms end that count times, in seconds.
const SECONDS: &str = "_seconds";

/// A histogram's name and labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// The name.
    pub name: String,
    /// Names and values.
    pub labels: Vec<(String, String)>,
}

/// What had been counted at a moment since the process started.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sample {
    /// When, in milliseconds of a steady clock.
    pub at_ms: u64,
    /// Processor time of the process, where the system tells it.
    pub cpu: Option<Duration>,
    /// The histograms of times.
    pub timings: BTreeMap<Series, Buckets>,
    /// [`COUNTERS`], as far as they are there: all series of one together.
    pub counts: BTreeMap<String, f64>,
}

impl Sample {
    /// What a registry gathered at a moment.
    #[must_use]
    pub fn of(at_ms: u64, cpu: Option<Duration>, families: &[MetricFamily]) -> Self {
        let mut sample = Self { at_ms, cpu, ..Self::default() };
        for family in families {
            let (name, metrics) = (family.name(), family.get_metric());
            match family.get_field_type() {
                MetricType::HISTOGRAM if name.ends_with(SECONDS) => {
                    sample.timings.extend(metrics.iter().map(|metric| (series(name, metric), buckets(metric))));
                }
                MetricType::COUNTER if COUNTERS.contains(&name) => {
                    let sum = metrics.iter().map(|metric| metric.get_counter().get_value()).sum();
                    sample.counts.insert(name.to_owned(), sum);
                }
                _ => {}
            }
        }
        sample
    }
}

fn series(name: &str, metric: &Metric) -> Series {
    let label = |label: &LabelPair| (label.name().to_owned(), label.value().to_owned());
    Series { name: name.to_owned(), labels: metric.get_label().iter().map(label).collect() }
}

fn buckets(metric: &Metric) -> Buckets {
    let histogram = metric.get_histogram();
    let finite = || histogram.get_bucket().iter().filter(|bucket| bucket.upper_bound().is_finite());
    Buckets {
        bounds_s: finite().map(|bucket| bucket.upper_bound()).collect(),
        cumulative: finite().map(|bucket| bucket.cumulative_count()).collect(),
        count: histogram.get_sample_count(),
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry};

    use super::*;

    #[test]
    fn a_sample_has_times_and_the_named_counters() {
        let registry = Registry::new();
        let calls = HistogramOpts::new("kefu_store_seconds", "h").buckets(vec![0.1, 1.0]);
        let calls = HistogramVec::new(calls, &["call"]).unwrap();
        let sizes = Histogram::with_opts(HistogramOpts::new("kefu_sizes_bytes", "h")).unwrap();
        let refused = IntCounterVec::new(Opts::new("kefu_edge_refused_total", "h"), &["code"]).unwrap();
        let other = IntCounterVec::new(Opts::new("kefu_edge_closed_total", "h"), &["code"]).unwrap();
        let gauge = IntGauge::new("kefu_edge_warm_seconds", "h").unwrap();
        registry.register(Box::new(calls.clone())).unwrap();
        registry.register(Box::new(sizes.clone())).unwrap();
        registry.register(Box::new(refused.clone())).unwrap();
        registry.register(Box::new(other.clone())).unwrap();
        registry.register(Box::new(gauge)).unwrap();
        for seconds in [0.05, 0.5, 5.0] {
            calls.with_label_values(&["ping"]).observe(seconds);
        }
        sizes.observe(1.0);
        refused.with_label_values(&["1001"]).inc_by(2);
        refused.with_label_values(&["1002"]).inc_by(3);
        other.with_label_values(&["4001"]).inc();
        let sample = Sample::of(7, Some(Duration::from_secs(1)), &registry.gather());
        let ping =
            Series { name: "kefu_store_seconds".to_owned(), labels: vec![("call".to_owned(), "ping".to_owned())] };
        let counted = Buckets { bounds_s: vec![0.1, 1.0], cumulative: vec![1, 2], count: 3 };
        assert_eq!((sample.at_ms, sample.cpu), (7, Some(Duration::from_secs(1))));
        assert_eq!(sample.timings, BTreeMap::from([(ping, counted)]));
        assert_eq!(sample.counts, BTreeMap::from([("kefu_edge_refused_total".to_owned(), 5.0)]));
    }
}
