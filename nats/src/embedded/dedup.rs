//! Remembers message ids for a while.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::transport::Position;

/// How many message ids one stream remembers at most; the oldest are forgotten first.
const MAX_REMEMBERED_IDS: usize = 1 << 17;

/// The message ids of one stream that were seen within its window.
#[derive(Debug, Default)]
pub(super) struct Dedup {
    positions: HashMap<Arc<str>, Position>,
    order: VecDeque<(Instant, Arc<str>, Position)>,
}

impl Dedup {
    /// The position that the id got, if it is remembered.
    pub(super) fn get(&mut self, id: &str, window: Duration, now: Instant) -> Option<Position> {
        self.expire(window, now);
        self.positions.get(id).copied()
    }

    /// Remembers an id that is not known yet.
    pub(super) fn insert(&mut self, id: &str, position: Position, now: Instant) {
        let id: Arc<str> = id.into();
        self.positions.insert(id.clone(), position);
        self.order.push_back((now, id, position));
    }

    /// Forgets ids at or above a position: their append did not happen.
    pub(super) fn forget_from(&mut self, position: Position) {
        while let Some((_, id, at)) = self.order.back() {
            if *at < position {
                break;
            }
            self.positions.remove(id);
            self.order.pop_back();
        }
    }

    fn expire(&mut self, window: Duration, now: Instant) {
        while let Some((at, id, _)) = self.order.front() {
            if self.order.len() <= MAX_REMEMBERED_IDS && now.duration_since(*at) <= window {
                break;
            }
            self.positions.remove(id);
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_after_the_window_and_on_failure() {
        let window = Duration::from_secs(1);
        let start = Instant::now();
        let mut dedup = Dedup::default();
        dedup.insert("a", 1, start);
        dedup.insert("b", 2, start);
        assert_eq!(dedup.get("a", window, start), Some(1));
        dedup.forget_from(2);
        assert_eq!(dedup.get("b", window, start), None);
        assert_eq!(dedup.get("a", window, start + window * 2), None);
    }
}
