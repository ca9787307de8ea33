//! Attaching: the answer, what was missed, and from then on everything.
//!
//! Why nothing falls between: a connection waits under the shard's lock from before its request is sent. Outcomes that
//! come meanwhile are kept in the backlog. The answer's events and the backlog are joined by `rev`; only if together they
//! reach from the client's cursor to the head without a hole does the client hear `recovered: true`. It becomes a
//! subscriber, from the head on, under the same lock.

use std::sync::Arc;

use bytes::Bytes;
use kefu_model::{Conversation, ConversationId, Outcome, Refusal, TenantId};
use kefu_nats::link::AttachRequest;
use kefu_nats::view::{Cursor, Snapshot};

use super::followed::{Followed, LiveState, Waiting, may_follow};
use super::{Hub, Key};
use crate::connection::Connection;
use crate::frame::{Attached, AttachedState, ServerFrame, WireEvent, members_of, session_of};
use crate::machine::Following;

/// Events in one `deliver` frame of an attach.
const EVENTS_PER_FRAME: usize = 200;

impl Hub {
    /// Attaches conversations for a connection.
    pub(crate) fn attach(&self, connection: &Arc<Connection>, id: u64, items: Vec<Following>) {
        let Some(joining) = connection.joined() else { return };
        let tenant = &joining.caller.tenant;
        let mut requests = Vec::new();
        for item in items {
            if !self.may_follow_more(connection, item.conversation) {
                connection.send(&refused(id, item.conversation, Refusal::Overloaded));
                continue;
            }
            requests.extend(self.attach_one(connection, tenant, id, &item));
        }
        if !requests.is_empty() {
            self.upstream.attach(requests);
        }
    }

    /// Follows conversations for who may come for them; who does not come in a while is not waited for.
    pub(crate) fn follow(&self, keys: &[Key]) {
        let requests: Vec<_> = keys.iter().filter_map(|key| self.follow_one(key)).collect();
        if !requests.is_empty() {
            self.upstream.attach(requests);
        }
    }

    fn follow_one(&self, key: &Key) -> Option<AttachRequest> {
        let mut shard = self.shard(key.1).lock();
        if shard.contains_key(key) {
            return None;
        }
        shard.insert(key.clone(), Box::new(Followed::new()));
        let (tenant, conversation) = key.clone();
        Some(AttachRequest { token: self.token(), tenant, conversation, cursor: None })
    }

    fn may_follow_more(&self, connection: &Connection, conversation: ConversationId) -> bool {
        let mut followed = connection.followed().lock();
        if followed.len() >= self.limits.followed_per_connection && !followed.contains(conversation) {
            return false;
        }
        followed.insert(conversation);
        true
    }

    /// Answers from what is known here, or says what to ask.
    fn attach_one(
        &self,
        connection: &Arc<Connection>,
        tenant: &TenantId,
        id: u64,
        item: &Following,
    ) -> Option<AttachRequest> {
        let key = (tenant.clone(), item.conversation);
        let mut shard = self.shard(item.conversation).lock();
        let followed = shard.entry(key).or_insert_with(|| Box::new(Followed::new()));
        followed.remove(connection.number);
        // Who may not follow it as it is known here may have come in meanwhile: the owner knows.
        let at_head = followed.live.as_ref().filter(|live| {
            let head = (live.epoch, live.conversation.rev);
            let may =
                connection.joined().is_some_and(|joining| may_follow(&joining.caller, &live.conversation).is_ok());
            may && followed.resync.is_none() && item.cursor.is_none_or(|cursor| cursor == head)
        });
        if let Some(live) = at_head {
            let head = live.conversation.rev;
            connection.send(&answer(connection, id, live.epoch, &live.conversation, true));
            self.subscribe(tenant, followed, Arc::clone(connection), head);
            return None;
        }
        let token = self.token();
        let waiting = Waiting { token, connection: Arc::clone(connection), id, cursor: item.cursor };
        followed.waiting.push(waiting);
        Some(AttachRequest {
            token,
            tenant: tenant.clone(),
            conversation: item.conversation,
            cursor: item.cursor.map(|(epoch, rev)| Cursor { epoch, rev }),
        })
    }

