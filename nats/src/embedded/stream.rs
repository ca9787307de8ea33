//! One stream in memory: its bounds, its recent records, and where the older ones lie.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

use super::dedup::Dedup;
use super::format::RECORD_HEADER;
use super::index::{Part, Place};
use crate::transport::{
    Durability, MAX_APPENDS_IN_FLIGHT, Overflow, Position, StreamInfo, StreamRecord, StreamSpec, TransportError,
};

/// What a payload of this many bytes counts towards `max_bytes`.
pub(super) fn stored_size(payload: usize) -> u64 {
    (payload + RECORD_HEADER) as u64
}

/// What readers are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// The last position that can be read.
    Last(Position),
    /// The stream was deleted.
    Deleted,
    /// The log was closed.
    Closed,
}

/// One stream, shared by the writer and the readers.
pub(super) struct Stream {
    /// Stands in the records of a durable stream; 0 for one in memory.
    pub(super) number: u32,
    pub(super) id: Uuid,
    pub(super) spec: StreamSpec,
    /// Bounds the appends that wait for the writer.
    pub(super) permits: Arc<Semaphore>,
    pub(super) state: Mutex<State>,
    pub(super) signal: watch::Sender<Signal>,
}

/// What changes.
#[derive(Default)]
pub(super) struct State {
    pub(super) first: Position,
    pub(super) last: Position,
    /// The newest records, up to `last`; all of them if the stream is in memory.
    recent: VecDeque<(Instant, Bytes)>,
    recent_bytes: u64,
    /// Records in sealed segments, ascending.
    pub(super) sealed: VecDeque<Part>,
    /// Records in the segment being written.
    pub(super) active: Active,
    /// What counts towards `max_bytes`.
    pub(super) bytes: u64,
    pub(super) dedup: Dedup,
}

/// The records of a stream in the segment being written.
#[derive(Default)]
pub(super) struct Active {
    pub(super) segment: u64,
    pub(super) first: Position,
    pub(super) places: Vec<Place>,
}

impl State {
    /// The oldest position held in memory.
    fn recent_first(&self) -> Position {
        self.last + 1 - self.recent.len() as Position
    }

    fn push_recent(&mut self, payload: Bytes, now: Instant, limit: u64) {
        self.last += 1;
        self.recent_bytes += stored_size(payload.len());
        self.recent.push_back((now, payload));
        while self.recent_bytes > limit && self.recent.len() > 1 {
            self.pop_recent();
        }
    }

    fn pop_recent(&mut self) {
        if let Some((_, payload)) = self.recent.pop_front() {
            self.recent_bytes -= stored_size(payload.len());
        }
    }

    /// A durable record that the writer stored; `limit` bounds what is kept in memory.
    pub(super) fn stored(&mut self, payload: Bytes, offset: u32, now: Instant, limit: u64) {
        if self.active.places.is_empty() {
            self.active.first = self.last + 1;
        }
        self.active.places.push((offset, payload.len() as u32));
        self.bytes += stored_size(payload.len());
        self.push_recent(payload, now, limit);
    }

    /// Drops what is held in memory below `first`.
    pub(super) fn purge_recent(&mut self) {
        while !self.recent.is_empty() && self.recent_first() < self.first {
            self.pop_recent();
        }
    }
}

impl Stream {
    /// A stream with nothing in it.
    pub(super) fn new(number: u32, id: Uuid, spec: StreamSpec) -> Self {
        let state = State { first: 1, ..State::default() };
        let permits = Arc::new(Semaphore::new(MAX_APPENDS_IN_FLIGHT));
        let signal = watch::Sender::new(Signal::Last(0));
        Self { number, id, spec, permits, state: Mutex::new(state), signal }
    }

    /// Identity and bounds.
    pub(super) fn info(&self) -> StreamInfo {
        let mut state = self.state.lock();
        self.expire(&mut state, Instant::now());
        StreamInfo { id: self.id, first: state.first, last: state.last }
    }

