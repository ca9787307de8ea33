//! What the router counts.

use kefu_model::command::Answer;
use kefu_nats::delivery::DeliveryCounts;
use prometheus::{IntCounter, IntCounterVec, Opts, Registry};

/// The router's metrics.
pub(crate) struct Metrics {
    pub(crate) outcomes: IntCounterVec,
    pub(crate) records: IntCounter,
    pub(crate) attaches: IntCounterVec,
    refused: IntCounterVec,
    deliveries: IntCounterVec,
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
            refused: IntCounterVec::new(
                Opts::new("kefu_router_refused_total", "Commands that were answered with a refusal, by its number"),
                &["code"],
            )?,
            deliveries: IntCounterVec::new(
                Opts::new("kefu_router_deliveries_total", "Messages to edges, by whether the broker took them"),
                &["result"],
            )?,
        };
        registry.register(Box::new(metrics.outcomes.clone()))?;
        registry.register(Box::new(metrics.records.clone()))?;
        registry.register(Box::new(metrics.attaches.clone()))?;
        registry.register(Box::new(metrics.refused.clone()))?;
        registry.register(Box::new(metrics.deliveries.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn answered(&self, answer: &Answer) {
        if let Answer::Refused { refusal, .. } = answer {
            self.refused.with_label_values(&[refusal.code().to_string()]).inc();
        }
    }

    pub(crate) fn delivered(&self, counts: DeliveryCounts) {
        self.deliveries.with_label_values(&["sent"]).inc_by(counts.sent);
        self.deliveries.with_label_values(&["failed"]).inc_by(counts.failed);
    }
}
