//! How a partition stands, for the heartbeat and the metrics.

use super::Partition;
use crate::engine::domain::Domain;
use crate::engine::host::Host;

/// What the heartbeat says of a partition.
#[derive(Debug, Clone, Default)]
pub struct PartitionStatus {
    /// Whether it was opened: the checkpoint is read and the claim on its way, or counts.
    pub opened: bool,
    /// The generation, 0 while it is not owned.
    pub generation: u64,
    /// The generation's last ordinal that counts.
    pub ordinal: u64,
    /// The last position known.
    pub position: u64,
    /// The archiver's checkpoint.
    pub archived: u64,
    /// Commands that wait for a decision.
    pub waiting: u64,
    /// Delivery numbers per edge.
    pub numbers: Vec<(String, u64)>,
}

impl<D: Domain, H: Host<D>> Partition<D, H> {
    pub(super) fn publish_status(&mut self, ticked: bool) {
        let cursor = self.owner.cursor();
        let mut status = self.status.lock();
        status.generation = self.owner.generation().unwrap_or(0);
        status.ordinal = cursor.ordinal;
        status.position = cursor.position;
        status.archived = self.owner.checkpoint();
        if ticked && status.generation > 0 {
            status.waiting = self.owner.waiting_commands() as u64;
            status.numbers = self.host.numbers();
            let void_records = self.owner.void_records();
            self.metrics.stands(self.log, &status, void_records - self.void_records);
            self.void_records = void_records;
        }
    }
}
