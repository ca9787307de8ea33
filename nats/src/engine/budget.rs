//! How much memory the tails of a process's logs may take together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A budget in bytes that the owners of a process share; clones are the same one.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max_bytes: usize,
    used_bytes: AtomicUsize,
    parts: AtomicUsize,
}

impl Budget {
    /// Nothing of it is used yet.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        Self(Arc::new(Inner { max_bytes, used_bytes: AtomicUsize::new(0), parts: AtomicUsize::new(0) }))
    }

    /// Whether all of it is used.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.0.used_bytes.load(Ordering::Relaxed) >= self.0.max_bytes
    }

    /// One owner's part of it, given back when it is dropped.
    pub(super) fn part(&self) -> Part {
        self.0.parts.fetch_add(1, Ordering::Relaxed);
        Part { budget: self.clone(), bytes: 0 }
    }
}

/// What one owner uses.
#[derive(Debug)]
pub(super) struct Part {
    budget: Budget,
    bytes: usize,
}

impl Part {
    /// It uses so much now.
    pub(super) fn set(&mut self, bytes: usize) {
        let used = &self.budget.0.used_bytes;
        if bytes >= self.bytes {
            used.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else {
            used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
    }

    /// Whether it must not grow: the budget is used up, and this part has its share of it. So a log that lags does not keep
    /// the others from their shares, and together they take less than twice the budget.
    pub(super) fn is_full(&self) -> bool {
        let parts = self.budget.0.parts.load(Ordering::Relaxed).max(1);
        self.budget.is_used_up() && self.bytes >= self.budget.0.max_bytes / parts
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.set(0);
        self.budget.0.parts.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_share_of_a_budget_that_is_used_up_waits_and_the_others_do_not() {
        let budget = Budget::new(100);
        let (mut large, mut small) = (budget.part(), budget.part());
        large.set(90);
        assert!(!large.is_full() && !small.is_full());
        small.set(10);
        assert!(budget.is_used_up() && large.is_full() && !small.is_full());
        small.set(50);
        assert!(small.is_full());
        large.set(40);
        assert!(!budget.is_used_up() && !large.is_full() && !small.is_full());
        large.set(60);
        drop(small);
        assert!(!budget.is_used_up(), "it was given back");
        large.set(100);
        assert!(large.is_full());
    }
}
