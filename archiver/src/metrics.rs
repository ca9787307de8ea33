//! What the archiver counts.

use prometheus::{Histogram, HistogramOpts, IntCounter, Registry};

pub(crate) struct Metrics {
    pub(crate) outcomes: IntCounter,
    pub(crate) rows: IntCounter,
    pub(crate) retries: IntCounter,
    pub(crate) write_seconds: Histogram,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            outcomes: IntCounter::new("kefu_archiver_outcomes_total", "Outcomes archived")?,
            rows: IntCounter::new("kefu_archiver_rows_total", "Rows written")?,
            retries: IntCounter::new("kefu_archiver_retries_total", "Calls of the store that were tried again")?,
            write_seconds: Histogram::with_opts(HistogramOpts::new(
                "kefu_archiver_write_seconds",
                "Time to write one batch, tries included",
            ))?,
        };
        registry.register(Box::new(metrics.outcomes.clone()))?;
        registry.register(Box::new(metrics.rows.clone()))?;
        registry.register(Box::new(metrics.retries.clone()))?;
        registry.register(Box::new(metrics.write_seconds.clone()))?;
        Ok(metrics)
    }
}
