//! Forgets what is old: records of the logs that every reader has, answers and logins that expired.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kefu_model::ids::{At, Partition};
use kefu_nats::engine::peek_time;
use kefu_nats::{Broker, LogKind, LogName, clock, codec};
use kefu_store::{LogReader, Store, StoreError};

use crate::metrics::Metrics;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(600);
/// Readers whose checkpoints keep records of conversations' logs.
const READERS: [LogReader; 2] = [LogReader::Archiver, LogReader::Reporter];

/// Forgets now and then. Several that do it at once do no harm.
pub(crate) async fn run(
    log_retention: Duration,
    broker: &Broker,
    store: &Arc<dyn Store>,
    metrics: &Metrics,
) -> Infallible {
    let mut ticker = tokio::time::interval(EVERY);
    loop {
        ticker.tick().await;
        let now = clock::now();
        if let Err(error) = expire(store, now).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "expired rows were not deleted");
        }
        let retention_ms = u64::try_from(log_retention.as_millis()).unwrap_or(u64::MAX);
        let oldest = At(now.0.saturating_sub(retention_ms));
        for log in broker.logs_of(LogKind::Chat) {
            let purged = purge(broker, store, log, oldest).await;
            metrics.purged_records.inc_by(purged);
        }
    }
}

async fn expire(store: &Arc<dyn Store>, now: At) -> Result<(), StoreError> {
    loop {
        let expired = store.expire(now).await?;
        let full = kefu_store::limits::EXPIRE_ROWS as u64;
        if expired.keys < full && expired.logins < full {
            return Ok(());
        }
    }
}

/// Purges a log of what is old; answers how many records went.
async fn purge(broker: &Broker, store: &Arc<dyn Store>, log: LogName, oldest: At) -> u64 {
    let floor = match floor(broker, store, log.partition).await {
        Ok(floor) => floor,
        Err(error) => {
            tracing::warn!(%log, error = &error as &dyn std::error::Error, "checkpoints could not be read");
            return 0;
        }
    };
    match first_younger(broker, log, floor, oldest).await {
        Ok((first, below)) => match broker.purge_log(log, below).await {
            Ok(()) => return below.saturating_sub(first),
            Err(error) => tracing::warn!(%log, %error, "old records were not purged"),
        },
        Err(error) => tracing::warn!(%log, %error, "the age of records could not be read"),
    }
    0
}

/// The last position that every reader has; its record itself is kept, since checkpoints name it.
async fn floor(broker: &Broker, store: &Arc<dyn Store>, partition: Partition) -> Result<u64, StoreError> {
    let (mut floor, mut epoch) = (u64::MAX, 1);
    for reader in READERS {
        let Some(checkpoint) = store.checkpoint(reader, partition).await? else { return Ok(0) };
        (floor, epoch) = (floor.min(checkpoint.position), checkpoint.epoch);
    }
    for allocation in (0..broker.settings().allocation_partitions).map(Partition) {
        let Some(checkpoint) = store.checkpoint(LogReader::Assigner, allocation).await? else { return Ok(0) };
        let kept = codec::decode_allocation_checkpoint(&checkpoint.state).unwrap_or_default();
        floor = floor.min(codec::read_until(&kept.states, &kept.observed, partition, epoch));
    }
    Ok(floor)
}

/// The log's first position, and the first at or below `floor` whose record is not older than `oldest`, found by halving.
async fn first_younger(
    broker: &Broker,
    log: LogName,
    floor: u64,
    oldest: At,
) -> Result<(u64, u64), kefu_nats::engine::ReadError> {
    let info = broker.log_info(log).await.map_err(|source| kefu_nats::engine::ReadError::Transport { log, source })?;
    let (mut low, mut high) = (info.first, floor.max(info.first));
    while low < high {
        let middle = low.midpoint(high);
        match peek_time(broker, log, middle).await? {
            Some(at) if at >= oldest => high = middle,
            // A claim says no time: it is as old as what follows it.
            _ => low = middle + 1,
        }
    }
    Ok((info.first, low.min(floor)))
}

#[cfg(test)]
mod tests;