    /// Appends to a stream in memory.
    pub(super) fn append_in_memory(&self, payload: Bytes, msg_id: Option<&str>) -> Result<Position, TransportError> {
        let now = Instant::now();
        let mut state = self.state.lock();
        if let Some(position) = msg_id.and_then(|id| state.dedup.get(id, self.spec.duplicate_window, now)) {
            return Ok(position);
        }
        self.expire(&mut state, now);
        let size = stored_size(payload.len());
        if size > self.spec.max_bytes {
            return Err(self.full());
        }
        while state.recent_bytes + size > self.spec.max_bytes {
            if self.spec.overflow == Overflow::RefuseNew {
                return Err(self.full());
            }
            state.pop_recent();
            state.first += 1;
        }
        state.push_recent(payload, now, u64::MAX);
        let position = state.last;
        if let Some(id) = msg_id {
            state.dedup.insert(id, position, now);
        }
        drop(state);
        self.announce(Signal::Last(position));
        Ok(position)
    }

    /// Drops the records of a stream in memory below `position`, never the last.
    pub(super) fn purge_in_memory(&self, position: Position) {
        let mut state = self.state.lock();
        state.first = state.first.max(position.min(state.last));
        state.purge_recent();
    }

    fn expire(&self, state: &mut State, now: Instant) {
        let (Some(max_age), Durability::Memory) = (self.spec.max_age, self.spec.durability) else {
            return;
        };
        while state.recent.front().is_some_and(|(at, _)| now.duration_since(*at) > max_age) {
            state.pop_recent();
            state.first += 1;
        }
    }

    /// The answer of a stream at its limit.
    pub(super) fn full(&self) -> TransportError {
        TransportError::Full { stream: self.spec.name.clone() }
    }

    /// Tells the readers. Positions never go back, whatever the order in which appends announce them.
    pub(super) fn announce(&self, signal: Signal) {
        self.signal.send_if_modified(|current| {
            let newer = match (*current, signal) {
                (Signal::Last(old), Signal::Last(new)) => new > old,
                (Signal::Last(_), _) => true,
                _ => false,
            };
            if newer {
                *current = signal;
            }
            newer
        });
    }

    /// The error that a signal means, if it is one.
    pub(super) fn check(&self, signal: Signal) -> Result<(), TransportError> {
        match signal {
            Signal::Last(_) => Ok(()),
            Signal::Deleted => Err(TransportError::StreamReplaced { stream: self.spec.name.clone() }),
            Signal::Closed => Err(TransportError::Closed),
        }
    }

    /// Where to read the first record at or after `from`.
    pub(super) fn locate(&self, from: Position, max: usize) -> Located {
        let mut state = self.state.lock();
        self.expire(&mut state, Instant::now());
        let position = from.max(state.first);
        if position > state.last {
            return Located::NotYet;
        }
        let recent_first = state.recent_first();
        if position >= recent_first {
            let skip = (position - recent_first) as usize;
            let records = state.recent.iter().skip(skip).take(max).zip(position..);
            let record =
                |((_, payload), position): (&(Instant, Bytes), _)| StreamRecord { position, payload: payload.clone() };
            return Located::Recent(records.map(record).collect());
        }
        if !state.active.places.is_empty() && position >= state.active.first {
            let skip = (position - state.active.first) as usize;
            let places = state.active.places.iter().skip(skip).take(max).copied().collect();
            return Located::Active { segment: state.active.segment, position, places };
        }
        let at = state.sealed.partition_point(|part| part.last() < position);
        match state.sealed.get(at) {
            Some(part) => Located::Sealed { part: *part, position },
            None => Located::Missing(position),
        }
    }
}

/// Where records lie.
pub(super) enum Located {
    /// Nothing there yet.
    NotYet,
    /// Here they are.
    Recent(Vec<StreamRecord>),
    /// In the segment being written.
    Active { segment: u64, position: Position, places: Vec<Place> },
    /// In a sealed segment.
    Sealed { part: Part, position: Position },
    /// Nowhere, although the stream's bounds contain it.
    Missing(Position),
}
