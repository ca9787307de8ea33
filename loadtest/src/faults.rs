//! What went wrong. Any of it makes the run fail.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// More details of a kind than these tell nothing new.
const SHOWN: u64 = 5;

/// Faults, counted by kind; the first ones of each kind are printed when they happen.
#[derive(Debug, Default)]
pub struct Faults {
    counts: RefCell<BTreeMap<&'static str, u64>>,
}

impl Faults {
    /// One more of that kind.
    pub fn add(&self, kind: &'static str, detail: impl FnOnce() -> String) {
        self.add_many(kind, 1, detail);
    }

    /// So many more of that kind; none is no fault.
    pub fn add_many(&self, kind: &'static str, number: u64, detail: impl FnOnce() -> String) {
        if number == 0 {
            return;
        }
        let mut counts = self.counts.borrow_mut();
        let count = counts.entry(kind).or_default();
        if *count < SHOWN {
            eprintln!("FAULT {kind}: {}", detail());
        }
        *count += number;
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.counts.borrow().values().sum()
    }

    /// By kind.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.counts.borrow().clone()
    }
}
