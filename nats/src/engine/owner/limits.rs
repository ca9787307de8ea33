//! What an owner may take.

/// Limits of an owner.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Records sent and unanswered at a time.
    pub in_flight_records: usize,
    /// Outcomes in one record.
    pub record_outcomes: usize,
    /// Encoded outcomes in one record, in bytes.
    pub record_bytes: usize,
    /// What the tail keeps beyond need, in bytes.
    pub tail_bytes: usize,
    /// Memory that the tails of a process's logs of one kind may take together, in bytes. Once it is used up, a log whose tail
    /// has its share reads no more commands, and none is claimed that is not owned yet.
    pub tails_max_bytes: usize,
    /// Commands that may wait for a decision; beyond it IN is not read.
    pub waiting_commands: usize,
    /// Commands that may wait for one aggregate's load; beyond it they are refused as overloaded.
    pub loading_commands: usize,
    /// Hot states; idle ones are evicted beyond it.
    pub hot_states: usize,
    /// How long a state stays hot without use, in milliseconds.
    pub hot_idle_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight_records: 2,
            record_outcomes: 2_000,
            record_bytes: 512 * 1024,
            tail_bytes: 1024 * 1024,
            tails_max_bytes: 1024 * 1024 * 1024,
            waiting_commands: 20_000,
            loading_commands: 1_024,
            hot_states: 50_000,
            hot_idle_ms: 60_000,
        }
    }
}
