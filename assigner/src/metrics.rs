//! What the assigner counts.

use kefu_model::allocation::AllocationAnswer;
use kefu_nats::LogName;
use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

pub(crate) struct Metrics {
    pub(crate) outcomes: IntCounter,
    pub(crate) matches: IntCounter,
    pub(crate) requeues: IntCounter,
    refused: IntCounterVec,
    waiting: IntGaugeVec,
    held: IntGaugeVec,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            outcomes: IntCounter::new("kefu_assigner_outcomes_total", "Outcomes decided that count")?,
            matches: IntCounter::new("kefu_assigner_matches_total", "Sessions reserved for an agent")?,
            requeues: IntCounter::new("kefu_assigner_requeues_total", "Sessions given back to the queue")?,
            refused: IntCounterVec::new(
                Opts::new("kefu_assigner_refused_total", "Commands that were answered with a refusal, by its number"),
                &["code"],
            )?,
            waiting: IntGaugeVec::new(
                Opts::new("kefu_assigner_waiting_sessions", "Sessions that wait for an agent, of a log owned here"),
                &["log"],
            )?,
            held: IntGaugeVec::new(
                Opts::new(
                    "kefu_assigner_held_sessions",
                    "Sessions that take a place of an agent's capacity, of a log owned here",
                ),
                &["log"],
            )?,
        };
        registry.register(Box::new(metrics.outcomes.clone()))?;
        registry.register(Box::new(metrics.matches.clone()))?;
        registry.register(Box::new(metrics.requeues.clone()))?;
        registry.register(Box::new(metrics.refused.clone()))?;
        registry.register(Box::new(metrics.waiting.clone()))?;
        registry.register(Box::new(metrics.held.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn answered(&self, answer: &AllocationAnswer) {
        if let AllocationAnswer::Refused(refusal) = answer {
            self.refused.with_label_values(&[refusal.code().to_string()]).inc();
        }
    }

    /// How an owned log stands.
    pub(crate) fn stands(&self, log: LogName, waiting: usize, held: usize) {
        let set = |gauge: &IntGaugeVec, sessions: usize| {
            gauge.with_label_values(&[log.to_string()]).set(i64::try_from(sessions).unwrap_or(i64::MAX));
        };
        set(&self.waiting, waiting);
        set(&self.held, held);
    }

    /// A log is owned here no more.
    pub(crate) fn ended(&self, log: LogName) {
        for gauge in [&self.waiting, &self.held] {
            let _ = gauge.remove_label_values(&[log.to_string()]);
        }
    }
}
