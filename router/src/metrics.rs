//! What the router counts.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

/// The router's metrics.
pub(crate) struct Metrics {
    pub(crate) outcomes: IntCounterVec,
    pub(crate) records: IntCounter,
    pub(crate) attaches: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            outcomes: IntCounterVec::new(
                Opts::new("kefu_router_outcomes_total", "Outcomes that count, by verdict"),
                &["verdict"],
            )?,
            records: IntCounter::new("kefu_router_records_total", "Records that count")?,
            attaches: IntCounterVec::new(
                Opts::new("kefu_router_attaches_total", "Answered attaches, by whether the tail reached back"),
                &["recovered"],
            )?,
        };
        registry.register(Box::new(metrics.outcomes.clone()))?;
        registry.register(Box::new(metrics.records.clone()))?;
        registry.register(Box::new(metrics.attaches.clone()))?;
        Ok(metrics)
    }
}
