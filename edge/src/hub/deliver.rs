//! Delivering outcomes: applied once, encoded once per view.

use std::sync::Arc;

use bytes::Bytes;
use kefu_model::conversation::{View, sees};
use kefu_model::{Conversation, ConversationId, Event, Identity, Outcome, TenantId, User, UserKind};

use super::followed::{Followed, Subscriber};
use super::{Hub, Key};
use crate::frame::{self, Codec, ServerFrame, WireEvent};
use crate::machine::Joining;

/// Events in one frame; a view of them fits a `u64`.
const CHUNK: usize = 64;

/// What makes two receivers' frames the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Class {
    codec: Codec,
    kind: UserKind,
    /// Events at the start that the receiver has.
    skipped: usize,
    /// A bit for each event that it sees.
    seen: u64,
}

/// A member's marks after a batch.
struct Marks<'a> {
    user: &'a User,
    read: u64,
    delivered: u64,
}

impl Hub {
    /// New outcomes of a followed conversation.
    pub(super) fn outcomes(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        epoch: u64,
        outcomes: &[Arc<Outcome>],
    ) {
        let key = (tenant, conversation);
        let mut shard = self.shard(conversation).lock();
        let Some(followed) = shard.get_mut(&key) else { return };
        followed.keep(outcomes, self.limits.attach_backlog);
        self.deliver(&key, followed, epoch, outcomes);
    }

    /// Applies outcomes and shows them to everyone who follows.
    pub(super) fn deliver(&self, key: &Key, followed: &mut Followed, epoch: u64, outcomes: &[Arc<Outcome>]) {
        let Some(live) = followed.live.as_mut().filter(|live| live.epoch == epoch) else { return };
        let mut events = Vec::new();
        let mut marks: Vec<Marks<'_>> = Vec::new();
        let mut hole = false;
        'outcomes: for outcome in outcomes {
            for numbered in outcome.events() {
                if numbered.event.takes_rev() && numbered.rev <= live.conversation.rev {
                    continue;
                }
                if live.conversation.apply_event(numbered, outcome.at).is_err() {
                    hole = true;
                    break 'outcomes;
                }
                match &numbered.event {
                    Event::Marked { user, .. } => note_marks(&mut marks, user, &live.conversation),
                    _ => events.push(WireEvent { outcome, numbered }),
                }
            }
        }
        live.conversation.editable.clear();
        for chunk in events.chunks(CHUNK) {
            self.show(epoch, &live.conversation, &mut followed.subscribers, chunk);
        }
        for marks in &marks {
            self.show_marks(&live.conversation, &followed.subscribers, marks);
        }
        if hole {
            self.resync(key, followed);
        }
    }

    fn show(&self, epoch: u64, conversation: &Conversation, subscribers: &mut [Subscriber], events: &[WireEvent<'_>]) {
        let Some(last) = events.last() else { return };
        let mut encoded: Vec<(Class, Bytes)> = Vec::new();
        for subscriber in subscribers {
            let connection = &subscriber.connection;
            let Some(joining) = connection.joined() else { continue };
            let skipped = events.iter().take_while(|event| event.numbered.rev <= subscriber.last_rev).count();
            if skipped == events.len() {
                continue;
            }
            subscriber.last_rev = last.numbered.rev;
            let class = Class {
                codec: connection.codec,
                kind: joining.caller.user.kind,
                skipped,
                seen: seen_bits(conversation, joining, events),
            };
            let known = encoded.iter().find(|(other, _)| *other == class);
            let own = events.iter().any(|event| is_own(event, joining));
            let frame = match known {
                Some((_, frame)) if !own => frame.clone(),
                _ => {
                    let events = events[skipped..].iter().map(|event| shown(event, conversation, joining)).collect();
                    let frame = ServerFrame::Deliver { conversation: conversation.id.to_string(), epoch, events };
                    self.metrics.frames_encoded.inc();
                    class.codec.encode(&frame)
                }
            };
            if !own && known.is_none() {
                encoded.push((class, frame.clone()));
            }
            connection.push(frame);
        }
    }

    /// Marks go to members who are in, and to overseers who follow.
    fn show_marks(&self, conversation: &Conversation, subscribers: &[Subscriber], marks: &Marks<'_>) {
        let frame = ServerFrame::Marks {
            conversation: conversation.id.to_string(),
            user: marks.user.into(),
            read: marks.read,
            delivered: marks.delivered,
        };
        let mut shared = Shared::new(&frame);
        for subscriber in subscribers {
            if subscriber.connection.joined().is_some_and(|joining| is_present(conversation, joining)) {
                subscriber.connection.push(shared.encoded(subscriber.connection.codec));
            }
        }
    }
}

/// A frame that is encoded at most once per codec.
pub(super) struct Shared<'a> {
    frame: &'a ServerFrame,
    json: Option<Bytes>,
    msgpack: Option<Bytes>,
}

impl<'a> Shared<'a> {
    pub(super) fn new(frame: &'a ServerFrame) -> Self {
        Self { frame, json: None, msgpack: None }
    }

    pub(super) fn encoded(&mut self, codec: Codec) -> Bytes {
        let slot = match codec {
            Codec::Json => &mut self.json,
            Codec::Msgpack => &mut self.msgpack,
        };
        slot.get_or_insert_with(|| codec.encode(self.frame)).clone()
    }
}

/// Only the last of a member's marks in a batch is shown.
fn note_marks<'a>(marks: &mut Vec<Marks<'a>>, user: &'a User, conversation: &Conversation) {
    let Some(member) = conversation.members.get(user) else { return };
    marks.retain(|other| other.user != user);
    marks.push(Marks { user, read: member.read, delivered: member.delivered });
}

/// Whether somebody is in a conversation now, or oversees it.
pub(super) fn is_present(conversation: &Conversation, joining: &Joining) -> bool {
    let caller = &joining.caller;
    conversation.has_active(&caller.user) || View::of(conversation, &caller.user, caller.role).oversees
}

fn seen_bits(conversation: &Conversation, joining: &Joining, events: &[WireEvent<'_>]) -> u64 {
    let view = View::of(conversation, &joining.caller.user, joining.caller.role);
    events.iter().enumerate().fold(0, |bits, (index, event)| {
        let seen = sees(view, event.numbered.rev, event.numbered.event.audience());
        bits | u64::from(seen) << index
    })
}

fn is_own(event: &WireEvent<'_>, joining: &Joining) -> bool {
    let sent_by = match &event.outcome.identity {
        Some(Identity::Device { device, .. }) => device,
        _ => return false,
    };
    matches!(event.numbered.event, Event::Message { .. }) && *sent_by == joining.internal_device
}

/// An event as one connection sees it.
pub(super) fn shown(event: &WireEvent<'_>, conversation: &Conversation, joining: &Joining) -> frame::Event {
    let caller = &joining.caller;
    let view = View::of(conversation, &caller.user, caller.role);
    if !sees(view, event.numbered.rev, event.numbered.event.audience()) {
        return event.hidden();
    }
    let device = is_own(event, joining).then(|| joining.device.as_str());
    event.shown(caller.user.kind, device)
}
