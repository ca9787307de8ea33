//! How far a client has got in one conversation, and what it saw on the way.

use std::time::{Duration, Instant};

use super::observed::{Entry, Transcript};

/// Attaching again without getting further, before what comes is taken as it is, for the checker to judge.
const TRIES: u32 = 20;
/// An unanswered attach is asked again after this.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const AGAIN: Duration = Duration::from_millis(200);

/// A client's place in a conversation.
#[derive(Debug)]
pub struct Place {
    conversation: String,
    observer: String,
    staff: bool,
    epoch: Option<u64>,
    /// The newest of all that was seen, in whatever transcript.
    newest: u64,
    state: State,
    current: Option<Transcript>,
    tries: u32,
    /// Whether the cursor is where the client was up to date, and not one that it chose.
    was_up_to_date: bool,
}

/// What an answer to an attach meant.
#[derive(Debug, Default)]
pub struct Attached {
    /// The transcript that ends with it.
    pub over: Option<Transcript>,
    /// For a client that had been up to date: whether it may go on, or has to load the history.
    pub resumed: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// An attach is due.
    Due(Instant),
    Asked(Instant),
    Following,
    /// The history has to be loaded.
    Lost,
    Left,
}

/// What came of some events.
#[derive(Debug, Default)]
pub struct Taken {
    pub new: u64,
    /// Texts of the new ones.
    pub texts: Vec<String>,
    pub repeats: u64,
    pub gap: bool,
    /// Something came again, and otherwise: kept for the checker.
    pub contradictions: Vec<Transcript>,
}

impl Place {
    /// Nothing is known yet.
    pub fn new(conversation: &str, observer: &str, staff: bool) -> Self {
        Self {
            conversation: conversation.to_owned(),
            observer: observer.to_owned(),
            staff,
            epoch: None,
            newest: 0,
            state: State::Due(Instant::now()),
            current: None,
            tries: 0,
            was_up_to_date: false,
        }
    }

    /// The cursor to attach with, if it is time to.
    pub fn due(&mut self, now: Instant) -> Option<Option<(u64, u64)>> {
        let is_due = match self.state {
            State::Due(at) => now >= at,
            State::Asked(at) => now > at + ANSWER_LIMIT,
            State::Following | State::Lost | State::Left => false,
        };
        if !is_due {
            return None;
        }
        self.state = State::Asked(now);
        Some(self.epoch.zip(self.rev()))
    }

    /// Whether a page of history has to be loaded.
    pub fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    /// Where the client stands; none while it is not following.
    pub fn position(&self) -> Option<u64> {
        (self.state == State::Following).then(|| self.rev()).flatten()
    }

    /// Whether the client has given it up.
    pub fn is_left(&self) -> bool {
        self.state == State::Left
    }

    fn rev(&self) -> Option<u64> {
        self.current.as_ref().map(|current| current.entries.last().map_or(current.from, |entry| entry.rev))
    }

    /// The last message that was seen; 0 before the first.
    pub fn seq(&self) -> u64 {
        let entries = self.current.iter().flat_map(|current| current.entries.iter().rev());
        entries.filter(|entry| entry.kind == "message").find_map(|entry| entry.seq).unwrap_or(0)
    }

    /// The connection broke, or an answer was an error: attach again, unless the history has to be loaded before.
    pub fn attach_again(&mut self, soon: bool) {
        if !matches!(self.state, State::Left | State::Lost) {
            self.state = State::Due(Instant::now() + if soon { Duration::ZERO } else { AGAIN });
        }
    }

    /// The client may not follow any more.
    pub fn leave(&mut self) -> Option<Transcript> {
        self.state = State::Left;
        self.was_up_to_date = false;
        self.current.take()
    }

    /// It may again.
    pub fn come_back(&mut self) {
        if self.state == State::Left {
            self.state = State::Due(Instant::now());
        }
    }

    /// Goes back to an older cursor: to the start, or to the middle. Gives the transcript that ends with it.
    pub fn go_back(&mut self, to_the_start: bool) -> Option<Transcript> {
        let back = if to_the_start { 0 } else { self.newest / 2 };
        self.was_up_to_date = false;
        let over = self.current.take();
        if self.epoch.is_some() {
            self.current = Some(self.transcript_from(back));
        }
        over
    }

    /// The answer to an attach.
    pub fn attached(&mut self, epoch: u64, rev: u64, recovered: bool) -> Attached {
        if self.state == State::Left {
            return Attached::default();
        }
        let first = self.epoch.is_none();
        if first {
            // Attached from now on; what was before is to be seen too.
            self.epoch = Some(epoch);
            self.current = Some(self.transcript_from(0));
            self.was_up_to_date = rev == 0;
            self.state = if rev == 0 { State::Following } else { State::Due(Instant::now()) };
            return Attached::default();
        }
        // Who asked without a cursor, because it left or lost its place, has missed what it does not know of.
        let goes_on = recovered && self.epoch == Some(epoch) && self.current.is_some();
        let was_up_to_date = std::mem::replace(&mut self.was_up_to_date, goes_on);
        let resumed = was_up_to_date.then_some(goes_on);
        if goes_on {
            self.state = State::Following;
            return Attached { over: None, resumed };
        }
        self.state = State::Lost;
        Attached { over: self.current.take(), resumed }
    }

    /// A page of the history was loaded: go on from its number.
    pub fn loaded(&mut self, epoch: u64, rev: u64) {
        self.epoch = Some(epoch);
        self.current = Some(self.transcript_from(rev));
        self.state = State::Due(Instant::now());
    }