    /// The link's answer to an attach.
    pub(super) fn attached(
        &self,
        token: u64,
        tenant: TenantId,
        snapshot: &Arc<Snapshot>,
        recovered: bool,
        missed: &[Arc<Outcome>],
    ) {
        let key = (tenant, snapshot.conversation.id);
        let mut shard = self.shard(key.1).lock();
        let Some(followed) = shard.get_mut(&key) else { return };
        self.advance(&key, followed, token, snapshot, recovered, missed);
        if let Some(waiting) = followed.take_waiting(token) {
            self.settle(&key.0, followed, waiting, snapshot, recovered, missed);
        }
        if followed.waiting.is_empty() {
            followed.backlog = Vec::new();
        }
    }

    /// Brings those who follow already to where the answer stands, if it is ahead of what they got.
    fn advance(
        &self,
        key: &Key,
        followed: &mut Followed,
        token: u64,
        snapshot: &Arc<Snapshot>,
        recovered: bool,
        missed: &[Arc<Outcome>],
    ) {
        let own = followed.resync == Some(token);
        if own {
            followed.resync = None;
        }
        let Some(live) = &followed.live else {
            followed.live = Some(light(snapshot));
            return;
        };
        let (epoch, rev) = (live.epoch, live.conversation.rev);
        if epoch == snapshot.epoch && rev >= snapshot.conversation.rev {
            return;
        }
        let first = missed.iter().flat_map(|outcome| outcome.events()).find(|event| event.event.takes_rev());
        if epoch == snapshot.epoch && recovered && first.is_some_and(|first| first.rev <= rev + 1) {
            self.deliver(key, followed, epoch, missed);
        } else if own || followed.subscribers.is_empty() || epoch != snapshot.epoch {
            self.start_over(followed, snapshot);
        } else {
            self.resync(key, followed);
        }
    }

    /// Asks for what is missing between the followers' head and the owner's.
    pub(super) fn resync(&self, key: &Key, followed: &mut Followed) {
        let Some(live) = followed.live.as_ref().filter(|_| followed.resync.is_none()) else { return };
        let cursor = Cursor { epoch: live.epoch, rev: live.conversation.rev };
        let token = self.token();
        followed.resync = Some(token);
        let (tenant, conversation) = key.clone();
        self.upstream.attach(vec![AttachRequest { token, tenant, conversation, cursor: Some(cursor) }]);
    }

    /// Continuity was lost: everyone is told to load a page.
    pub(super) fn reset(&self, tenant: TenantId, snapshot: &Arc<Snapshot>) {
        let key = (tenant, snapshot.conversation.id);
        let mut shard = self.shard(key.1).lock();
        let Some(followed) = shard.get_mut(&key) else { return };
        followed.resync = None;
        self.start_over(followed, snapshot);
    }

    fn start_over(&self, followed: &mut Followed, snapshot: &Arc<Snapshot>) {
        for subscriber in &mut followed.subscribers {
            subscriber.last_rev = snapshot.conversation.rev;
            let frame = answer(&subscriber.connection, 0, snapshot.epoch, &snapshot.conversation, false);
            subscriber.connection.send(&frame);
        }
        followed.live = Some(light(snapshot));
    }

