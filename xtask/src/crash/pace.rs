//! Writing at a fixed rate, whatever the answers: what could not be written in time is still owed.

use std::time::{Duration, Instant};

/// Due times of one writer's messages.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    every: Duration,
    next: Option<Instant>,
}

impl Pace {
    /// One message each time so much time has passed. It begins when it is first asked.
    pub fn new(every: Duration) -> Self {
        Self { every, next: None }
    }

    /// The pace of each of so many writers who together write so many messages a second.
    pub fn shared(per_second: f64, writers: u32) -> Self {
        Self::new(Duration::from_secs_f64(f64::from(writers) / per_second))
    }

    /// When the next message that is owed was due; none if nothing is owed.
    pub fn owed(&mut self, now: Instant) -> Option<Instant> {
        let due = *self.next.get_or_insert(now);
        (due <= now).then(|| {
            self.next = Some(due + self.every);
            due
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_is_still_owed() {
        let start = Instant::now();
        let mut pace = Pace::shared(50.0, 5);
        let mut owed = |ms| std::iter::from_fn(|| pace.owed(start + Duration::from_millis(ms))).count();
        assert_eq!([owed(0), owed(99), owed(100), owed(450), owed(499), owed(500)], [1, 0, 1, 3, 0, 1]);
    }
}
