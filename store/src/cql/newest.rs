//! The newest few of many.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The greatest of what is added, at most so many.
pub(super) struct Newest<T> {
    most: usize,
    /// The least on top.
    kept: BinaryHeap<Reverse<T>>,
}

impl<T: Ord> Newest<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, kept: BinaryHeap::new() }
    }

    pub(super) fn add(&mut self, one: T) {
        self.kept.push(Reverse(one));
        if self.kept.len() > self.most {
            self.kept.pop();
        }
    }

    /// The greatest first.
    pub(super) fn into_descending(self) -> Vec<T> {
        self.kept.into_sorted_vec().into_iter().map(|Reverse(one)| one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_the_newest_are_kept() {
        let mut newest = Newest::new(3);
        for number in 0..1_000u32 {
            newest.add(number.wrapping_mul(7_919) % 1_000);
            assert!(newest.kept.len() <= 3);
        }
        assert_eq!(newest.into_descending(), [999, 998, 997]);
        let mut none = Newest::new(0);
        none.add(1);
        assert!(none.into_descending().is_empty());
    }
}
