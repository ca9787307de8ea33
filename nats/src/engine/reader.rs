//! Reading a log as everyone but its owner does: the records that count, in order.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kefu_model::reader::{LogCursor, Standing};
use kefu_model::{At, Outcome};

use super::domain::Domain;
use super::gather::Window;
use crate::broker::{Broker, LogName};
use crate::codec;
use crate::payload::{self, PayloadError, RecordWire};
use crate::transport::{StreamReader, TransportError};

/// A record that counts.
#[derive(Debug)]
pub struct ReadRecord {
    /// The record's own place and numbers: where a checkpoint after it stands.
    pub cursor: LogCursor,
    /// Its encoded outcomes; none for a claim.
    pub outcomes: Vec<Bytes>,
}

/// Why a log cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The broker.
    #[error("the log {log} cannot be read")]
    Transport {
        /// Which.
        log: LogName,
        /// Why.
        source: TransportError,
    },
    /// A record of another version, or damaged.
    #[error("the record at position {position} of the log {log} cannot be read")]
    Payload {
        /// Which.
        log: LogName,
        /// Where.
        position: u64,
        /// Why.
        source: PayloadError,
    },
    /// The checkpoint does not belong to this log: power was lost, a backup restored, or this is the wrong server.
    #[error(
        "the log {log} does not hold the record of the checkpoint (position {position}, generation {generation}, ordinal \
         {ordinal}): {why}. The store and the log do not belong together; see docs/operations.md, \"Epochs\""
    )]
    NotOurs {
        /// Which.
        log: LogName,
        /// The checkpoint's position.
        position: u64,
        /// Its generation.
        generation: u64,
        /// Its ordinal.
        ordinal: u64,
        /// What was found instead.
        why: &'static str,
    },
    /// Records are missing.
    #[error("records of the log {log} after position {after} are missing: the next one is {next}")]
    Gap {
        /// Which.
        log: LogName,
        /// The last one read.
        after: u64,
        /// The next one there.
        next: u64,
    },
}

impl ReadError {
    /// Whether the broker is only away, so that trying again may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Transport { source, .. } if source.is_retryable() || source.is_ambiguous())
    }
}

/// Pause before a broker that is away is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// The log ends before the checkpoint's record.
const SHORTER: &str = "the log is shorter";
/// How long a log has to be shorter until that is final: a server that leads it since a moment ago may not have applied all
/// that was confirmed.
const SHORTER_FOR: Duration = Duration::from_secs(5);