    /// Takes events in.
    pub fn take(&mut self, epoch: u64, events: Vec<Entry>) -> Taken {
        let mut taken = Taken::default();
        let (State::Following, true) = (self.state, self.epoch == Some(epoch)) else { return taken };
        for event in events {
            if !self.take_one(event, &mut taken) {
                break;
            }
        }
        taken
    }

    /// False at a gap: the rest is of no use.
    fn take_one(&mut self, event: Entry, taken: &mut Taken) -> bool {
        let Some(rev) = self.rev() else { return false };
        if event.rev <= rev {
            taken.repeats += 1;
            taken.contradictions.extend(self.contradiction(event));
            return true;
        }
        if event.rev > rev + 1 && self.tries < TRIES {
            taken.gap = true;
            self.tries += 1;
            self.state = State::Due(Instant::now());
            return false;
        }
        self.tries = 0;
        self.newest = self.newest.max(event.rev);
        taken.new += 1;
        taken.texts.extend(event.text.clone());
        if let Some(current) = &mut self.current {
            current.entries.push(event);
        }
        true
    }

    fn contradiction(&self, event: Entry) -> Option<Transcript> {
        let known = self.current.as_ref()?.entries.iter().rev().find(|entry| entry.rev == event.rev)?;
        if *known == event {
            return None;
        }
        let mut odd = self.transcript_from(event.rev.saturating_sub(1));
        odd.observer.push_str(" (told again)");
        odd.entries.push(event);
        Some(odd)
    }

    /// What was seen last, at the end of everything.
    pub fn finish(self) -> Option<Transcript> {
        let to_the_end = self.state != State::Left;
        self.current.map(|current| Transcript { to_the_end, ..current })
    }

    fn transcript_from(&self, from: u64) -> Transcript {
        Transcript {
            observer: self.observer.clone(),
            conversation: self.conversation.clone(),
            staff: self.staff,
            from,
            entries: Vec::new(),
            to_the_end: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(rev: u64) -> Entry {
        Entry { rev, seq: None, kind: "session_opened".to_owned(), text: None, turn: None, print: rev.to_string() }
    }

    fn following() -> Place {
        let mut place = Place::new("s1", "me", false);
        assert_eq!(place.due(Instant::now()), Some(None));
        assert!(place.attached(1, 2, true).over.is_none());
        assert_eq!(place.due(Instant::now()), Some(Some((1, 0))));
        assert_eq!(place.attached(1, 2, true).resumed, None);
        place
    }

    #[test]
    fn events_are_taken_once_and_in_order() {
        let mut place = following();
        assert_eq!(place.take(1, vec![event(1), event(2)]).new, 2);
        let taken = place.take(1, vec![event(2), event(3)]);
        assert_eq!((taken.new, taken.repeats, taken.gap), (1, 1, false));
        assert_eq!(place.position(), Some(3));
    }

    #[test]
    fn who_has_to_load_the_history_does_so_even_if_the_connection_breaks_before() {
        let mut place = following();
        assert_eq!(place.take(1, vec![event(1)]).new, 1);
        assert_eq!(place.attached(1, 9, false).over.map(|over| over.entries.len()), Some(1));
        place.attach_again(true);
        assert!(place.is_lost());
        place.loaded(1, 9);
        assert_eq!(place.due(Instant::now()), Some(Some((1, 9))));
        place.attached(1, 9, true);
        assert_eq!((place.take(1, vec![event(10)]).new, place.position()), (1, Some(10)));
    }

    #[test]
    fn who_left_and_comes_back_loads_the_history() {
        let mut place = following();
        assert_eq!(place.take(1, vec![event(1)]).new, 1);
        assert!(place.leave().is_some());
        place.come_back();
        assert_eq!(place.due(Instant::now()), Some(None));
        assert_eq!(place.attached(1, 5, true).resumed, None);
        assert!(place.is_lost());
    }

    #[test]
    fn a_gap_is_asked_for_again() {
        let mut place = following();
        assert!(place.take(1, vec![event(1), event(3)]).gap);
        assert_eq!(place.position(), None);
        assert_eq!(place.due(Instant::now()), Some(Some((1, 1))));
    }

    #[test]
    fn a_gap_that_stays_is_kept_for_the_checker() {
        let mut place = following();
        for _ in 0..TRIES {
            assert!(place.take(1, vec![event(2)]).gap);
            place.due(Instant::now());
            place.attached(1, 2, true);
        }
        assert_eq!(place.take(1, vec![event(2)]).new, 1);
    }

    #[test]
    fn what_comes_again_and_otherwise_is_kept_for_the_checker() {
        let mut place = following();
        place.take(1, vec![event(1)]);
        let other = Entry { print: "other".to_owned(), ..event(1) };
        assert_eq!(place.take(1, vec![other]).contradictions.len(), 1);
    }

    #[test]
    fn after_a_loss_it_goes_on_from_the_page() {
        let mut place = following();
        place.take(1, vec![event(1)]);
        place.attach_again(true);
        place.due(Instant::now());
        let attached = place.attached(1, 90, false);
        assert!(attached.over.is_some());
        assert_eq!(attached.resumed, Some(false));
        assert!(place.is_lost());
        place.loaded(1, 90);
        assert_eq!(place.due(Instant::now()), Some(Some((1, 90))));
        assert_eq!(place.attached(1, 91, false).resumed, None, "it has loaded that history already");
    }

    #[test]
    fn only_who_was_up_to_date_resumes() {
        let mut place = following();
        place.attach_again(true);
        assert_eq!(place.attached(1, 2, true).resumed, Some(true));
        place.go_back(true);
        place.attach_again(true);
        assert_eq!(place.attached(1, 2, false).resumed, None);
    }
}
