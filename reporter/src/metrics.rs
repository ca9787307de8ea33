//! What the reporter counts.

use kefu_model::At;
use kefu_nats::{LogName, clock};
use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

pub(crate) struct Metrics {
    pub(crate) outcomes: IntCounter,
    /// From a decision until it is in stored rows.
    folded_seconds: Histogram,
    position: IntGaugeVec,
    lag: IntGaugeVec,
    readings: IntCounterVec,
    pub(crate) void_records: IntCounter,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge =
            |name: &str, help: &str| IntGaugeVec::new(Opts::new(format!("kefu_reporter_{name}"), help), &["log"]);
        let metrics = Self {
            outcomes: IntCounter::new("kefu_reporter_outcomes_total", "Outcomes folded into rows that are stored")?,
            folded_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "kefu_reporter_folded_seconds",
                    "From the first decision of a window until its rows are stored",
                )
                .buckets(vec![0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0]),
            )?,
            position: gauge("position_records", "The last record folded of a log reported on here")?,
            lag: gauge("lag_records", "Records of a log reported on here that are not folded yet")?,
            readings: IntCounterVec::new(
                Opts::new("kefu_reporter_readings_total", "Logs that this process began and ended to report on"),
                &["event"],
            )?,
            void_records: IntCounter::new("kefu_reporter_void_records_total", "Records read that do not count")?,
        };
        registry.register(Box::new(metrics.outcomes.clone()))?;
        registry.register(Box::new(metrics.folded_seconds.clone()))?;
        registry.register(Box::new(metrics.position.clone()))?;
        registry.register(Box::new(metrics.lag.clone()))?;
        registry.register(Box::new(metrics.readings.clone()))?;
        registry.register(Box::new(metrics.void_records.clone()))?;
        Ok(metrics)
    }

    /// A log is reported on here.
    pub(crate) fn began(&self) {
        self.readings.with_label_values(&["began"]).inc();
    }

    /// A log is folded up to a position, and its rows are stored; the first of what was added was decided at that time.
    pub(crate) fn folded(&self, log: LogName, position: u64, first_at: Option<At>) {
        set(&self.position, log, position);
        if let Some(at) = first_at {
            self.folded_seconds.observe(clock::seconds_since(at));
        }
    }

    /// So many records of a log are not folded yet.
    pub(crate) fn lags(&self, log: LogName, records: u64) {
        set(&self.lag, log, records);
    }

    /// A log is reported on here no more.
    pub(crate) fn ended(&self, log: LogName) {
        self.readings.with_label_values(&["ended"]).inc();
        for gauge in [&self.position, &self.lag] {
            let _ = gauge.remove_label_values(&[log.to_string()]);
        }
    }
}

fn set(gauge: &IntGaugeVec, log: LogName, records: u64) {
    gauge.with_label_values(&[log.to_string()]).set(i64::try_from(records).unwrap_or(i64::MAX));
}
