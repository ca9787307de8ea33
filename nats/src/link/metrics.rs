//! What a link counts.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGaugeVec, Opts, Registry};

use crate::broker::LogName;

/// From an inbox in memory to a broker that hangs, in seconds.
const BUCKETS_S: [f64; 10] = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0, 5.0];

/// The metrics of this process's link.
#[derive(Clone)]
pub struct LinkMetrics(Arc<Inner>);

struct Inner {
    envelope_seconds: Histogram,
    pending: IntGaugeVec,
    notes: IntGaugeVec,
    again: IntCounterVec,
    newcomers_missed: IntCounterVec,
}

/// Why a log's conversations are attached again and its unanswered commands sent again, or why notices of newcomers may have
/// been missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// The log has another owner, or the same one claimed again.
    Generation,
    /// A number is missing.
    Gap,
    /// The owner does not know this link any more.
    Forgotten,
    /// The connection to the broker was gone, or did not keep up.
    Suspect,
}

impl Again {
    fn as_str(self) -> &'static str {
        match self {
            Self::Generation => "generation",
            Self::Gap => "gap",
            Self::Forgotten => "forgotten",
            Self::Suspect => "suspect",
        }
    }
}

impl LinkMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When they are registered already.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let envelopes = HistogramOpts::new("kefu_link_envelope_seconds", "From commands sent to the inbox's answer");
        let pending = Opts::new("kefu_link_pending_commands", "Commands without an answer yet");
        let notes = Opts::new("kefu_link_waiting_notes", "Deliveries and requests that wait for a log's task");
        let again = Opts::new("kefu_link_again_total", "Logs attached again, by reason");
        let missed = Opts::new("kefu_link_newcomers_missed_total", "Notices that may have been missed, by reason");
        let inner = Inner {
            envelope_seconds: Histogram::with_opts(envelopes.buckets(BUCKETS_S.to_vec()))?,
            pending: IntGaugeVec::new(pending, &["log"])?,
            notes: IntGaugeVec::new(notes, &["log"])?,
            again: IntCounterVec::new(again, &["reason"])?,
            newcomers_missed: IntCounterVec::new(missed, &["reason"])?,
        };
        registry.register(Box::new(inner.envelope_seconds.clone()))?;
        registry.register(Box::new(inner.pending.clone()))?;
        registry.register(Box::new(inner.notes.clone()))?;
        registry.register(Box::new(inner.again.clone()))?;
        registry.register(Box::new(inner.newcomers_missed.clone()))?;
        Ok(Self(Arc::new(inner)))
    }

    pub(super) fn taken(&self, took: Duration) {
        self.0.envelope_seconds.observe(took.as_secs_f64());
    }

    /// How a log's task stands: commands without an answer, and notes that it has not taken.
    pub(super) fn stands(&self, log: LogName, commands: usize, notes: usize) {
        let log = [log.to_string()];
        self.0.pending.with_label_values(&log).set(i64::try_from(commands).unwrap_or(i64::MAX));
        self.0.notes.with_label_values(&log).set(i64::try_from(notes).unwrap_or(i64::MAX));
    }

    pub(super) fn again(&self, why: Again) {
        self.0.again.with_label_values(&[why.as_str()]).inc();
    }

    pub(super) fn newcomers_missed(&self, why: Again) {
        self.0.newcomers_missed.with_label_values(&[why.as_str()]).inc();
    }
}
