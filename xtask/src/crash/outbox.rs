//! The numbered commands of one device in one conversation: sent in order, again after every reconnect, until answered.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Answered commands that may be asked for again; the server keeps 32 answers.
const RECENT: usize = 12;
const PAUSE: Duration = Duration::from_millis(50);

/// A lane of commands.
#[derive(Debug, Default)]
pub struct Outbox {
    open: VecDeque<Slot>,
    recent: VecDeque<Slot>,
    last_n: u64,
    /// The highest number that was accepted.
    accepted_n: u64,
    /// Numbers went wrong: nothing is sent until everything sent was answered.
    draining: bool,
    expected: Option<u64>,
    not_before: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    n: u64,
    command: usize,
    sent_at: Option<Instant>,
    tried: bool,
}

/// A command to be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub n: u64,
    /// Its index in the journal.
    pub command: usize,
    /// Whether it was sent before.
    pub again: bool,
}

impl Outbox {
    /// Puts a command at the end.
    pub fn push(&mut self, command: usize) {
        self.last_n += 1;
        self.open.push_back(Slot { n: self.last_n, command, sent_at: None, tried: false });
    }

    /// Commands without an answer.
    pub fn unanswered(&self) -> usize {
        self.open.len()
    }

    /// Whether something was sent on this connection and has no answer yet.
    pub fn is_under_way(&self) -> bool {
        self.open.iter().any(|slot| slot.sent_at.is_some())
    }

    /// Whether something was sent on this connection so long ago that the connection must be broken.
    pub fn waits_since(&self, limit: Duration) -> bool {
        self.open.iter().any(|slot| slot.sent_at.is_some_and(|at| at.elapsed() > limit))
    }

    /// What is to be sent now, in order.
    pub fn due(&mut self, now: Instant) -> Vec<Due> {
        if self.not_before.is_some_and(|at| now < at) || !self.is_settled() {
            return Vec::new();
        }
        let waiting = self.open.iter_mut().filter(|slot| slot.sent_at.is_none());
        waiting
            .map(|slot| {
                slot.sent_at = Some(now);
                let again = std::mem::replace(&mut slot.tried, true);
                Due { n: slot.n, command: slot.command, again }
            })
            .collect()
    }

    fn is_settled(&mut self) -> bool {
        if self.draining && self.open.iter().any(|slot| slot.sent_at.is_some()) {
            return false;
        }
        self.draining = false;
        if let Some(expected) = self.expected.take() {
            self.renumber(expected);
        }
        true
    }

    /// The server has forgotten refused commands before ours: close the hole that they left.
    fn renumber(&mut self, expected: u64) {
        let Some(first) = self.open.front().map(|slot| slot.n).filter(|first| expected < *first) else { return };
        let down = first - expected;
        for slot in &mut self.open {
            slot.n -= down;
        }
        self.last_n -= down;
        self.recent.clear();
    }

    /// The connection broke: whatever has no answer is sent again.
    pub fn disconnected(&mut self) {
        for slot in &mut self.open {
            slot.sent_at = None;
        }
        self.draining = false;
        self.not_before = None;
    }

    /// A final answer; gives the command that it belongs to.
    pub fn answered(&mut self, n: u64, accepted: bool) -> Option<usize> {
        if accepted {
            self.accepted_n = self.accepted_n.max(n);
        }
        let Some(index) = self.open.iter().position(|slot| slot.n == n) else {
            return self.recent.iter().find(|slot| slot.n == n).map(|slot| slot.command);
        };
        let slot = self.open.remove(index)?;
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(slot);
        Some(slot.command)
    }

    /// "Not now": it is sent again a little later.
    pub fn postponed(&mut self, n: u64, now: Instant) {
        self.put_back(n, now);
    }

    /// "Not the next number". Tells whether the server asks for a number that it had accepted already.
    pub fn not_next(&mut self, n: u64, expected: u64, now: Instant) -> bool {
        if self.put_back(n, now) {
            self.expected = Some(self.expected.map_or(expected, |known| known.max(expected)));
        }
        expected <= self.accepted_n
    }

    /// False if it is answered already.
    fn put_back(&mut self, n: u64, now: Instant) -> bool {
        let Some(slot) = self.open.iter_mut().find(|slot| slot.n == n) else { return false };
        slot.sent_at = None;
        self.draining = true;
        self.not_before = Some(now + PAUSE);
        true
    }

    /// An answered command to be asked for again: the n-th of the recent ones.
    pub fn recent(&self, pick: usize) -> Option<Due> {
        let slot = self.recent.get(pick % self.recent.len().max(1))?;
        (slot.n + 24 > self.last_n).then_some(Due { n: slot.n, command: slot.command, again: true })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(outbox: &mut Outbox, now: Instant) -> Vec<u64> {
        outbox.due(now).iter().map(|due| due.n).collect()
    }

    fn with(count: usize) -> Outbox {
        let mut outbox = Outbox::default();
        (0..count).for_each(|command| outbox.push(command));
        outbox
    }

    #[test]
    fn what_has_no_answer_is_sent_again_in_order() {
        let now = Instant::now();
        let mut outbox = with(4);
        assert_eq!(numbers(&mut outbox, now), [1, 2, 3, 4]);
        assert!(numbers(&mut outbox, now).is_empty());
        assert_eq!(outbox.answered(1, true), Some(0));
        assert!(outbox.is_under_way());
        outbox.disconnected();
        assert!(!outbox.is_under_way());
        assert_eq!(numbers(&mut outbox, now), [2, 3, 4]);
    }

    #[test]
    fn after_a_wrong_number_everything_is_awaited_first() {
        let now = Instant::now();
        let later = now + PAUSE;
        let mut outbox = with(3);
        numbers(&mut outbox, now);
        assert!(!outbox.not_next(2, 1, now));
        outbox.push(3);
        assert!(numbers(&mut outbox, later).is_empty());
        outbox.postponed(1, now);
        outbox.not_next(3, 1, now);
        assert_eq!(numbers(&mut outbox, later), [1, 2, 3, 4]);
    }

    #[test]
    fn a_number_asked_for_twice_is_noticed() {
        let now = Instant::now();
        let mut outbox = with(2);
        numbers(&mut outbox, now);
        outbox.answered(1, true);
        assert!(outbox.not_next(2, 1, now));
    }

    #[test]
    fn refused_numbers_that_were_not_kept_are_used_again() {
        let now = Instant::now();
        let mut outbox = with(3);
        numbers(&mut outbox, now);
        outbox.answered(1, false);
        outbox.not_next(2, 1, now);
        outbox.not_next(3, 1, now);
        assert_eq!(numbers(&mut outbox, now + PAUSE), [1, 2]);
    }

    #[test]
    fn an_answer_given_again_finds_its_command() {
        let mut outbox = with(1);
        numbers(&mut outbox, Instant::now());
        outbox.answered(1, true);
        assert_eq!(outbox.recent(5).map(|due| due.n), Some(1));
        assert_eq!(outbox.answered(1, true), Some(0));
    }
}
