//! What the edge counts. Labels are routes, numbers and kinds, never people.

use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry};

/// The edge's metrics.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    /// Open sockets and streams by transport.
    pub(crate) connections: IntGaugeVec,
    /// Frames received by kind.
    pub(crate) frames_in: IntCounterVec,
    /// Frames queued to clients.
    pub(crate) frames_out: IntCounter,
    /// Frames encoded: one per outcome, subprotocol and view, whatever the number of receivers.
    pub(crate) frames_encoded: IntCounter,
    /// Connections closed by number.
    pub(crate) closed: IntCounterVec,
    /// What was refused: protocol errors, commands, HTTP problems, by number.
    pub(crate) refused: IntCounterVec,
    /// Credentials refused by kind.
    pub(crate) auth_failures: IntCounterVec,
    /// Duration of requests by route and status class, in seconds.
    pub(crate) requests: HistogramVec,
    /// From a command's submission to its answer, in seconds.
    pub(crate) answers: Histogram,
    /// From an outcome's decision until it is queued to everyone who follows, in seconds.
    pub(crate) delivered: Histogram,
    /// Conversations followed.
    pub(crate) followed: prometheus::IntGauge,
    /// How long loading what is open took at the start, in seconds.
    pub(crate) warm_seconds: prometheus::Gauge,
}

impl Metrics {
    /// Makes and registers them.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let requests = HistogramOpts::new("kefu_edge_request_seconds", "Duration of HTTP requests.")
            .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0]);
        let answers = HistogramOpts::new("kefu_edge_answer_seconds", "From a command's submission to its answer.")
            .buckets(vec![0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0]);
        let delivered =
            HistogramOpts::new("kefu_edge_delivered_seconds", "From a decision until it is queued to clients.")
                .buckets(vec![0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 5.0]);
        let metrics = Self {
            connections: IntGaugeVec::new(opts("connections", "Open sockets and streams."), &["transport"])?,
            frames_in: IntCounterVec::new(opts("frames_in_total", "Frames received."), &["kind"])?,
            frames_out: IntCounter::with_opts(opts("frames_out_total", "Frames queued to clients."))?,
            frames_encoded: IntCounter::with_opts(opts("frames_encoded_total", "Frames encoded for delivery."))?,
            closed: IntCounterVec::new(opts("closed_total", "Connections closed."), &["code"])?,
            refused: IntCounterVec::new(opts("refused_total", "What was refused."), &["code"])?,
            auth_failures: IntCounterVec::new(opts("auth_failures_total", "Credentials refused."), &["reason"])?,
            requests: HistogramVec::new(requests, &["method", "route", "status"])?,
            answers: Histogram::with_opts(answers)?,
            delivered: Histogram::with_opts(delivered)?,
            followed: prometheus::IntGauge::with_opts(opts("followed_conversations", "Conversations followed."))?,
            warm_seconds: prometheus::Gauge::with_opts(opts("warm_seconds", "Loading what is open, at the start."))?,
        };
        metrics.register_all(registry)?;
        Ok(metrics)
    }

    fn register_all(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        registry.register(Box::new(self.connections.clone()))?;
        registry.register(Box::new(self.frames_in.clone()))?;
        registry.register(Box::new(self.frames_out.clone()))?;
        registry.register(Box::new(self.frames_encoded.clone()))?;
        registry.register(Box::new(self.closed.clone()))?;
        registry.register(Box::new(self.refused.clone()))?;
        registry.register(Box::new(self.auth_failures.clone()))?;
        registry.register(Box::new(self.requests.clone()))?;
        registry.register(Box::new(self.answers.clone()))?;
        registry.register(Box::new(self.delivered.clone()))?;
        registry.register(Box::new(self.followed.clone()))?;
        registry.register(Box::new(self.warm_seconds.clone()))
    }

    /// Counts a refusal.
    pub(crate) fn refuse(&self, code: u16) {
        self.refused.with_label_values(&[code.to_string().as_str()]).inc();
    }

    /// Counts a closed connection.
    pub(crate) fn close(&self, code: u16) {
        self.closed.with_label_values(&[code.to_string().as_str()]).inc();
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("kefu_edge_{name}"), help)
}
