//! What the system says of processes.

use std::fs;

use serde_json::{Value, json};

use super::Site;
use crate::clock;

/// Clock ticks in a second on Linux, for user space.
const TICKS_PER_SECOND: f64 = 100.0;
const MIB: f64 = 1024.0 * 1024.0;

/// What every process had used at a moment.
#[derive(Debug)]
pub struct Snapshot {
    at_ns: u64,
    /// Name, number, CPU seconds.
    cpu: Vec<(&'static str, u32, f64)>,
}

/// What a process used between two moments.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Which.
    pub name: &'static str,
    /// CPU time in units of one core.
    pub cores: f64,
    /// Resident memory at the end, in bytes.
    pub resident_bytes: u64,
}

impl Snapshot {
    /// Of the processes of that site and of ourselves.
    pub fn take(site: &Site) -> Self {
        let cpu = site.processes().into_iter().map(|(name, pid)| (name, pid, cpu_seconds(pid).unwrap_or(0.0)));
        Self { at_ns: clock::now_ns(), cpu: cpu.collect() }
    }

    /// Seconds from `earlier` to here.
    pub fn seconds_since(&self, earlier: &Self) -> f64 {
        clock::seconds(earlier.at_ns, self.at_ns)
    }

    /// What each process used since `earlier`; one that was started in between is left out.
    pub fn costs_since(&self, earlier: &Self) -> Vec<Cost> {
        let seconds = self.seconds_since(earlier);
        let cost = |&(name, pid, cpu): &(&'static str, u32, f64)| {
            let before = earlier.cpu.iter().find(|(_, before, _)| *before == pid)?.2;
            Some(Cost { name, cores: (cpu - before) / seconds, resident_bytes: resident_bytes(pid) })
        };
        self.cpu.iter().filter_map(cost).collect()
    }
}

impl Cost {
    /// For the table.
    pub fn text(self) -> String {
        format!("{:.2} cores, {:.1} MiB resident", self.cores, self.resident_bytes as f64 / MIB)
    }

    /// For the file.
    pub fn json(self) -> Value {
        json!({"cores": self.cores, "resident_bytes": self.resident_bytes})
    }
}

/// Resident memory of a process, in bytes; 0 where the system does not tell it.
pub fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: Option<u64> = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse().ok());
    kib.unwrap_or(0) * 1024
}

/// CPU time of all threads of a process, in seconds.
fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / TICKS_PER_SECOND)
}
