//! An owner of one conversation that decides for real and delivers what it is told to.

use std::sync::Arc;

use bytes::Bytes;
use kefu_model::command::Answer;
use kefu_model::conversation::{Decision, Prior, decide};
use kefu_model::{At, Command, Conversation};
use tokio::time::timeout;

use super::{EDGE, LOG, PATIENCE, conversation, tenant, visitor};
use crate::broker::{Broker, subject};
use crate::codec;
use crate::delivery::{Deliveries, FollowItem, Inbound, Item};
use crate::notice::Notice;
use crate::payload::{self, EnvelopeWire, HeartbeatWire, OwnedWire};
use crate::transport::{CoreEvent, StreamReader, Subscription};
use crate::view::Cursor;

pub(super) struct FakeOwner {
    broker: Broker,
    deliveries: Deliveries,
    messages: Box<dyn Subscription>,
    inbox: Box<dyn StreamReader>,
    edge: Arc<str>,
    generation: u64,
    pub(super) state: Conversation,
    /// Encoded outcomes with the `rev` after each.
    pub(super) log: Vec<(u64, Bytes)>,
}

impl FakeOwner {
    pub(super) async fn new(broker: &Broker, generation: u64) -> Self {
        let mut deliveries = Deliveries::new(broker.clone(), LOG);
        deliveries.begin(generation);
        Self {
            broker: broker.clone(),
            deliveries,
            messages: broker.transport().subscribe(&subject::attach(LOG)).await.unwrap(),
            inbox: broker.read_in(LOG, 1).await.unwrap(),
            edge: EDGE.into(),
            generation,
            state: Conversation::absent(tenant(), conversation()),
            log: Vec::new(),
        }
    }

    pub(super) fn broker(&self) -> &Broker {
        &self.broker
    }

    /// The next owner, which knows what this one knew.
    pub(super) fn succeed(&mut self) {
        self.generation += 1;
        self.deliveries = Deliveries::new(self.broker.clone(), LOG);
        self.deliveries.begin(self.generation);
    }

    /// The next envelope's commands.
    pub(super) async fn commands(&mut self) -> Vec<(u64, Command)> {
        let record = timeout(PATIENCE, self.inbox.next()).await.expect("an envelope in time").unwrap();
        let envelope: EnvelopeWire = payload::decode(&record.payload).unwrap();
        assert_eq!(envelope.from.as_ref(), EDGE);
        envelope.items.iter().map(|(token, bytes)| (*token, codec::decode_command(bytes).unwrap())).collect()
    }

    /// Whether another envelope is there already.
    pub(super) async fn has_commands(&mut self) -> bool {
        let until = tokio::time::Instant::now() + std::time::Duration::from_millis(300);
        tokio::time::timeout_at(until, self.inbox.next()).await.is_ok()
    }

    /// The next message that attaches or detaches something.
    pub(super) async fn follows(&mut self) -> Vec<FollowItem> {
        loop {
            let event = timeout(PATIENCE, self.messages.next()).await.expect("a message in time");
            let Some(CoreEvent::Message(message)) = event else { panic!("{event:?}") };
            let Ok(Inbound::Follow { edge, items }) = Inbound::read(message) else { panic!("no attach") };
            assert_eq!(&*edge, EDGE);
            if !items.is_empty() {
                return items;
            }
        }
    }

    /// The next attach, which has to be the only one: its token and cursor.
    pub(super) async fn attach(&mut self) -> (u64, Option<Cursor>) {
        let items = self.follows().await;
        match &items[..] {
            [FollowItem::Attach { token, conversation: of, cursor, .. }] if *of == conversation() => (*token, *cursor),
            _ => panic!("{} items", items.len()),
        }
    }

    /// Decides and writes down; tells nobody yet.
    pub(super) fn decide(&mut self, command: &Command) -> Answer {
        let now = At(1_000 + self.state.rev);
        let Decision::Record(outcome) = decide(&self.state, Prior::None, command, now) else { panic!("it is new") };
        self.state.apply(&outcome).unwrap();
        self.log.push((outcome.rev, codec::encode_outcome(&outcome)));
        outcome.answer()
    }

    pub(super) async fn push(&mut self, item: Item<'_>) {
        let edge = self.edge.clone();
        self.deliveries.push(&edge, item).await;
    }

    pub(super) async fn flush(&mut self) {
        self.deliveries.flush().await;
    }

    /// Answers an attach: with what is missing behind the cursor, or without if it is to look too old.
    pub(super) async fn attached(&mut self, token: u64, cursor: Option<Cursor>, recovered: bool) {
        let after = cursor.map_or(u64::MAX, |cursor| cursor.rev);
        let missed = if recovered {
            self.log.iter().filter(|(rev, _)| *rev > after).map(|(_, bytes)| bytes.clone()).collect()
        } else {
            Vec::new()
        };
        let state = self.state.clone();
        self.push(Item::Attached { token, state: &state, recovered, missed }).await;
        self.flush().await;
    }

    /// Delivers the last outcome.
    pub(super) async fn deliver(&mut self) {
        let bytes = self.log.last().unwrap().1.clone();
        self.push(Item::Outcome(&bytes)).await;
        self.flush().await;
    }

    /// Tells all edges of a newcomer.
    pub(super) async fn announce(&mut self) {
        let (tenant, user, conversation) = (tenant(), visitor(), conversation());
        self.deliveries.notify(&Notice::Added { tenant, user, conversation }).await;
    }

    pub(super) async fn beat(&self, lag_records: u64) {
        let owned = OwnedWire {
            log: LOG.to_string(),
            generation: self.generation,
            ordinal: 1,
            position: lag_records,
            archived: 0,
            numbers: self.deliveries.numbers(),
        };
        let beat = HeartbeatWire {
            worker: "w".to_owned(),
            kinds: Vec::new(),
            bye: false,
            owned: vec![owned],
            holds: Vec::new(),
            leaving: false,
            listens: false,
        };
        self.broker.transport().publish(subject::HEARTBEAT, payload::encode(&beat)).await.unwrap();
    }
}
