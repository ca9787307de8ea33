//! Decided outcomes on their way into the log.

use std::collections::VecDeque;
use std::sync::Arc;

use super::domain::{Domain, Logged};
use super::owner::Route;

/// Answers that must not overtake an outcome.
pub(super) type Answers<D> = Vec<(Route, <D as Domain>::Answer)>;

/// A decided outcome and the answers that wait for it.
pub(super) struct Entry<D: Domain> {
    pub(super) id: D::Id,
    pub(super) logged: Arc<Logged<D::Outcome>>,
    pub(super) answers: Answers<D>,
}

/// A record that was sent and is not known to count yet.
pub(super) struct InFlight<D: Domain> {
    pub(super) ordinal: u64,
    pub(super) position: Option<u64>,
    pub(super) entries: Vec<Entry<D>>,
    pub(super) answers: Answers<D>,
}

/// What is decided: first what was sent, then what waits to be sent.
pub(super) struct Pipeline<D: Domain> {
    pub(super) in_flight: VecDeque<InFlight<D>>,
    waiting: VecDeque<Entry<D>>,
}

impl<D: Domain> Pipeline<D> {
    pub(super) fn new() -> Self {
        Self { in_flight: VecDeque::new(), waiting: VecDeque::new() }
    }

    pub(super) fn push(&mut self, entry: Entry<D>) {
        self.waiting.push_back(entry);
    }

    /// Holds an answer back behind everything decided so far; gives it back if there is nothing to wait for.
    pub(super) fn hold(&mut self, route: Route, answer: D::Answer) -> Option<(Route, D::Answer)> {
        let answers = match (self.waiting.back_mut(), self.in_flight.back_mut()) {
            (Some(entry), _) => &mut entry.answers,
            (None, Some(record)) => &mut record.answers,
            (None, None) => return Some((route, answer)),
        };
        answers.push((route, answer));
        None
    }

    /// Takes the next record's entries: at most `max_outcomes` and about `max_bytes`.
    pub(super) fn take(&mut self, max_outcomes: usize, max_bytes: usize) -> Vec<Entry<D>> {
        let mut bytes = 0;
        let mut count = 0;
        for entry in &self.waiting {
            bytes += entry.logged.bytes.len();
            if count == max_outcomes || (count > 0 && bytes > max_bytes) {
                break;
            }
            count += 1;
        }
        self.waiting.drain(..count).collect()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty() && self.waiting.is_empty()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }
}
