//! The tail: outcomes that the store may not have yet, and a little more for clients that resume.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

use super::domain::Logged;

/// What an outcome takes beside its bytes and what is decoded of them: its fields, its id and its places. An estimate.
const OUTCOME_BYTES: usize = 512;

/// Outcomes since the archiver's checkpoint and at least the last MiB, by aggregate.
#[derive(Debug)]
pub struct Tail<I, O> {
    records: VecDeque<TailRecord<I>>,
    by_id: HashMap<I, VecDeque<Placed<O>>>,
    /// Everything after this position is here.
    start: u64,
    bytes: usize,
    outcomes: usize,
}

/// An outcome with the position of its record.
type Placed<O> = (u64, Arc<Logged<O>>);

#[derive(Debug)]
struct TailRecord<I> {
    position: u64,
    bytes: usize,
    ids: Vec<I>,
}

impl<I: Clone + Eq + Hash, O> Tail<I, O> {
    /// An empty tail that begins after `start`.
    #[must_use]
    pub fn new(start: u64) -> Self {
        Self { records: VecDeque::new(), by_id: HashMap::new(), start, bytes: 0, outcomes: 0 }
    }

    /// Everything after this position is in the tail.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Encoded size of what it holds, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// About how much memory it takes, in bytes: each outcome is kept encoded and decoded.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.bytes * 2 + self.outcomes * OUTCOME_BYTES
    }

    /// Adds the outcomes of a record that counts.
    pub fn push(&mut self, position: u64, outcomes: impl IntoIterator<Item = (I, Arc<Logged<O>>)>) {
        let mut record = TailRecord { position, bytes: 0, ids: Vec::new() };
        for (id, logged) in outcomes {
            record.bytes += logged.bytes.len();
            self.by_id.entry(id.clone()).or_default().push_back((position, logged));
            record.ids.push(id);
        }
        self.bytes += record.bytes;
        self.outcomes += record.ids.len();
        self.records.push_back(record);
    }

    /// Adds what was before it: a tail that ends where this one starts.
    pub fn put_before(&mut self, older: Self) {
        self.start = older.start;
        self.bytes += older.bytes;
        self.outcomes += older.outcomes;
        for record in older.records.into_iter().rev() {
            self.records.push_front(record);
        }
        for (id, mut outcomes) in older.by_id {
            let newer = self.by_id.entry(id).or_default();
            outcomes.append(newer);
            *newer = outcomes;
        }
    }

    /// The outcomes of an aggregate after a position, in order.
    pub fn after(&self, id: &I, position: u64) -> impl Iterator<Item = &Arc<Logged<O>>> {
        self.of(id).filter(move |(at, _)| *at > position).map(|(_, logged)| logged)
    }

    /// All outcomes of an aggregate with their positions, in order.
    pub fn of(&self, id: &I) -> impl Iterator<Item = (u64, &Arc<Logged<O>>)> {
        self.by_id.get(id).into_iter().flatten().map(|(position, logged)| (*position, logged))
    }

    /// Forgets records at or below `floor` while more than `keep_bytes` are held.
    pub fn trim(&mut self, floor: u64, keep_bytes: usize) {
        while let Some(oldest) = self.records.front() {
            if oldest.position > floor || self.bytes - oldest.bytes < keep_bytes {
                return;
            }
            let Some(oldest) = self.records.pop_front() else { return };
            self.start = oldest.position;
            self.bytes -= oldest.bytes;
            self.outcomes -= oldest.ids.len();
            for id in oldest.ids {
                self.forget(&id, oldest.position);
            }
        }
    }

    fn forget(&mut self, id: &I, position: u64) {
        let Some(outcomes) = self.by_id.get_mut(id) else { return };
        while outcomes.front().is_some_and(|(at, _)| *at <= position) {
            outcomes.pop_front();
        }
        if outcomes.is_empty() {
            self.by_id.remove(id);
        }
    }
}
