//! What kinds of clients there are, and when they do what.

use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;

use super::Phase;

/// What a client is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Writes in its own conversation.
    Visitor,
    /// Writes wherever it has the session.
    Agent,
    /// A visitor's second device, which only listens and keeps its cursor.
    Observer,
    /// A visitor's device that reconnects often, each time with a cursor from long ago.
    GoesBack,
}

/// When things are done next.
#[derive(Debug)]
pub struct Timers {
    pub write_at: Instant,
    pub mark_at: Instant,
    leave_at: Instant,
    /// A client that goes back does so once more when all is quiet.
    left_in_quiet: bool,
}

impl Timers {
    /// Everything is due.
    pub fn new() -> Self {
        let now = Instant::now();
        Self { write_at: now, mark_at: now, leave_at: now, left_in_quiet: false }
    }

    /// A new connection stays for a while.
    pub fn connected(&mut self, rng: &mut StdRng) {
        self.leave_at = after(rng, 400..1500);
    }

    /// Whether a client that goes back ends its connection.
    pub fn is_time_to_leave(&mut self, phase: Phase) -> bool {
        match phase {
            Phase::Busy => Instant::now() >= self.leave_at,
            Phase::Quiet => !std::mem::replace(&mut self.left_in_quiet, true),
            Phase::Stop => true,
        }
    }

    /// Whether it is time to write; if so, the next time is chosen.
    pub fn is_time_to_write(&mut self, habit: Habit, rng: &mut StdRng) -> bool {
        let pause_ms = if habit == Habit::Agent { 15..60 } else { 30..120 };
        let is_time = Instant::now() >= self.write_at;
        if is_time {
            self.write_at = after(rng, pause_ms);
        }
        is_time
    }

    /// Whether it is time to raise a mark; if so, the next time is chosen.
    pub fn is_time_to_mark(&mut self, rng: &mut StdRng) -> bool {
        let is_time = Instant::now() >= self.mark_at;
        if is_time {
            self.mark_at = after(rng, 300..900);
        }
        is_time
    }
}

fn after(rng: &mut StdRng, pause_ms: std::ops::Range<u64>) -> Instant {
    Instant::now() + Duration::from_millis(rng.random_range(pause_ms))
}
