//! What the system tells of this process.

use std::path::Path;
use std::time::Duration;

use kefu_nats::report::Resources;
use prometheus::proto::MetricFamily;

/// What the process takes, by the metrics that it gathered and by the system; processor time comes from elsewhere.
pub fn resources(families: &[MetricFamily], has_clients: bool, data: Option<&Path>) -> Resources {
    Resources {
        cpu_cores: None,
        memory_bytes: gauge(families, "process_resident_memory_bytes"),
        open_files: gauge(families, "process_open_fds"),
        open_files_limit: gauge(families, "process_max_fds"),
        threads: gauge(families, "process_threads"),
        // Without a connection since the start there is no such metric yet.
        connections: has_clients.then(|| gauge(families, "kefu_edge_connections").unwrap_or(0)),
        data_free_bytes: data.and_then(free_bytes),
    }
}

/// All series of a gauge together.
fn gauge(families: &[MetricFamily], name: &str) -> Option<u64> {
    let family = families.iter().find(|family| family.name() == name)?;
    let sum: f64 = family.get_metric().iter().map(|metric| metric.get_gauge().get_value()).sum();
    // What is below 0 becomes 0.
    Some(sum as u64)
}

/// Processor time of this process since it started. The process's own metric has it in whole seconds only.
#[cfg(unix)]
pub fn cpu_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.try_into().ok()
}

/// Not told by this system.
#[cfg(not(unix))]
pub fn cpu_time() -> Option<Duration> {
    None
}

/// Bytes that may still be written to a folder's file system by who is not its administrator.
#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let of = rustix::fs::statvfs(folder).ok()?;
    Some(of.f_bavail.saturating_mul(of.f_frsize))
}

/// Not told by this system.
#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use prometheus::process_collector::ProcessCollector;
    use prometheus::{IntGaugeVec, Opts, Registry};

    use super::*;

    #[test]
    fn the_system_tells_of_this_process() {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self())).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let known = resources(&registry.gather(), true, Some(folder.path()));
        assert!(known.memory_bytes.is_some_and(|bytes| bytes > 1_000_000), "{known:?}");
        assert!(known.threads.is_some_and(|threads| threads >= 1), "{known:?}");
        assert!(known.open_files > Some(0) && known.open_files < known.open_files_limit, "{known:?}");
        assert!(known.data_free_bytes > Some(0), "{known:?}");
        assert_eq!(known.connections, Some(0), "none yet");
        let elsewhere = resources(&registry.gather(), false, Some(&folder.path().join("nothing")));
        assert_eq!((elsewhere.connections, elsewhere.data_free_bytes), (None, None));
    }

    #[test]
    fn connections_of_all_kinds_are_one_number() {
        let registry = Registry::new();
        let open = IntGaugeVec::new(Opts::new("kefu_edge_connections", "h"), &["transport"]).unwrap();
        registry.register(Box::new(open.clone())).unwrap();
        open.with_label_values(&["websocket"]).set(2);
        open.with_label_values(&["sse"]).set(1);
        let known = resources(&registry.gather(), true, None);
        assert_eq!(known, Resources { connections: Some(3), ..Resources::default() });
    }

    #[test]
    fn processor_time_goes_on() {
        let before = cpu_time().unwrap();
        let mut spent = 0_u64;
        while cpu_time().unwrap() == before {
            spent = std::hint::black_box(spent + 1);
        }
        assert!(cpu_time().unwrap() > before);
    }
}
