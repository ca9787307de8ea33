//! The conversations of one log that this process follows, and how far.

use std::collections::HashMap;
use std::time::Duration;

use kefu_model::ids::TenantId;
use kefu_model::{ConversationId, Outcome};
use tokio::time::Instant;

use super::AttachRequest;
use crate::payload::AttachItemWire;
use crate::view::Cursor;

pub(super) type Key = (TenantId, ConversationId);

/// How often an unanswered attach is sent again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// Items in one attach message.
pub(super) const ATTACH_ITEMS: usize = 500;

/// An attach that waits for its answer.
pub(super) struct Waiting {
    pub(super) key: Key,
    pub(super) cursor: Option<Cursor>,
    /// The caller's token; none when the link attaches by itself.
    pub(super) asked_by: Option<u64>,
    asked_at: Instant,
    sent_at: Option<Instant>,
}

/// How far a conversation was handed on.
struct Followed {
    cursor: Cursor,
    /// The link attaches again; what comes before that answer is dropped.
    stale: bool,
}

/// What to do with an outcome.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Continuity {
    /// Hand it on.
    Next,
    /// Drop it: known already, not followed, or of before a re-attach.
    Drop,
    /// Something is missing: attach again.
    Hole,
}

/// All of them.
#[derive(Default)]
pub(super) struct Follows {
    followed: HashMap<Key, Followed>,
    /// To be told to the owner.
    detached: Vec<Key>,
    waiting: HashMap<u64, Waiting>,
    next_token: u64,
}

impl Follows {
    pub(super) fn is_empty(&self) -> bool {
        self.followed.is_empty() && self.waiting.is_empty()
    }

    pub(super) fn attach(&mut self, request: AttachRequest) {
        let key = (request.tenant, request.conversation);
        self.wait(key, request.cursor, Some(request.token));
    }

    pub(super) fn detach(&mut self, key: &Key) {
        self.followed.remove(key);
        self.waiting.retain(|_, waiting| &waiting.key != key);
        self.detached.push(key.clone());
    }

    /// Everything is attached again, each from where it stands.
    pub(super) fn reattach_all(&mut self) {
        let stale: Vec<(Key, Cursor)> = self
            .followed
            .iter_mut()
            .filter(|(_, followed)| !followed.stale)
            .map(|(key, followed)| {
                followed.stale = true;
                (key.clone(), followed.cursor)
            })
            .collect();
        for (key, cursor) in stale {
            self.wait(key, Some(cursor), None);
        }
        for waiting in self.waiting.values_mut() {
            waiting.sent_at = None;
        }
    }

    /// One conversation is attached again.
    pub(super) fn reattach(&mut self, key: &Key) {
        let Some(followed) = self.followed.get_mut(key).filter(|followed| !followed.stale) else { return };
        followed.stale = true;
        let cursor = followed.cursor;
        self.wait(key.clone(), Some(cursor), None);
    }

    fn wait(&mut self, key: Key, cursor: Option<Cursor>, asked_by: Option<u64>) {
        self.next_token += 1;
        let waiting = Waiting { key, cursor, asked_by, asked_at: Instant::now(), sent_at: None };
        self.waiting.insert(self.next_token, waiting);
    }

    /// Detaches and attaches to be sent now, at most [`ATTACH_ITEMS`] of each. No attach leaves before the last detach: an
    /// older detach of the same conversation would take it back.
    pub(super) fn due(&mut self) -> Vec<AttachItemWire> {
        let now = Instant::now();
        let left = self.detached.len().saturating_sub(ATTACH_ITEMS);
        let detached = self
            .detached
            .drain(left..)
            .map(|(tenant, conversation)| AttachItemWire::Detach(tenant.as_str().to_owned(), conversation.into()));
        let mut items: Vec<AttachItemWire> = detached.collect();
        if !self.detached.is_empty() {
            return items;
        }
        let attaches = self
            .waiting
            .iter_mut()
            .filter(|(_, waiting)| waiting.sent_at.is_none_or(|sent_at| now - sent_at > RETRY_AFTER))
            .take(ATTACH_ITEMS)
            .map(|(token, waiting)| {
                waiting.sent_at = Some(now);
                let (tenant, conversation) = &waiting.key;
                let cursor = waiting.cursor.map(|cursor| (cursor.epoch, cursor.rev));
                AttachItemWire::Attach(*token, tenant.as_str().to_owned(), (*conversation).into(), cursor)
            });
        items.extend(attaches);
        items
    }

    /// Callers' attaches that waited past the deadline.
    pub(super) fn give_up(&mut self, deadline: Duration) -> Vec<Waiting> {
        let late: Vec<u64> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.asked_by.is_some() && waiting.asked_at.elapsed() > deadline)
            .map(|(token, _)| *token)
            .collect();
        late.iter().filter_map(|token| self.waiting.remove(token)).collect()
    }

    /// The attach that was answered.
    pub(super) fn answered(&mut self, token: u64) -> Option<Waiting> {
        self.waiting.remove(&token)
    }

    /// A conversation stands here now.
    pub(super) fn stands(&mut self, key: &Key, cursor: Cursor, own: bool) {
        let followed = self.followed.entry(key.clone()).or_insert(Followed { cursor, stale: false });
        if own || !followed.stale {
            *followed = Followed { cursor, stale: false };
        }
    }

    /// Whether an outcome is the next one of its conversation; if so it counts as handed on.
    pub(super) fn continues(&mut self, key: &Key, epoch: u64, outcome: &Outcome) -> Continuity {
        let Some(followed) = self.followed.get_mut(key) else {
            return Continuity::Drop;
        };
        let first = outcome.events().iter().find(|numbered| numbered.event.takes_rev()).map(|numbered| numbered.rev);
        if followed.stale || (epoch, outcome.rev) < (followed.cursor.epoch, followed.cursor.rev) {
            return Continuity::Drop;
        }
        match first {
            None if (epoch, outcome.rev) == (followed.cursor.epoch, followed.cursor.rev) => Continuity::Next,
            None => Continuity::Hole,
            Some(first) if epoch == followed.cursor.epoch && first == followed.cursor.rev + 1 => {
                followed.cursor.rev = outcome.rev;
                Continuity::Next
            }
            Some(first) if epoch == followed.cursor.epoch && first <= followed.cursor.rev => Continuity::Drop,
            Some(_) => Continuity::Hole,
        }
    }
}
