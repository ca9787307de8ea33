//! What the system says of processes and of itself.

use std::fs;

use serde_json::{Value, json};

use super::{Process, Site};
use crate::clock;

/// Clock ticks in a second on Linux, for user space.
const TICKS_PER_SECOND: f64 = 100.0;
const MIB: f64 = 1024.0 * 1024.0;

/// What every process, and the machine, had used at a moment.
#[derive(Debug)]
pub struct Snapshot {
    at_ns: u64,
    product: Vec<Used>,
    others: Vec<Used>,
    busy_seconds: Option<f64>,
}

/// What a process had used.
#[derive(Debug)]
struct Used {
    process: Process,
    cpu_seconds: f64,
}

/// What was used between two moments.
#[derive(Debug)]
pub struct Costs {
    /// By process: Kefu's, their sum if they are several, the servers beneath, the generator.
    pub each: Vec<Cost>,
    /// By everything on the machine, in units of one core.
    pub busy_cores: Option<f64>,
}

/// What a process used between two moments.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// Which.
    pub name: String,
    /// CPU time in units of one core.
    pub cores: f64,
    /// Resident memory at the end, in bytes.
    pub resident_bytes: u64,
}

impl Snapshot {
    /// Of the processes of that site and of ourselves.
    pub fn take(site: &Site) -> Self {
        let used = |process: Process| Used { cpu_seconds: cpu_seconds(process.pid).unwrap_or(0.0), process };
        let (product, others) = (site.product(), site.others());
        Self {
            at_ns: clock::now_ns(),
            product: product.into_iter().map(used).collect(),
            others: others.into_iter().map(used).collect(),
            busy_seconds: fs::read_to_string("/proc/stat").ok().and_then(|stat| busy_seconds(&stat)),
        }
    }

    /// Seconds from `earlier` to here.
    pub fn seconds_since(&self, earlier: &Self) -> f64 {
        clock::seconds(earlier.at_ns, self.at_ns)
    }

    /// What each process used since `earlier`; one that was started in between is left out.
    pub fn costs_since(&self, earlier: &Self) -> Costs {
        let seconds = self.seconds_since(earlier);
        let costs = |now: &[Used], before: &[Used]| -> Vec<Cost> {
            now.iter().filter_map(|used| used.cost_since(before, seconds)).collect()
        };
        let mut each = costs(&self.product, &earlier.product);
        each.extend(Cost::sum(&each));
        each.extend(costs(&self.others, &earlier.others));
        let busy = self.busy_seconds.zip(earlier.busy_seconds).map(|(now, before)| (now - before) / seconds);
        Costs { each, busy_cores: busy }
    }
}

impl Used {
    fn cost_since(&self, before: &[Self], seconds: f64) -> Option<Cost> {
        let Process { name, pid } = &self.process;
        let before = before.iter().find(|used| used.process.pid == *pid)?;
        let cores = (self.cpu_seconds - before.cpu_seconds) / seconds;
        Some(Cost { name: name.clone(), cores, resident_bytes: resident_bytes(*pid) })
    }
}

impl Cost {
    /// Of several processes together; none of fewer than two.
    fn sum(each: &[Self]) -> Option<Self> {
        (each.len() > 1).then(|| Self {
            name: "kefu in all".to_owned(),
            cores: each.iter().map(|cost| cost.cores).sum(),
            resident_bytes: each.iter().map(|cost| cost.resident_bytes).sum(),
        })
    }

    /// For the table.
    pub fn text(&self) -> String {
        format!("{:.2} cores, {:.1} MiB resident", self.cores, self.resident_bytes as f64 / MIB)
    }

    /// For the file.
    pub fn json(&self) -> Value {
        json!({"cores": self.cores, "resident_bytes": self.resident_bytes})
    }
}

/// Whether there is a process of that number.
pub fn runs(pid: u32) -> bool {
    cpu_seconds(pid).is_some()
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

/// Time in which the machine's cores did anything, in seconds of one core, from `/proc/stat`: all but idle and waiting for
/// a disk. What a host took from a virtual machine (steal) counts, for nothing else could run then.
fn busy_seconds(stat: &str) -> Option<f64> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    // user nice system idle iowait irq softirq steal; the guests' times after them are in the first two.
    let ticks: Vec<f64> = fields.take(8).map_while(|field| field.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, steal] = ticks[..] else { return None };
    Some((user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(cores: f64, resident_bytes: u64) -> Cost {
        Cost { name: "edge-1".to_owned(), cores, resident_bytes }
    }

    #[test]
    fn several_processes_are_summed() {
        assert_eq!(Cost::sum(&[]), None);
        assert_eq!(Cost::sum(&[cost(0.5, 10)]), None, "it is its own sum");
        let sum = Cost::sum(&[cost(0.5, 10), cost(0.25, 20)]).expect("a sum");
        assert_eq!((sum.name.as_str(), sum.cores, sum.resident_bytes), ("kefu in all", 0.75, 30));
    }

    #[test]
    fn a_machine_that_waits_is_not_busy() {
        let stat = "cpu  100 20 30 4000 500 6 7 8 90 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(busy_seconds(stat), Some(1.71));
        assert_eq!(busy_seconds("intr 1 2 3\n"), None);
        assert_eq!(busy_seconds("cpu  1 2 3\n"), None);
    }

    #[test]
    fn only_what_runs_has_used_something() {
        assert!(runs(std::process::id()));
        assert!(!runs(u32::MAX));
    }
}
