//! What the assigner counts.

use prometheus::{IntCounter, IntGauge, Registry};

pub(crate) struct Metrics {
    pub(crate) matches: IntCounter,
    pub(crate) requeues: IntCounter,
    pub(crate) waiting: IntGauge,
    pub(crate) held: IntGauge,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            matches: IntCounter::new("kefu_assigner_matches_total", "Sessions reserved for an agent")?,
            requeues: IntCounter::new("kefu_assigner_requeues_total", "Sessions given back to the queue")?,
            waiting: IntGauge::new("kefu_assigner_waiting_sessions", "Sessions that wait for an agent")?,
            held: IntGauge::new("kefu_assigner_held_sessions", "Sessions that take a place of an agent's capacity")?,
        };
        registry.register(Box::new(metrics.matches.clone()))?;
        registry.register(Box::new(metrics.requeues.clone()))?;
        registry.register(Box::new(metrics.waiting.clone()))?;
        registry.register(Box::new(metrics.held.clone()))?;
        Ok(metrics)
    }
}
