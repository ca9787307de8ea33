//! What a new owner's tail holds besides what the store lacks: the last records before the checkpoint, so that a client
//! which resumes after a restart is told what it missed and needs not load history.

use std::time::Duration;

use kefu_model::reader::{LogCursor, Stamp, Standing};

use super::domain::{Domain, read_outcomes};
use super::reader::ReadError;
use super::tail::Tail;
use crate::broker::{Broker, LogName};
use crate::payload::{self, RecordWire};
use crate::transport::{StreamRecord, TransportError};

/// Records that are read again at first, and at most.
const RECORDS_FIRST: u64 = 32;
const RECORDS: u64 = 1_000;
/// How long reading them may take; without them clients load history.
const WITHIN: Duration = Duration::from_secs(2);

/// A tail with the last records up to `cursor`, about `keep_bytes` of them; an empty one when they cannot be had in time or
/// it cannot be told which of them count.
pub(super) async fn backfill<D: Domain>(
    broker: &Broker,
    log: LogName,
    domain: &D,
    cursor: LogCursor,
    keep_bytes: usize,
) -> Result<Tail<D::Id, D::Outcome>, ReadError> {
    let empty = || Tail::new(cursor.position);
    if cursor.position == 0 || keep_bytes == 0 {
        return Ok(empty());
    }
    match tokio::time::timeout(WITHIN, read(broker, log, domain, cursor, keep_bytes)).await {
        Ok(Ok(Some(tail))) => Ok(tail),
        Ok(Err(error)) => Err(error),
        Ok(Ok(None)) | Err(_) => {
            tracing::info!(%log, "the tail begins at the checkpoint");
            Ok(empty())
        }
    }
}

async fn read<D: Domain>(
    broker: &Broker,
    log: LogName,
    domain: &D,
    end: LogCursor,
    keep_bytes: usize,
) -> Result<Option<Tail<D::Id, D::Outcome>>, ReadError> {
    let records = last_records(broker, log, end.position, keep_bytes)
        .await
        .map_err(|source| ReadError::Transport { log, source })?;
    let mut tail: Option<Tail<D::Id, D::Outcome>> = None;
    let mut cursor: Option<LogCursor> = None;
    for record in &records {
        let position = record.position;
        let failed = |source| ReadError::Payload { log, position, source };
        let wire: RecordWire = payload::decode(&record.payload).map_err(failed)?;
        let cursor = cursor.get_or_insert_with(|| before(position, wire.stamp(), end));
        let tail = tail.get_or_insert_with(|| Tail::new(position - 1));
        if let (Standing::Counts, RecordWire::Batch(.., outcomes)) = (cursor.admit(position, wire.stamp()), wire) {
            tail.push(position, read_outcomes(domain, &outcomes).map_err(failed)?);
            tail.trim(position, keep_bytes);
        }
    }
    // Where a reader comes out at the checkpoint's own numbers, it has told what counts from what does not.
    Ok(tail.filter(|_| cursor == Some(end)))
}

/// The last records up to `end`: at least `keep_bytes`, unless there are no more of them or they are too many. Records differ
/// in size by orders of magnitude, so a few are read first, and more when they were small.
async fn last_records(
    broker: &Broker,
    log: LogName,
    end: u64,
    keep_bytes: usize,
) -> Result<Vec<StreamRecord>, TransportError> {
    let first = broker.log_info(log).await?.first;
    if first > end {
        return Ok(Vec::new());
    }
    let (mut many, mut known, mut records) = (RECORDS_FIRST, end + 1, Vec::new());
    loop {
        let from = first.max(end.saturating_sub(many - 1));
        let mut older = read_range(broker, log, from, known).await?;
        older.append(&mut records);
        (known, records) = (from, older);
        let bytes: usize = records.iter().map(|record| record.payload.len()).sum();
        if bytes >= keep_bytes || from == first || many >= RECORDS {
            return Ok(records);
        }
        many = (many * 4).min(RECORDS);
    }
}

/// The records from a position on and before another one; there is one at the end.
async fn read_range(
    broker: &Broker,
    log: LogName,
    from: u64,
    before: u64,
) -> Result<Vec<StreamRecord>, TransportError> {
    let mut reader = broker.read_log(log, from).await?;
    let mut records: Vec<StreamRecord> = Vec::new();
    while records.last().is_none_or(|record| record.position + 1 < before) {
        records.push(reader.next().await?);
    }
    Ok(records)
}

/// Where a reader stands before the first record it reads. A claim needs nothing before it; a batch is taken for the next one
/// of the generation in force, which is wrong when it does not count: then the end does not fit.
fn before(position: u64, first: Stamp, end: LogCursor) -> LogCursor {
    match first {
        Stamp::Batch { generation, ordinal } => {
            LogCursor { position: position - 1, generation, ordinal: ordinal.saturating_sub(1) }
        }
        Stamp::Claim => LogCursor { position: position - 1, ..end },
    }
}
