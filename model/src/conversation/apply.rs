//! `apply`: a fact changes the state. Nothing is decided here.

use super::{Conversation, EditableMessage, Interval, Member, Session, SessionStatus};
use crate::event::{Audience, Event, Numbered, Outcome};
use crate::ids::{At, ConversationKind, Name, User, UserKind};
use crate::limits::{EDIT_WINDOW_MS, EDITABLE_MESSAGES, INTERVALS};

/// An outcome that does not follow from the state: the log and the state do not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("event with rev {found_rev} and seq {found_seq} does not follow rev {rev} and seq {seq}")]
pub struct ApplyError {
    /// The state's `rev`.
    pub rev: u64,
    /// The state's `seq`.
    pub seq: u64,
    /// The event's `rev`.
    pub found_rev: u64,
    /// The event's `seq`.
    pub found_seq: u64,
}

impl Conversation {
    /// Applies an outcome of this conversation. The state is unchanged after an error in the first event.
    ///
    /// # Errors
    /// [`ApplyError`] when an event's numbers do not follow the state's.
    pub fn apply(&mut self, outcome: &Outcome) -> Result<(), ApplyError> {
        for numbered in outcome.events() {
            self.apply_event(numbered, outcome.at)?;
        }
        Ok(())
    }

    /// Applies one event that happened at that time.
    ///
    /// # Errors
    /// [`ApplyError`] when its numbers do not follow the state's.
    pub fn apply_event(&mut self, numbered: &Numbered, at: At) -> Result<(), ApplyError> {
        let expected_rev = self.rev + u64::from(numbered.event.takes_rev());
        let expected_seq = self.seq + u64::from(numbered.event.takes_seq());
        if numbered.rev != expected_rev || numbered.seq != expected_seq {
            return Err(ApplyError { rev: self.rev, seq: self.seq, found_rev: numbered.rev, found_seq: numbered.seq });
        }
        self.rev = expected_rev;
        self.seq = expected_seq;
        if numbered.event.takes_rev() {
            self.updated_at = at;
        }
        self.absorb(&numbered.event, at);
        Ok(())
    }

    fn absorb(&mut self, event: &Event, at: At) {
        match event {
            Event::Created { members } => {
                for (user, name) in members {
                    self.enter(user, name.clone(), self.rev);
                }
            }
            Event::Message { by, audience, .. } => self.absorb_message(by.as_ref(), *audience, at),
            Event::Edited { .. } => {}
            Event::Recalled { message, .. } => {
                if let Some(editable) = self.editable.iter_mut().find(|editable| editable.seq == *message) {
                    editable.recalled = true;
                }
            }
            Event::Marked { user, read, delivered } => self.raise_marks(user, *read, *delivered),
            Event::MemberAdded { user } => self.add(user),
            Event::MemberRemoved { user } => self.leave(user),
            _ => self.absorb_session(event, at),
        }
    }

    fn absorb_session(&mut self, event: &Event, at: At) {
        match event {
            Event::SessionOpened { session } => {
                self.session = Some(Session {
                    ordinal: *session,
                    status: SessionStatus::Waiting,
                    opened_at: at,
                    queued_rev: self.rev,
                    agent: None,
                    assigned_at: None,
                    ended_at: None,
                    ended_by: None,
                    rating: None,
                });
            }
            Event::SessionQueued { .. } => {
                self.agent_leaves();
                let rev = self.rev;
                if let Some(session) = &mut self.session {
                    session.status = SessionStatus::Waiting;
                    session.queued_rev = rev;
                    session.agent = None;
                }
            }
            Event::SessionAssigned { agent, name, .. } | Event::SessionTransferred { agent, name, .. } => {
                // Whoever served last follows the conversation, to its rating and beyond, until another agent has it.
                self.staff_leaves(agent);
                self.enter(agent, name.clone(), 1);
                if let Some(session) = &mut self.session {
                    session.status = SessionStatus::Active;
                    session.agent = Some(agent.clone());
                    session.assigned_at = Some(at);
                }
            }
            Event::SessionEnded { by, .. } => {
                if let Some(session) = &mut self.session {
                    session.status = SessionStatus::Ended;
                    session.ended_at = Some(at);
                    session.ended_by.clone_from(by);
                }
            }
            Event::SessionRated { score, .. } => {
                if let Some(session) = &mut self.session {
                    session.rating = Some(*score);
                }
            }
            _ => {}
        }
    }

    fn absorb_message(&mut self, by: Option<&User>, audience: Audience, at: At) {
        if audience == Audience::Staff {
            return;
        }
        while self.editable.front().is_some_and(|oldest| at.millis_since(oldest.at) > EDIT_WINDOW_MS)
            || self.editable.len() >= EDITABLE_MESSAGES
        {
            self.editable.pop_front();
        }
        self.editable.push_back(EditableMessage { seq: self.seq, by: by.cloned(), at, recalled: false });
        if let Some(user) = by {
            self.raise_marks(user, self.seq, self.seq);
        }
    }

    fn raise_marks(&mut self, user: &User, read: u64, delivered: u64) {
        if let Some(member) = self.members.get_mut(user) {
            member.read = member.read.max(read);
            member.delivered = member.delivered.max(delivered).max(member.read);
        }
    }

    fn add(&mut self, user: &User) {
        let support = self.id.kind() == ConversationKind::Support;
        let visitor = self.customer().filter(|_| support && user.kind == UserKind::Customer);
        let marks = visitor.and_then(|visitor| self.members.get(visitor)).map(|member| (member.read, member.delivered));
        let from = self.first_visible();
        self.enter(user, None, from);
        // Who a visitor turned out to be has read what the visitor read.
        if let (Some((read, delivered)), Some(person)) = (marks, self.members.get_mut(user)) {
            (person.read, person.delivered) = (read, delivered);
        }
    }

    /// Rooms show a new member what comes from now on; the others their whole past.
    fn first_visible(&self) -> u64 {
        if self.id.kind() == ConversationKind::Room { self.rev } else { 1 }
    }

    fn enter(&mut self, user: &User, name: Option<Name>, from: u64) {
        let seq = self.seq;
        let member = self.members.entry(user.clone()).or_insert_with(|| Member {
            name: None,
            intervals: Vec::new(),
            read: seq,
            delivered: seq,
        });
        if name.is_some() {
            member.name = name;
        }
        if member.is_active() {
            return;
        }
        member.read = seq;
        member.delivered = seq;
        member.intervals.retain(|interval| interval.from < from);
        member.intervals.push(Interval { from, until: None });
        if member.intervals.len() > INTERVALS {
            let second = member.intervals.remove(1);
            member.intervals[0].until = second.until;
        }
    }

    fn leave(&mut self, user: &User) {
        let rev = self.rev;
        if let Some(interval) = self.members.get_mut(user).and_then(|member| member.intervals.last_mut())
            && interval.until.is_none()
        {
            interval.until = Some(rev);
        }
    }

    fn agent_leaves(&mut self) {
        if let Some(agent) = self.session.as_ref().and_then(|session| session.agent.clone()) {
            self.leave(&agent);
        }
    }

    fn staff_leaves(&mut self, but: &User) {
        let is_staff = |user: &&User| user.kind == UserKind::Agent && *user != but;
        let staff: Vec<User> = self.members.keys().filter(is_staff).cloned().collect();
        for user in staff {
            self.leave(&user);
        }
    }
}
