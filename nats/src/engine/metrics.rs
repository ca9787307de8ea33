//! What owners of logs count.

use std::sync::Arc;
use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::owner::Lost;
use super::partition::{PartitionError, PartitionStatus};
use crate::broker::{LogKind, LogName};

/// From an append in memory to a disk or a broker that hangs, in seconds.
const BUCKETS_S: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// From a short log to one that the archive is far behind of, in seconds.
const TAKEOVER_BUCKETS_S: [f64; 10] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// The metrics of this process's owners of one kind of log.
#[derive(Clone)]
pub struct OwnerMetrics(Arc<Inner>);

struct Inner {
    generation: IntGaugeVec,
    position: IntGaugeVec,
    behind: IntGaugeVec,
    waiting: IntGaugeVec,
    claims: IntCounter,
    lost: IntCounterVec,
    void_records: IntCounter,
    append_seconds: Histogram,
    commands: IntCounter,
    decided_seconds: Histogram,
    takeover_seconds: Histogram,
}

impl OwnerMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When they are registered already.
    pub fn register(registry: &Registry, kind: LogKind) -> Result<Self, prometheus::Error> {
        let options = |name: &str, help: &str| {
            let options = Opts::new(format!("kefu_owner_{name}"), help);
            options.const_label("kind", kind.as_str())
        };
        let gauge = |name, help| IntGaugeVec::new(options(name, help), &["log"]);
        let seconds = HistogramOpts::from(options("append_seconds", "From a decided record to the log's answer"));
        let decided = options("decided_seconds", "From a command's arrival at its owner to its decision");
        let takeover = options("takeover_seconds", "From the decision to own a log until its claim counts");
        let inner = Inner {
            generation: gauge("generation", "Generation in which this process owns a log; 0 when it does not")?,
            position: gauge("position_records", "The last record known of an owned log")?,
            behind: gauge("archive_lag_records", "Records of an owned log that are not in the store yet")?,
            waiting: gauge("waiting_commands", "Commands that wait for an owner's decision")?,
            claims: IntCounter::with_opts(options("claims_total", "Logs claimed"))?,
            lost: IntCounterVec::new(options("lost_total", "Logs no longer owned, by reason"), &["reason"])?,
            void_records: IntCounter::with_opts(options("void_records_total", "Records read that do not count"))?,
            append_seconds: Histogram::with_opts(seconds.buckets(BUCKETS_S.to_vec()))?,
            commands: IntCounter::with_opts(options("commands_total", "Commands read from the inboxes of owned logs"))?,
            decided_seconds: Histogram::with_opts(HistogramOpts::from(decided).buckets(BUCKETS_S.to_vec()))?,
            takeover_seconds: Histogram::with_opts(HistogramOpts::from(takeover).buckets(TAKEOVER_BUCKETS_S.to_vec()))?,
        };
        for gauge in [&inner.generation, &inner.position, &inner.behind, &inner.waiting] {
            registry.register(Box::new(gauge.clone()))?;
        }
        registry.register(Box::new(inner.claims.clone()))?;
        registry.register(Box::new(inner.lost.clone()))?;
        registry.register(Box::new(inner.void_records.clone()))?;
        registry.register(Box::new(inner.commands.clone()))?;
        for histogram in [&inner.append_seconds, &inner.decided_seconds, &inner.takeover_seconds] {
            registry.register(Box::new(histogram.clone()))?;
        }
        Ok(Self(Arc::new(inner)))
    }

    pub(super) fn claimed(&self, took: Duration) {
        self.0.claims.inc();
        self.0.takeover_seconds.observe(took.as_secs_f64());
    }

    pub(super) fn received(&self, commands: usize) {
        self.0.commands.inc_by(commands as u64);
    }

    /// Commands were decided after these times, in milliseconds.
    pub(super) fn decided(&self, waits_ms: &[u64]) {
        for wait_ms in waits_ms {
            self.0.decided_seconds.observe(Duration::from_millis(*wait_ms).as_secs_f64());
        }
    }

    pub(super) fn appended(&self, took: Duration) {
        self.0.append_seconds.observe(took.as_secs_f64());
    }

    /// How an owned log stands, with the void records read since it was told last.
    pub(super) fn stands(&self, log: LogName, status: &PartitionStatus, void_records: u64) {
        let (log, inner) = (log.to_string(), &self.0);
        let set = |gauge: &IntGaugeVec, value: u64| {
            gauge.with_label_values(&[log.as_str()]).set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        set(&inner.generation, status.generation);
        set(&inner.position, status.position);
        set(&inner.behind, status.position.saturating_sub(status.archived));
        set(&inner.waiting, status.waiting);
        inner.void_records.inc_by(void_records);
    }

    /// A log is no longer owned here.
    pub(super) fn ended(&self, log: LogName, result: &Result<(), PartitionError>) {
        let reason = match result {
            Ok(()) => "handed over",
            Err(PartitionError::Lost { source: Lost::Superseded { .. }, .. }) => "superseded",
            Err(PartitionError::Lost { source: Lost::Append { .. }, .. }) => "append",
            Err(PartitionError::Lost { source: Lost::Void { .. }, .. }) => "void",
            Err(PartitionError::Lost { .. } | PartitionError::Read(_)) => "unreadable",
            Err(PartitionError::Transport { .. } | PartitionError::InGone { .. }) => "broker",
            Err(PartitionError::Start { .. }) => "store",
            Err(PartitionError::NoRoom { .. }) => "no room",
        };
        self.0.lost.with_label_values(&[reason]).inc();
        let log = log.to_string();
        for gauge in [&self.0.generation, &self.0.position, &self.0.behind, &self.0.waiting] {
            let _ = gauge.remove_label_values(&[log.as_str()]);
        }
    }
}
