//! Reads the conversation logs for the session facts in them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kefu_model::allocation::{AllocationCommand, ReadPosition, SessionFact};
use kefu_model::{Partition, TenantId, ids};
use kefu_nats::engine::{LogReader, ReadError, ReadRecord, Route};
use kefu_nats::{Broker, LogKind, LogName};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::domain::Ask;
use crate::facts::facts_of;

/// How often a position is written down though nothing happened.
const NOTE_EVERY: Duration = Duration::from_secs(10);
/// Pause before a log that could not be read is read again.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// What one observer reads and for whom.
pub(crate) struct Observer {
    pub(crate) broker: Broker,
    /// The allocation partition whose tenants it reads for.
    pub(crate) allocation: Partition,
    pub(crate) partition: Partition,
    pub(crate) from: ReadPosition,
    pub(crate) commands: mpsc::Sender<(Route, Ask)>,
    pub(crate) reached: Reached,
}

/// How far an observer is: what it found up to there was handed to the owner.
#[derive(Clone)]
pub(crate) struct Reached {
    partition: Partition,
    epoch: u64,
    position: Arc<AtomicU64>,
}

impl Reached {
    pub(crate) fn new(partition: Partition, from: ReadPosition) -> Self {
        Self { partition, epoch: from.epoch, position: Arc::new(AtomicU64::new(from.position)) }
    }

    /// The partition of the log, and the place in it.
    pub(crate) fn place(&self) -> (Partition, ReadPosition) {
        (self.partition, ReadPosition { epoch: self.epoch, position: self.position.load(Ordering::Acquire) })
    }
}

impl Observer {
    /// Reads until it is stopped or nobody listens. Owners tail their own log from about the checkpoint, so a log that cannot
    /// be read for good ends the process there; here it is tried again.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                result = self.read() => match result {
                    Ok(()) => return,
                    Err(error) => {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(partition = %self.partition, error, "a log cannot be observed; it is tried again");
                    }
                },
            }
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }

    async fn read(&mut self) -> Result<(), ReadError> {
        let log = LogName { kind: LogKind::Chat, partition: self.partition };
        let mut reader = LogReader::resume(&self.broker, log, self.from.position).await?;
        let mut quiet: BTreeMap<TenantId, ReadPosition> = BTreeMap::new();
        let mut ticker = tokio::time::interval(NOTE_EVERY);
        loop {
            let sent = tokio::select! {
                record = reader.next() => self.observe(record?, log, &mut quiet).await?,
                _ = ticker.tick() => self.note(&mut quiet).await,
            };
            if !sent {
                return Ok(());
            }
        }
    }

    /// Tells what a record says; false when nobody listens any more.
    async fn observe(
        &mut self,
        record: ReadRecord,
        log: LogName,
        quiet: &mut BTreeMap<TenantId, ReadPosition>,
    ) -> Result<bool, ReadError> {
        let partitions = self.broker.settings().allocation_partitions;
        let mut found: BTreeMap<TenantId, Vec<SessionFact>> = BTreeMap::new();
        for outcome in record.chat_outcomes(log)? {
            if ids::allocation_partition_of(&outcome.tenant, partitions) == self.allocation {
                found.entry(outcome.tenant.clone()).or_default().extend(facts_of(&outcome));
            }
        }
        // Only now: whoever reads again after an error begins there.
        self.from.position = record.cursor.position;
        for (tenant, facts) in found {
            if facts.is_empty() {
                quiet.insert(tenant, self.from);
            } else {
                quiet.remove(&tenant);
                if !self.send(tenant, self.from, facts).await {
                    return Ok(false);
                }
            }
        }
        self.reached.position.store(self.from.position, Ordering::Release);
        Ok(true)
    }

    async fn note(&self, quiet: &mut BTreeMap<TenantId, ReadPosition>) -> bool {
        for (tenant, read) in std::mem::take(quiet) {
            if !self.send(tenant, read, Vec::new()).await {
                return false;
            }
        }
        true
    }

    async fn send(&self, tenant: TenantId, read: ReadPosition, facts: Vec<SessionFact>) -> bool {
        let command = AllocationCommand::Observed { partition: self.partition, read, facts };
        self.commands.send((Route::Nobody, Ask::Write(tenant, command))).await.is_ok()
    }
}