    /// Tells one who waited how it stands, and lets them follow.
    fn settle(
        &self,
        tenant: &TenantId,
        followed: &mut Followed,
        waiting: Waiting,
        snapshot: &Arc<Snapshot>,
        recovered: bool,
        missed: &[Arc<Outcome>],
    ) {
        let Waiting { connection, id, cursor, .. } = waiting;
        let ahead = followed
            .live
            .as_ref()
            .filter(|live| live.epoch == snapshot.epoch && live.conversation.rev > snapshot.conversation.rev);
        let head = ahead.map_or(&snapshot.conversation, |live| &live.conversation);
        let frames = match cursor {
            None => Some(Vec::new()),
            Some((_, rev)) if recovered => {
                missed_frames(&connection, snapshot.epoch, head, rev, missed, &followed.backlog)
            }
            Some(_) => None,
        };
        let frame = answer(&connection, id, snapshot.epoch, head, frames.is_some());
        let ServerFrame::Attached { items, .. } = &frame else { return };
        let is_followed = is_state(items);
        connection.send(&frame);
        if !is_followed {
            connection.followed().lock().remove(head.id);
            return;
        }
        for frame in frames.unwrap_or_default() {
            connection.push(frame);
        }
        let last_rev = head.rev;
        self.subscribe(tenant, followed, connection, last_rev);
    }

    /// The link could not attach.
    pub(super) fn attach_failed(&self, token: u64, tenant: TenantId, conversation: ConversationId, refusal: Refusal) {
        let key = (tenant, conversation);
        let mut shard = self.shard(conversation).lock();
        let Some(followed) = shard.get_mut(&key) else { return };
        if followed.resync == Some(token) {
            followed.resync = None;
            self.resync(&key, followed);
        }
        if let Some(waiting) = followed.take_waiting(token) {
            waiting.connection.followed().lock().remove(conversation);
            waiting.connection.send(&refused(waiting.id, conversation, refusal));
        }
        if followed.is_unknown() {
            shard.remove(&key);
        }
    }
}

/// What was missed, as frames; none if it has a hole or is too much for the connection's queue.
fn missed_frames(
    connection: &Connection,
    epoch: u64,
    head: &Conversation,
    cursor_rev: u64,
    missed: &[Arc<Outcome>],
    backlog: &[Arc<Outcome>],
) -> Option<Vec<Bytes>> {
    let joining = connection.joined()?;
    let mut events = Vec::new();
    let mut next = cursor_rev + 1;
    for outcome in missed.iter().chain(backlog) {
        for numbered in outcome.events() {
            if numbered.event.takes_rev() && numbered.rev == next && next <= head.rev {
                events.push(WireEvent { outcome, numbered });
                next += 1;
            }
        }
    }
    if next != head.rev + 1 {
        return None;
    }
    let frames: Vec<Bytes> = events
        .chunks(EVENTS_PER_FRAME)
        .map(|events| {
            let events = events.iter().map(|event| super::deliver::shown(event, head, joining)).collect();
            let conversation = head.id.to_string();
            connection.codec.encode(&ServerFrame::Deliver { conversation, epoch, events })
        })
        .collect();
    let bytes = frames.iter().map(Bytes::len).sum();
    connection.mailbox.has_room_for(bytes).then_some(frames)
}

/// The answer to an attach, or that it may not be.
fn answer(connection: &Connection, id: u64, epoch: u64, conversation: &Conversation, recovered: bool) -> ServerFrame {
    let Some(joining) = connection.joined() else { return refused(id, conversation.id, Refusal::NotAMember) };
    if let Err(refusal) = may_follow(&joining.caller, conversation) {
        return refused(id, conversation.id, refusal);
    }
    let state = AttachedState {
        conversation: conversation.id.to_string(),
        epoch,
        rev: conversation.rev,
        seq: conversation.seq,
        recovered,
        members: members_of(conversation),
        session: session_of(conversation),
    };
    ServerFrame::Attached { id, items: vec![Attached::State(state)] }
}

fn is_state(items: &[Attached]) -> bool {
    matches!(items, [Attached::State(_)])
}

fn refused(id: u64, conversation: ConversationId, refusal: Refusal) -> ServerFrame {
    let conversation = conversation.to_string();
    ServerFrame::Attached { id, items: vec![Attached::Error { conversation, error: refusal.code() }] }
}

fn light(snapshot: &Snapshot) -> LiveState {
    LiveState { epoch: snapshot.epoch, conversation: snapshot.conversation.without_editable() }
}
