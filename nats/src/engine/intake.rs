//! How far IN is decided: every command at or below the position has its outcome or its answer.

use std::collections::BTreeMap;

/// Counts undecided commands per envelope.
#[derive(Debug, Default)]
pub(super) struct Intake {
    received: u64,
    undecided: BTreeMap<u64, usize>,
    count: usize,
}

impl Intake {
    pub(super) fn new(received: u64) -> Self {
        Self { received, ..Self::default() }
    }

    /// Takes an envelope; says false if it was taken before.
    pub(super) fn receive(&mut self, position: u64, commands: usize) -> bool {
        if position <= self.received {
            return false;
        }
        self.received = position;
        if commands > 0 {
            self.undecided.insert(position, commands);
            self.count += commands;
        }
        true
    }

    pub(super) fn decided(&mut self, position: u64) {
        if let Some(left) = self.undecided.get_mut(&position) {
            *left -= 1;
            self.count -= 1;
            if *left == 0 {
                self.undecided.remove(&position);
            }
        }
    }

    /// Everything up to here is decided.
    pub(super) fn position(&self) -> u64 {
        self.undecided.keys().next().map_or(self.received, |first| first - 1)
    }

    /// Commands received and not decided.
    pub(super) fn waiting(&self) -> usize {
        self.count
    }
}
