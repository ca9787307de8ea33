//! What this process does and takes, told to all edges every few seconds: `/api/metrics/performance` and
//! `/api/metrics/resources` show it.

mod buckets;
mod machine;
mod sample;
mod summary;
mod window;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use kefu_model::At;
use kefu_nats::Broker;
use kefu_nats::report::{ProcessReport, Resources};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use kefu::settings::Role;
use sample::Sample;
use window::{SAMPLE_EVERY, Window};

/// When the process started, by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Started {
    at: At,
    steady: Instant,
}

impl Started {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { at: At(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)), steady: Instant::now() }
    }
}

/// What is reported on.
pub struct Process {
    /// Its name, another one each time it starts.
    pub name: String,
    /// Its roles.
    pub roles: Vec<Role>,
    /// When it started.
    pub started: Started,
    /// Its metrics.
    pub registry: prometheus::Registry,
    /// Its data folder, if anything is kept in it.
    pub data: Option<PathBuf>,
}

/// Reports until it is stopped, then says goodbye.
///
/// # Errors
/// When the process's metrics cannot be looked at.
pub async fn run(process: Process, broker: Broker, stop: CancellationToken) -> anyhow::Result<()> {
    let process = Arc::new(process);
    let mut window = Window::default();
    let mut ticks = tokio::time::interval(SAMPLE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let looked_at = process.clone();
        // Counting tens of thousands of open files takes its time.
        let look = tokio::task::spawn_blocking(move || look(&looked_at));
        let (sample, resources) = look.await.context("the metrics of this process")?;
        window.add(sample);
        broker.report(report(&process, &window, resources)).await;
    }
    broker.report_end(&process.name).await;
    Ok(())
}

fn look(process: &Process) -> (Sample, Resources) {
    let families = process.registry.gather();
    let at_ms = u64::try_from(process.started.steady.elapsed().as_millis()).unwrap_or(u64::MAX);
    let has_clients = process.roles.contains(&Role::Edge);
    let resources = machine::resources(&families, has_clients, process.data.as_deref());
    (Sample::of(at_ms, machine::cpu_time(), &families), resources)
}

fn report(process: &Process, window: &Window, resources: Resources) -> ProcessReport {
    let (timings, timings_left_out) = summary::timings(window);
    ProcessReport {
        name: process.name.clone(),
        roles: process.roles.iter().map(|role| role.as_str().to_owned()).collect(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: process.started.at,
        uptime_s: process.started.steady.elapsed().as_secs(),
        resources: Resources { cpu_cores: window.cpu_cores(), ..resources },
        window_ms: window.span_ms(),
        timings,
        timings_left_out,
        rates: summary::rates(window),
    }
}

#[cfg(test)]
mod tests {
    use kefu_nats::BrokerSettings;
    use kefu_nats::embedded::{Embedded, EmbeddedConfig};
    use kefu_nats::report::Heard;

    use super::*;

    #[tokio::test]
    async fn a_process_tells_of_itself_at_once_and_says_goodbye() {
        let folder = tempfile::tempdir().unwrap();
        let embedded = Embedded::open(EmbeddedConfig::new(folder.path().join("log"))).await.unwrap();
        let settings = BrokerSettings { partitions: 1, ..BrokerSettings::default() };
        let broker = Broker::open(Arc::new(embedded), settings).await.unwrap();
        let mut reports = broker.reports().await.unwrap();
        let process = Process {
            name: "n-1".to_owned(),
            roles: vec![Role::Router, Role::Reporter],
            started: Started::now(),
            registry: prometheus::Registry::new(),
            data: None,
        };
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(process, broker.clone(), stop.clone()));
        let Some(Heard::Report(first)) = reports.next().await else { panic!("no report") };
        assert_eq!((first.name.as_str(), &*first.roles), ("n-1", &["router".to_owned(), "reporter".to_owned()][..]));
        assert_eq!((first.window_ms, first.timings.len(), first.resources.cpu_cores), (0, 0, None));
        stop.cancel();
        assert_eq!(reports.next().await, Some(Heard::Gone("n-1".to_owned())));
        running.await.unwrap().unwrap();
    }
}
