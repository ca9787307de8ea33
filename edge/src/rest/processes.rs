//! What each process of the deployment does, and what it takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use kefu_nats::report::{self, ProcessReport};
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock;
use crate::frame::Time;
use crate::http::{Access, Admins, ProblemBody};
use crate::services::Services;

/// What the processes of the deployment do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Performance {
    /// Processes that were heard in the last 20 seconds, by name; at most 1000.
    processes: Vec<ProcessPerformance>,
}

/// What a process does.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProcessPerformance {
    /// Another one each time it starts.
    name: String,
    /// `edge`, `router`, `assigner`, `archiver`, `reporter`.
    roles: Vec<String>,
    version: String,
    uptime_s: u64,
    /// The time that timings and rates are of: so many seconds before the report, up to about a minute.
    window_s: f64,
    /// How long things lasted, by name and labels; at most 64, without those that did not happen.
    timings: Vec<Timing>,
    /// How many more there were, of the less frequent ones.
    timings_left_out: u64,
    /// How often things happened, by name.
    rates: Vec<Rate>,
}

/// How long something lasted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Timing {
    /// The histogram's name in `/metrics`.
    name: String,
    labels: BTreeMap<String, String>,
    /// Of the three numbers below: `ms`.
    unit: &'static str,
    /// How often, in the window.
    count: u64,
    per_second: f64,
    /// Half of them lasted no longer; estimated from the histogram's buckets.
    p50_ms: f64,
    /// 95 of a hundred lasted no longer.
    p95_ms: f64,
    /// 99 of a hundred lasted no longer.
    p99_ms: f64,
    /// Those of `p50`, `p95` and `p99` that are longer than the number given, which is the histogram's highest bound.
    at_least: Vec<&'static str>,
}

/// How often something happened.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rate {
    /// The counter's name in `/metrics`.
    name: String,
    /// All of its series together.
    per_second: f64,
}

/// What the processes of the deployment take.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Usage {
    /// Processes that were heard in the last 20 seconds, by name; at most 1000.
    processes: Vec<ProcessUsage>,
}

/// What a process takes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProcessUsage {
    /// Another one each time it starts.
    name: String,
    /// `edge`, `router`, `assigner`, `archiver`, `reporter`.
    roles: Vec<String>,
    version: String,
    started_at: Time,
    uptime_s: u64,
    /// The time that `cpu_cores` is of: so many seconds before the report, up to about a minute.
    window_s: f64,
    resources: Resources,
}

/// What a process takes. What its system does not tell is absent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Resources {
    /// Processor time: 1 is one core all the time. Absent in the first report.
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_cores: Option<f64>,
    /// Memory that is resident.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_bytes: Option<u64>,
    /// Open files, sockets among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    open_files: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open_files_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<u64>,
    /// Sockets and streams of clients; edges only.
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<u64>,
    /// Bytes free in the file system of its data folder, where anything is kept in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    data_free_bytes: Option<u64>,
}

/// What the processes of the deployment do: how long things lasted and how often they happened, over about a minute.
#[utoipa::path(get, path = "/api/metrics/performance", tag = "system",
    responses((status = 200, body = Performance), (status = "default", body = ProblemBody)))]
pub(crate) async fn performance(State(services): State<Arc<Services>>, _: Access<Admins>) -> Json<Performance> {
    let processes = services.processes.all(clock::steady_ms());
    Json(Performance { processes: processes.iter().map(|report| ProcessPerformance::from(&**report)).collect() })
}

/// What the processes of the deployment take: processor time, memory, files, connections, disk.
#[utoipa::path(get, path = "/api/metrics/resources", tag = "system",
    responses((status = 200, body = Usage), (status = "default", body = ProblemBody)))]
pub(crate) async fn resources(State(services): State<Arc<Services>>, _: Access<Admins>) -> Json<Usage> {
    let processes = services.processes.all(clock::steady_ms());
    Json(Usage { processes: processes.iter().map(|report| ProcessUsage::from(&**report)).collect() })
}

impl From<&ProcessReport> for ProcessPerformance {
    fn from(report: &ProcessReport) -> Self {
        let rate = |rate: &report::Rate| Rate { name: rate.name.clone(), per_second: rate.per_second };
        Self {
            name: report.name.clone(),
            roles: report.roles.clone(),
            version: report.version.clone(),
            uptime_s: report.uptime_s,
            window_s: seconds(report.window_ms),
            timings: report.timings.iter().map(Timing::from).collect(),
            timings_left_out: report.timings_left_out,
            rates: report.rates.iter().map(rate).collect(),
        }
    }
}

impl From<&report::Timing> for Timing {
    fn from(timing: &report::Timing) -> Self {
        let quantiles = [("p50", timing.p50), ("p95", timing.p95), ("p99", timing.p99)];
        Self {
            name: timing.name.clone(),
            labels: timing.labels.iter().cloned().collect(),
            unit: "ms",
            count: timing.count,
            per_second: timing.per_second,
            p50_ms: timing.p50.ms,
            p95_ms: timing.p95.ms,
            p99_ms: timing.p99.ms,
            at_least: quantiles.iter().filter(|(_, quantile)| quantile.at_least).map(|(name, _)| *name).collect(),
        }
    }
}

impl From<&ProcessReport> for ProcessUsage {
    fn from(report: &ProcessReport) -> Self {
        let of = &report.resources;
        Self {
            name: report.name.clone(),
            roles: report.roles.clone(),
            version: report.version.clone(),
            started_at: report.started_at.into(),
            uptime_s: report.uptime_s,
            window_s: seconds(report.window_ms),
            resources: Resources {
                cpu_cores: of.cpu_cores,
                memory_bytes: of.memory_bytes,
                open_files: of.open_files,
                open_files_limit: of.open_files_limit,
                threads: of.threads,
                connections: of.connections,
                data_free_bytes: of.data_free_bytes,
            },
        }
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