/// Calls the broker until it is there.
async fn while_away<T, F>(log: LogName, mut call: impl FnMut() -> F) -> Result<T, ReadError>
where
    F: Future<Output = Result<T, ReadError>>,
{
    loop {
        match call().await {
            Err(error) if error.is_retryable() => {
                tracing::warn!(%log, error = &error as &dyn std::error::Error, "the log is away; it is tried again");
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            result => return result,
        }
    }
}

/// Reads a log.
pub struct LogReader {
    log: LogName,
    cursor: LogCursor,
    reader: Box<dyn StreamReader>,
    void_records: u64,
    /// Of a window that is not complete.
    pub(super) gathered: Window,
}

impl LogReader {
    /// Reads on behind a checkpoint, after finding that very record there. Without a checkpoint it reads from the start. It
    /// waits for a broker that is away.
    ///
    /// # Errors
    /// [`ReadError::NotOurs`] when the checkpoint is of another log.
    pub async fn open(
        broker: &Broker,
        log: LogName,
        log_id: Option<[u8; 16]>,
        cursor: LogCursor,
    ) -> Result<Self, ReadError> {
        while_away(log, || Self::try_open(broker, log, log_id, cursor)).await
    }

    async fn try_open(
        broker: &Broker,
        log: LogName,
        log_id: Option<[u8; 16]>,
        cursor: LogCursor,
    ) -> Result<Self, ReadError> {
        verify(broker, log, log_id, cursor).await?;
        let reader =
            broker.read_log(log, cursor.position + 1).await.map_err(|source| ReadError::Transport { log, source })?;
        Ok(Self { log, cursor, reader, void_records: 0, gathered: Window::default() })
    }

    /// Reads on behind a record that counts, of which only the position is known. Position 0 is the start. It waits for a
    /// broker that is away.
    ///
    /// # Errors
    /// [`ReadError::NotOurs`] when nothing stands there.
    pub async fn resume(broker: &Broker, log: LogName, position: u64) -> Result<Self, ReadError> {
        let cursor = match position {
            0 => LogCursor::default(),
            _ => while_away(log, || cursor_at(broker, log, position)).await?,
        };
        Self::open(broker, log, None, cursor).await
    }

    /// The identity of the log being read.
    #[must_use]
    pub fn log_id(&self) -> [u8; 16] {
        self.reader.stream_id().into_bytes()
    }

    /// Records read since the last call that do not count.
    pub fn take_void_records(&mut self) -> u64 {
        std::mem::take(&mut self.void_records)
    }

    /// The next record that counts; waits for it. Cancel-safe.
    ///
    /// # Errors
    /// All errors are final.
    pub async fn next(&mut self) -> Result<ReadRecord, ReadError> {
        loop {
            if let Some(record) = self.read_one().await? {
                return Ok(record);
            }
        }
    }

    /// The next record that counts, if one is known to be there. Cancel-safe.
    pub(super) async fn next_known(&mut self) -> Result<Option<ReadRecord>, ReadError> {
        while self.reader.has_more() {
            if let Some(record) = self.read_one().await? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// The next record, unless it does not count.
    async fn read_one(&mut self) -> Result<Option<ReadRecord>, ReadError> {
        let log = self.log;
        let record = self.reader.next().await.map_err(|source| ReadError::Transport { log, source })?;
        let position = record.position;
        if position != self.cursor.position + 1 {
            return Err(ReadError::Gap { log, after: self.cursor.position, next: position });
        }
        let wire: RecordWire =
            payload::decode(&record.payload).map_err(|source| ReadError::Payload { log, position, source })?;
        if self.cursor.admit(position, wire.stamp()) == Standing::Void {
            self.void_records += 1;
            return Ok(None);
        }
        let outcomes = match wire {
            RecordWire::Claim(..) => Vec::new(),
            RecordWire::Batch(.., outcomes) => {
                outcomes.into_iter().map(|bytes| record.payload.slice_ref(bytes)).collect()
            }
        };
        Ok(Some(ReadRecord { cursor: self.cursor, outcomes }))
    }
}

impl ReadRecord {
    /// Reads its outcomes as those of conversations.
    ///
    /// # Errors
    /// When one is of a version or kind not known here.
    pub fn chat_outcomes(&self, log: LogName) -> Result<Vec<Outcome>, ReadError> {
        let position = self.cursor.position;
        let read = |bytes: &Bytes| codec::decode_outcome(bytes);
        let outcomes: Result<_, _> = self.outcomes.iter().map(read).collect();
        outcomes.map_err(|source| ReadError::Payload { log, position, source })
    }
}

/// The cursor of a record that counts.
async fn cursor_at(broker: &Broker, log: LogName, position: u64) -> Result<LogCursor, ReadError> {
    let gone = || ReadError::NotOurs { log, position, generation: 0, ordinal: 0, why: "that record is not there" };
    let record = broker.transport().read_one(&log.log_stream(), position).await;
    let record = record.map_err(|source| ReadError::Transport { log, source })?.ok_or_else(gone)?;
    let wire: RecordWire =
        payload::decode(&record.payload).map_err(|source| ReadError::Payload { log, position, source })?;
    Ok(match wire {
        RecordWire::Claim(..) => LogCursor { position, generation: position, ordinal: 0 },
        RecordWire::Batch(generation, ordinal, ..) => LogCursor { position, generation, ordinal },
    })
}

/// When the first outcome of a conversations' record was decided; none for a record without outcomes or that is gone.
///
/// # Errors
/// When the record cannot be read.
pub async fn peek_time(broker: &Broker, log: LogName, position: u64) -> Result<Option<At>, ReadError> {
    let record = broker.transport().read_one(&log.log_stream(), position).await;
    let Some(record) = record.map_err(|source| ReadError::Transport { log, source })? else { return Ok(None) };
    let failed = |source| ReadError::Payload { log, position, source };
    match payload::decode::<RecordWire>(&record.payload).map_err(failed)? {
        RecordWire::Claim(..) => Ok(None),
        RecordWire::Batch(.., outcomes) => {
            let first = outcomes.first().map(|bytes| codec::decode_outcome(bytes)).transpose().map_err(failed)?;
            Ok(first.map(|outcome| outcome.at))
        }
    }
}

/// What a log says at or below a position, as far as it reaches back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Before {
    /// When the newest outcome was decided: an owner that reads on from there must not fall behind it, whatever its clock
    /// says.
    pub at: At,
    /// How far IN was decided, by whoever wrote the newest record with outcomes. If that one does not count, commands up to
    /// there may be undecided: whoever sent them sends them again to the next generation.
    pub received: Option<u64>,
}

/// Looks at what the log says at or below a position.
pub(super) async fn look_before<D: Domain>(
    broker: &Broker,
    log: LogName,
    domain: &D,
    position: u64,
) -> Result<Before, ReadError> {
    for position in (1..=position).rev() {
        let record = broker.transport().read_one(&log.log_stream(), position).await;
        let Some(record) = record.map_err(|source| ReadError::Transport { log, source })? else { break };
        let failed = |source| ReadError::Payload { log, position, source };
        if let RecordWire::Batch(_, _, received, outcomes) = payload::decode(&record.payload).map_err(failed)?
            && let Some(last) = outcomes.last()
        {
            let at = domain.outcome_at(&domain.decode_outcome(last).map_err(failed)?);
            return Ok(Before { at, received: Some(received) });
        }
    }
    Ok(Before::default())
}

/// Finds the record of a checkpoint in its log.
///
/// # Errors
/// [`ReadError::NotOurs`] when it is not there.
pub(super) async fn verify(
    broker: &Broker,
    log: LogName,
    log_id: Option<[u8; 16]>,
    cursor: LogCursor,
) -> Result<(), ReadError> {
    let began = Instant::now();
    loop {
        match verify_once(broker, log, log_id, cursor).await {
            Err(ReadError::NotOurs { why: SHORTER, .. }) if began.elapsed() < SHORTER_FOR => {
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            result => return result,
        }
    }
}

async fn verify_once(
    broker: &Broker,
    log: LogName,
    log_id: Option<[u8; 16]>,
    cursor: LogCursor,
) -> Result<(), ReadError> {
    let LogCursor { position, generation, ordinal } = cursor;
    let not_ours = |why| ReadError::NotOurs { log, position, generation, ordinal, why };
    let transport = |source| ReadError::Transport { log, source };
    let info = broker.log_info(log).await.map_err(transport)?;
    if log_id.is_some_and(|id| id != info.id.into_bytes()) {
        return Err(not_ours("the log has another id"));
    }
    if position == 0 {
        return if info.first > 1 { Err(not_ours("the log's beginning was purged")) } else { Ok(()) };
    }
    if info.last < position {
        return Err(not_ours(SHORTER));
    }
    let record = broker.transport().read_one(&log.log_stream(), position).await.map_err(transport)?;
    let record = record.ok_or_else(|| not_ours("that record was purged"))?;
    let wire: RecordWire =
        payload::decode(&record.payload).map_err(|source| ReadError::Payload { log, position, source })?;
    let same = match wire {
        RecordWire::Claim(..) => generation == position && ordinal == 0,
        RecordWire::Batch(of, number, ..) => (of, number) == (generation, ordinal),
    };
    if same { Ok(()) } else { Err(not_ours("another record stands there")) }
}
