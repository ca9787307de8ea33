//! What the system says of a process.

/// Resident memory in bytes and CPU time in seconds, where the system tells it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
    /// CPU time of all threads, in seconds.
    pub cpu_seconds: f64,
}

/// Clock ticks in a second on Linux, for user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads `/proc`.
pub fn usage(pid: Option<u32>) -> Option<Usage> {
    let pid = pid?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let resident_kib: u64 = resident.split_whitespace().next()?.parse().ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(Usage { resident_bytes: resident_kib * 1024, cpu_seconds: ticks / TICKS_PER_SECOND })
}
