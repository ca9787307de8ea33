//! What the archiver counts.

use kefu_model::At;
use kefu_nats::{LogName, clock};
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

pub(crate) struct Metrics {
    pub(crate) outcomes: IntCounter,
    pub(crate) rows: IntCounter,
    pub(crate) retries: IntCounter,
    pub(crate) write_seconds: Histogram,
    /// From a decision until its rows are stored.
    pub(crate) archived_seconds: Histogram,
    /// The last record archived, by log.
    pub(crate) position: IntGaugeVec,
    lag: IntGaugeVec,
    readings: IntCounterVec,
    pub(crate) void_records: IntCounter,
    pub(crate) purged_records: IntCounter,
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
            archived_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "kefu_archiver_archived_seconds",
                    "From the first decision of a batch until its rows are stored",
                )
                .buckets(vec![0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0]),
            )?,
            position: IntGaugeVec::new(
                Opts::new("kefu_archiver_position_records", "The last record in the store of a log archived here"),
                &["log"],
            )?,
            lag: IntGaugeVec::new(
                Opts::new("kefu_archiver_lag_records", "Records of a log archived here that are not in the store yet"),
                &["log"],
            )?,
            readings: IntCounterVec::new(
                Opts::new("kefu_archiver_readings_total", "Logs that this process began and ended to archive"),
                &["event"],
            )?,
            void_records: IntCounter::new("kefu_archiver_void_records_total", "Records read that do not count")?,
            purged_records: IntCounter::new("kefu_archiver_purged_records_total", "Records deleted from the logs")?,
        };
        registry.register(Box::new(metrics.outcomes.clone()))?;
        registry.register(Box::new(metrics.rows.clone()))?;
        registry.register(Box::new(metrics.retries.clone()))?;
        registry.register(Box::new(metrics.write_seconds.clone()))?;
        registry.register(Box::new(metrics.archived_seconds.clone()))?;
        registry.register(Box::new(metrics.position.clone()))?;
        registry.register(Box::new(metrics.lag.clone()))?;
        registry.register(Box::new(metrics.readings.clone()))?;
        registry.register(Box::new(metrics.void_records.clone()))?;
        registry.register(Box::new(metrics.purged_records.clone()))?;
        Ok(metrics)
    }

    /// A log is in the store up to a position; the first of what was added was decided at that time.
    pub(crate) fn archived(&self, log: LogName, position: u64, first_at: Option<At>) {
        self.position.with_label_values(&[log.to_string()]).set(i64::try_from(position).unwrap_or(i64::MAX));
        if let Some(at) = first_at {
            self.archived_seconds.observe(clock::seconds_since(at));
        }
    }

    /// A log is archived here.
    pub(crate) fn began(&self) {
        self.readings.with_label_values(&["began"]).inc();
    }

    /// So many records of a log are not in the store yet.
    pub(crate) fn lags(&self, log: LogName, records: u64) {
        self.lag.with_label_values(&[log.to_string()]).set(i64::try_from(records).unwrap_or(i64::MAX));
    }

    /// A log is archived here no more.
    pub(crate) fn ended(&self, log: LogName) {
        self.readings.with_label_values(&["ended"]).inc();
        for gauge in [&self.position, &self.lag] {
            let _ = gauge.remove_label_values(&[log.to_string()]);
        }
    }
}
