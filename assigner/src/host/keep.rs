//! What is kept between owners: checkpoints, and how far conversations' logs were observed.

use std::sync::atomic::Ordering;
use std::time::Instant;

use kefu_model::allocation::{Allocation, ReadPosition};
use kefu_model::ids::Partition;
use kefu_nats::codec;
use kefu_nats::delivery::announce_archived;
use kefu_nats::engine::Owner;
use kefu_store::{Checkpoint, LogReader, StoreError};
use tokio_util::sync::CancellationToken;

use super::{AllocationHost, SAVE_EVERY};
use crate::domain::Allocations;
use crate::observe::{Observer, Reached};

impl AllocationHost {
    /// Saves the states when nothing is in flight, so that what is speculative is exactly what counts. At an unchanged cursor
    /// only places differ, and they only grow: a store that keeps the larger of two cells of one stamp keeps the newer one.
    pub(super) fn save(&mut self, owner: &Owner<Allocations>) {
        let cursor = owner.counted();
        let is_saved = cursor == self.saved && !self.unsaved.load(Ordering::Relaxed);
        let due = if is_saved { self.save_quiet_every } else { SAVE_EVERY };
        if self.saved_at.elapsed() < due || !owner.is_idle() {
            return;
        }
        self.look_at_observers();
        let states: Option<Vec<&Allocation>> = self.tenants.keys().map(|tenant| owner.state(tenant)).collect();
        let Some(states) = states else { return };
        let checkpoint = Checkpoint {
            reader: LogReader::Assigner,
            partition: self.log.partition,
            epoch: self.start.epoch,
            log_id: self.start.log_id.unwrap_or_default(),
            position: cursor.position,
            generation: cursor.generation,
            ordinal: cursor.ordinal,
            state: codec::encode_allocation_checkpoint(states, &self.observed).to_vec(),
        };
        (self.saved_at, self.saved) = (Instant::now(), cursor);
        self.unsaved.store(false, Ordering::Relaxed);
        let (store, broker, log) = (self.handles.store.clone(), self.handles.broker.clone(), self.log);
        let unsaved = self.unsaved.clone();
        tokio::spawn(async move {
            match store.save_checkpoint(checkpoint).await {
                Ok(()) => announce_archived(&broker, log, cursor.position).await,
                Err(error) => {
                    unsaved.store(true, Ordering::Relaxed);
                    log_failure(&error, "allocation was not saved; it is tried again");
                }
            }
        });
    }

    /// Takes over how far the observers are, while nothing that they found is on its way to the owner, which is idle. They are
    /// asked first: what they handed over before was taken since.
    fn look_at_observers(&mut self) {
        let places: Vec<(Partition, ReadPosition)> = self.reached.iter().map(Reached::place).collect();
        if self.commands.capacity() == self.commands.max_capacity() {
            self.observed.extend(places);
        }
    }

    /// Observes each conversation log from where nothing of it is missing, whichever tenant it is of.
    pub(super) async fn observe(&mut self, owner: &Owner<Allocations>) -> bool {
        let states: Option<Vec<&Allocation>> = self.tenants.keys().map(|tenant| owner.state(tenant)).collect();
        let Some(states) = states else { return false };
        let (stop, mut all) = (CancellationToken::new(), Vec::new());
        // Dropped on the way it stops those that were begun.
        let observers = stop.clone().drop_guard();
        for partition in (0..self.handles.broker.settings().partitions).map(Partition) {
            let Some(epoch) = self.epoch_of(partition).await else { return false };
            let position = codec::read_until(states.iter().copied(), &self.observed, partition, epoch);
            let from = ReadPosition { epoch, position };
            let reached = Reached::new(partition, from);
            let observer = Observer {
                broker: self.handles.broker.clone(),
                allocation: self.log.partition,
                partition,
                from,
                commands: self.commands.clone(),
                reached: reached.clone(),
            };
            tokio::spawn(observer.run(stop.clone()));
            all.push(reached);
        }
        (self.observers, self.reached) = (Some(observers), all);
        true
    }

    async fn epoch_of(&self, partition: Partition) -> Option<u64> {
        match self.handles.store.checkpoint(LogReader::Archiver, partition).await {
            Ok(checkpoint) => Some(checkpoint.map_or(1, |checkpoint| checkpoint.epoch)),
            Err(error) => {
                log_failure(&error, "an epoch could not be read; it is tried again");
                None
            }
        }
    }
}

/// An outage of the store is logged once, by whoever watches it.
fn log_failure(error: &StoreError, what: &str) {
    let told = error as &dyn std::error::Error;
    if error.is_retryable() {
        tracing::debug!(error = told, "{what}");
    } else {
        tracing::warn!(error = told, "{what}");
    }
}
