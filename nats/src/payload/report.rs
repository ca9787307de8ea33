//! Reports of processes on the wire.

use kefu_model::At;
use serde::{Deserialize, Serialize};

use crate::report::{Heard, ProcessReport, Quantile, Rate, Resources, Timing};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ReportWire {
    #[serde(rename = "r")]
    Report(Box<ProcessWire>),
    /// The name of a process that stops.
    #[serde(rename = "g")]
    Gone(String),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ProcessWire {
    name: String,
    roles: Vec<String>,
    version: String,
    started_at_ms: u64,
    uptime_s: u64,
    resources: ResourcesWire,
    window_ms: u64,
    timings: Vec<TimingWire>,
    timings_left_out: u64,
    /// Counters, by name, a second.
    rates: Vec<(String, f64)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ResourcesWire {
    cpu_cores: Option<f64>,
    memory_bytes: Option<u64>,
    open_files: Option<u64>,
    open_files_limit: Option<u64>,
    threads: Option<u64>,
    connections: Option<u64>,
    data_free_bytes: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TimingWire {
    name: String,
    labels: Vec<(String, String)>,
    count: u64,
    per_second: f64,
    p50: QuantileWire,
    p95: QuantileWire,
    p99: QuantileWire,
}

/// Milliseconds, and whether it is at least that.
#[derive(Debug, Serialize, Deserialize)]
struct QuantileWire(f64, bool);

impl From<Heard> for ReportWire {
    fn from(heard: Heard) -> Self {
        match heard {
            Heard::Report(report) => Self::Report(Box::new((*report).into())),
            Heard::Gone(name) => Self::Gone(name),
        }
    }
}

impl From<ReportWire> for Heard {
    fn from(wire: ReportWire) -> Self {
        match wire {
            ReportWire::Report(wire) => Self::Report(Box::new((*wire).into())),
            ReportWire::Gone(name) => Self::Gone(name),
        }
    }
}

impl From<ProcessReport> for ProcessWire {
    fn from(report: ProcessReport) -> Self {
        Self {
            name: report.name,
            roles: report.roles,
            version: report.version,
            started_at_ms: report.started_at.0,
            uptime_s: report.uptime_s,
            resources: report.resources.into(),
            window_ms: report.window_ms,
            timings: report.timings.into_iter().map(TimingWire::from).collect(),
            timings_left_out: report.timings_left_out,
            rates: report.rates.into_iter().map(|rate| (rate.name, rate.per_second)).collect(),
        }
    }
}

impl From<ProcessWire> for ProcessReport {
    fn from(wire: ProcessWire) -> Self {
        Self {
            name: wire.name,
            roles: wire.roles,
            version: wire.version,
            started_at: At(wire.started_at_ms),
            uptime_s: wire.uptime_s,
            resources: wire.resources.into(),
            window_ms: wire.window_ms,
            timings: wire.timings.into_iter().map(Timing::from).collect(),
            timings_left_out: wire.timings_left_out,
            rates: wire.rates.into_iter().map(|(name, per_second)| Rate { name, per_second }).collect(),
        }
    }
}

impl From<Resources> for ResourcesWire {
    fn from(resources: Resources) -> Self {
        let Resources { cpu_cores, memory_bytes, open_files, open_files_limit, .. } = resources;
        let Resources { threads, connections, data_free_bytes, .. } = resources;
        Self { cpu_cores, memory_bytes, open_files, open_files_limit, threads, connections, data_free_bytes }
    }
}

impl From<ResourcesWire> for Resources {
    fn from(wire: ResourcesWire) -> Self {
        let ResourcesWire { cpu_cores, memory_bytes, open_files, open_files_limit, .. } = wire;
        let ResourcesWire { threads, connections, data_free_bytes, .. } = wire;
        Self { cpu_cores, memory_bytes, open_files, open_files_limit, threads, connections, data_free_bytes }
    }
}

impl From<Timing> for TimingWire {
    fn from(timing: Timing) -> Self {
        let Timing { name, labels, count, per_second, p50, p95, p99 } = timing;
        Self { name, labels, count, per_second, p50: p50.into(), p95: p95.into(), p99: p99.into() }
    }
}

impl From<TimingWire> for Timing {
    fn from(wire: TimingWire) -> Self {
        let TimingWire { name, labels, count, per_second, p50, p95, p99 } = wire;
        Self { name, labels, count, per_second, p50: p50.into(), p95: p95.into(), p99: p99.into() }
    }
}

impl From<Quantile> for QuantileWire {
    fn from(quantile: Quantile) -> Self {
        Self(quantile.ms, quantile.at_least)
    }
}

impl From<QuantileWire> for Quantile {
    fn from(QuantileWire(ms, at_least): QuantileWire) -> Self {
        Self { ms, at_least }
    }
}
