//! Latencies.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// The longest latency that is told apart, in microseconds.
const LONGEST_US: u64 = 600_000_000;
const PERCENTILES: [(&str, f64); 4] = [("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99.9", 99.9)];

/// A histogram of latencies, to three digits, from one microsecond to ten minutes.
#[derive(Debug, Clone)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST_US, 3).expect("these bounds are valid"))
    }
}

impl Latency {
    /// Takes one, in nanoseconds.
    pub fn record_ns(&mut self, latency_ns: u64) {
        self.0.saturating_record((latency_ns / 1_000).max(1));
    }

    /// How many were taken.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The percentile in milliseconds; 0 of nothing.
    pub fn ms(&self, percentile: f64) -> f64 {
        self.0.value_at_percentile(percentile) as f64 / 1_000.0
    }

    fn max_ms(&self) -> f64 {
        self.0.max() as f64 / 1_000.0
    }

    /// For the table.
    pub fn text(&self) -> String {
        if self.count() == 0 {
            return "nothing".to_owned();
        }
        let percentiles =
            PERCENTILES.iter().map(|(name, percentile)| format!("{name} {}", short(self.ms(*percentile))));
        let max = std::iter::once(format!("max {}", short(self.max_ms())));
        percentiles.chain(max).collect::<Vec<_>>().join("  ")
    }

    /// For the file.
    pub fn json(&self) -> Value {
        let mut all = serde_json::Map::new();
        for (name, percentile) in PERCENTILES {
            all.insert(name.replace('.', "_"), self.ms(percentile).into());
        }
        all.insert("max".to_owned(), self.max_ms().into());
        all.insert("mean".to_owned(), json!(self.0.mean() / 1_000.0));
        all.insert("count".to_owned(), self.count().into());
        Value::Object(all)
    }
}

/// Milliseconds with three digits that mean something.
fn short(ms: f64) -> String {
    match ms {
        0.0..10.0 => format!("{ms:.2}"),
        10.0..100.0 => format!("{ms:.1}"),
        _ => format!("{ms:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut latency = Latency::default();
        for ms in 1..=1_000_u64 {
            latency.record_ns(ms * 1_000_000);
        }
        for (percentile, ms) in [(50.0, 500.0), (90.0, 900.0), (99.0, 990.0), (99.9, 999.0)] {
            assert!((latency.ms(percentile) - ms).abs() <= ms * 0.002, "{percentile}: {}", latency.ms(percentile));
        }
        assert_eq!(latency.json()["count"], 1_000);
        assert_eq!(latency.json()["p99"], latency.ms(99.0));
    }

    #[test]
    fn the_table_says_what_means_something() {
        let mut latency = Latency::default();
        (0..99).for_each(|_| latency.record_ns(5_000_000));
        latency.record_ns(123_000_000);
        assert_eq!(latency.text(), "p50 5.00  p90 5.00  p99 5.00  p99.9 123  max 123");
    }

    #[test]
    fn what_is_out_of_bounds_is_taken_as_the_bound() {
        let mut latency = Latency::default();
        latency.record_ns(0);
        latency.record_ns(u64::MAX);
        assert_eq!(latency.count(), 2);
        assert_eq!(Latency::default().text(), "nothing");
    }
}
