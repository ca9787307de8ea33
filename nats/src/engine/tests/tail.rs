//! A tail that gets what was before it is the tail that had it from the beginning.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use crate::engine::domain::Logged;
use crate::engine::tail::Tail;

const IDS: u64 = 3;

fn push(tail: &mut Tail<u64, u64>, position: u64) {
    let outcomes = (0..position % 4).map(|number| {
        let logged = Logged { outcome: position * 10 + number, bytes: Bytes::from(vec![0; 10]) };
        ((position + number) % IDS, Arc::new(logged))
    });
    tail.push(position, outcomes);
}

fn tail(after: u64, until: u64) -> Tail<u64, u64> {
    let mut tail = Tail::new(after);
    (after + 1..=until).for_each(|position| push(&mut tail, position));
    tail
}

/// All that can be seen of it.
#[derive(Debug, PartialEq)]
struct Said {
    start: u64,
    bytes: usize,
    memory_bytes: usize,
    /// Of each aggregate: positions and outcomes.
    outcomes: Vec<Vec<(u64, u64)>>,
}

fn said(tail: &Tail<u64, u64>) -> Said {
    let of = |id| tail.of(&id).map(|(position, logged)| (position, logged.outcome)).collect();
    Said {
        start: tail.start(),
        bytes: tail.bytes(),
        memory_bytes: tail.memory_bytes(),
        outcomes: (0..IDS).map(of).collect(),
    }
}

proptest! {
    #[test]
    fn nothing_tells_it_from_one_that_was_never_cut(
        start in 0_u64..20, cut in 0_u64..20, more in 0_u64..20, floor in 0_u64..60
    ) {
        let (cut, end) = (start + cut, start + cut + more);
        let (mut whole, mut joined) = (tail(start, end), tail(cut, end));
        joined.put_before(tail(start, cut));
        prop_assert_eq!(said(&joined), said(&whole));
        for tail in [&mut whole, &mut joined] {
            tail.trim(floor, 100);
        }
        prop_assert_eq!(said(&joined), said(&whole));
    }
}
