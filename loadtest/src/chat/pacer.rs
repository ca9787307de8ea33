//! A precise clockwork: an OS thread, as tokio's timers tick once a millisecond.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock;

const SECOND_NS: u128 = 1_000_000_000;
/// The shortest pause: at more than 5,000 arrivals a second several are due at once, and those sent late by less than
/// this count from the moment they were due all the same.
const PAUSE_NS: u64 = 200_000;

/// Arrivals at a fixed rate.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    start_ns: u64,
    per_second: u32,
}

impl Schedule {
    /// From that moment on; at least one a second.
    pub fn new(start_ns: u64, per_second: u32) -> Self {
        Self { start_ns, per_second: per_second.max(1) }
    }

    /// When the arrival of that number is due; they count from 0. Nothing adds up: no drift.
    pub fn intended_ns(self, arrival: u64) -> u64 {
        self.start_ns + (u128::from(arrival) * SECOND_NS / u128::from(self.per_second)) as u64
    }

    /// How many arrivals are due.
    pub fn due(self, now_ns: u64) -> u64 {
        match now_ns.checked_sub(self.start_ns) {
            None => 0,
            // The arrivals k with k / rate <= passed, in whole nanoseconds.
            Some(passed) => (((u128::from(passed) + 1) * u128::from(self.per_second) - 1) / SECOND_NS) as u64 + 1,
        }
    }
}

/// The thread; it ends when this is dropped.
#[derive(Debug)]
pub struct Pacer {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    due: AtomicU64,
    changed: Notify,
    over: AtomicBool,
}

impl Pacer {
    /// Begins to count arrivals until the clock reads `until_ns`.
    pub fn start(schedule: Schedule, until_ns: u64) -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = shared.clone();
        std::thread::spawn(move || count(&theirs, schedule, until_ns));
        Self { shared }
    }

    /// Waits until more is due; gives how much in all.
    pub async fn next(&self) -> u64 {
        self.shared.changed.notified().await;
        self.shared.due.load(Ordering::Acquire)
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
    }
}

fn count(shared: &Shared, schedule: Schedule, until_ns: u64) {
    let all = schedule.due(until_ns);
    let mut last = 0;
    while last < all && !shared.over.load(Ordering::Relaxed) {
        let now = clock::now_ns();
        let due = schedule.due(now).min(all);
        if due > last {
            last = due;
            shared.due.store(due, Ordering::Release);
            shared.changed.notify_one();
        }
        let next = schedule.intended_ns(due).max(now + PAUSE_NS);
        std::thread::sleep(Duration::from_nanos(next.saturating_sub(clock::now_ns())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_what_was_intended_until_then() {
        for rate in [1, 3, 7, 1_000, 48_000, 999_983] {
            let schedule = Schedule::new(5_000, rate);
            assert_eq!(schedule.due(4_999), 0);
            for arrival in [0, 1, 2, 3, 10, 999, 123_457] {
                let at = schedule.intended_ns(arrival);
                assert_eq!(schedule.due(at), arrival + 1, "rate {rate}, arrival {arrival}");
                assert_eq!(schedule.due(at - 1), arrival, "rate {rate}, just before arrival {arrival}");
            }
        }
    }

    #[test]
    fn a_day_later_it_has_not_drifted() {
        let schedule = Schedule::new(0, 3);
        assert_eq!(schedule.intended_ns(3 * 86_400), 86_400 * 1_000_000_000);
    }

    #[tokio::test]
    async fn the_thread_counts_every_arrival() {
        let start = clock::now_ns();
        let pacer = Pacer::start(Schedule::new(start, 2_000), start + 50_000_000);
        let mut due = 0;
        while due < 101 {
            due = pacer.next().await;
        }
        assert_eq!(due, 101);
    }
}
