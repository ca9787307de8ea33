//! A log, an inbox, a store, owners and clients. Each method is one thing that can happen.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use kefu_model::reader::LogCursor;
use kefu_model::{At, Command, ConversationId, Identity};

use super::Mutation;
use super::clients::Client;
use super::domain::{Ask, Chats, IdentityName, Told};
use super::shelf::Shelf;
use crate::codec;
use crate::engine::{Before, Counted, Domain as _, Effect, Limits, Lost, Owner, Route, Row, Want};
use crate::payload::{self, RecordWire};

/// What becomes of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Fate {
    /// Stored, and answered at some time.
    Stored,
    /// Not stored; the owner learns that nobody knows.
    Lost,
    /// Stored; the owner learns that nobody knows.
    StoredUnknown,
    /// The owner learns that nobody knows; it is stored later, or never.
    StoredLate,
    /// Stored and never answered.
    StoredSilently,
    /// Stored twice, answered with the first position.
    StoredTwice,
}

pub(super) struct Node {
    pub(super) owner: Option<Owner<Chats>>,
    /// The last position read.
    pub(super) read: u64,
    pub(super) appends: VecDeque<(u64, Bytes)>,
    pub(super) acks: Vec<(u64, Option<u64>)>,
    pub(super) loads: Vec<Load>,
    /// The next envelope; none while IN is not read.
    in_next: Option<u64>,
    in_life: u64,
    /// How far its clock is ahead, in milliseconds.
    pub(super) skew: u64,
    /// Why its last owner ended.
    pub(super) lost: Option<Lost>,
    stopping: bool,
}

pub(super) struct Load {
    id: ConversationId,
    want: Want<IdentityName>,
    /// What the store said, once it was asked.
    row: Option<Row<Chats>>,
}

type Envelope = (usize, Vec<usize>);

pub(super) struct World {
    pub(super) mutation: Mutation,
    pub(super) now: u64,
    pub(super) log: Vec<Bytes>,
    /// Appends that may still be stored, of nobody who waits for them.
    pub(super) limbo: Vec<Bytes>,
    pub(super) nodes: Vec<Node>,
    pub(super) inbox: Vec<Envelope>,
    in_life: u64,
    pub(super) store: Shelf,
    pub(super) checkpoint: LogCursor,
    pub(super) clients: Vec<Client>,
    /// Outcomes delivered, with the position of their record.
    pub(super) delivered: Vec<(u64, Vec<Bytes>)>,
    /// States told.
    pub(super) seen: Vec<(ConversationId, u64, u64)>,
    pub(super) claims: u64,
    pub(super) limits: Limits,
}

impl World {
    pub(super) fn new(nodes: usize, clients: Vec<Client>, mutation: Mutation) -> Self {
        let node = |_| Node {
            owner: None,
            read: 0,
            appends: VecDeque::new(),
            acks: Vec::new(),
            loads: Vec::new(),
            in_next: None,
            in_life: 0,
            skew: 0,
            lost: None,
            stopping: false,
        };
        Self {
            mutation,
            now: 1_000_000,
            log: Vec::new(),
            limbo: Vec::new(),
            nodes: (0..nodes).map(node).collect(),
            inbox: Vec::new(),
            in_life: 0,
            store: Shelf::default(),
            checkpoint: LogCursor::default(),
            clients,
            delivered: Vec::new(),
            seen: Vec::new(),
            claims: 0,
            limits: Limits {
                in_flight_records: 3,
                record_outcomes: 3,
                tail_bytes: 0,
                loading_commands: 8,
                hot_states: 1,
                hot_idle_ms: 50,
                ..Limits::default()
            },
        }
    }

    pub(super) fn head(&self) -> u64 {
        self.log.len() as u64
    }

    fn clock(&self, node: usize) -> At {
        At(self.now + self.nodes[node].skew)
    }

    /// A node claims the log, whatever it did before; what it had under way may still arrive.
    pub(super) fn claim(&mut self, number: usize) {
        self.drop_owner(number);
        self.claims += 1;
        let before = self.before();
        let domain = Arc::new(Chats { deduplicates: self.mutation != Mutation::NoDeduplication });
        let owner = Owner::claim(domain, self.limits, &format!("w{number}"), self.claims, self.checkpoint, before);
        let node = &mut self.nodes[number];
        node.read = self.checkpoint.position;
        node.owner = Some(owner);
        node.lost = None;
        node.stopping = false;
        self.perform(number);
    }

    /// What the last batch at or below the checkpoint says, as a partition finds it.
    fn before(&self) -> Before {
        let until = usize::try_from(self.checkpoint.position).unwrap();
        let mut batches = self.log[..until].iter().rev().filter_map(|bytes| match payload::decode(bytes) {
            Ok(RecordWire::Batch(_, _, received, outcomes)) => {
                let at = codec::decode_outcome(outcomes.last()?).unwrap().at;
                Some(Before { at, received: Some(received) })
            }
            _ => None,
        });
        batches.next().unwrap_or_default()
    }

    /// A process ends: nothing of it goes on but what it sent.
    pub(super) fn drop_owner(&mut self, number: usize) {
        let node = &mut self.nodes[number];
        node.owner = None;
        node.in_next = None;
        node.acks.clear();
        node.loads.clear();
        self.limbo.extend(node.appends.drain(..).map(|(_, bytes)| bytes));
    }

    /// Hand-over: no more commands are taken; what is decided is still written down.
    pub(super) fn stop(&mut self, number: usize) {
        self.nodes[number].stopping = true;
        self.nodes[number].in_next = None;
    }

    pub(super) fn is_idle(&self, number: usize) -> bool {
        self.nodes[number].owner.as_ref().is_none_or(Owner::is_idle)
    }

    fn with_owner(&mut self, number: usize, act: impl FnOnce(&mut Owner<Chats>, At) -> Result<(), Lost>) {
        let now = self.clock(number);
        let Some(owner) = self.nodes[number].owner.as_mut() else { return };
        let result = act(owner, now);
        self.perform(number);
        if let Err(lost) = result {
            self.drop_owner(number);
            self.nodes[number].lost = Some(lost);
        }
    }

    /// Does what an owner asks for.
    fn perform(&mut self, number: usize) {
        loop {
            let effects = self.nodes[number].owner.as_mut().map(Owner::effects).unwrap_or_default();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                match effect {
                    Effect::Append { ordinal, payload } => {
                        if self.mutation == Mutation::AckAtAppend {
                            self.answer_at_once(&payload);
                        }
                        self.nodes[number].appends.push_back((ordinal, payload));
                    }
                    Effect::Load { id, want } => self.nodes[number].loads.push(Load { id, want, row: None }),
                    Effect::Owning { in_position, .. } => self.open_inbox(number, in_position),
                    Effect::Counted(counted) => self.deliver(counted),
                }
            }
        }
    }

    fn open_inbox(&mut self, number: usize, in_position: u64) {
        let received = if (self.inbox.len() as u64) < in_position { 0 } else { in_position };
        let (life, node) = (self.in_life, &mut self.nodes[number]);
        if let Some(owner) = &mut node.owner {
            owner.begin_intake(received);
        }
        node.in_next = (!node.stopping).then_some(received + 1);
        node.in_life = life;
    }

    fn deliver(&mut self, counted: Counted<Chats>) {
        if !counted.entries.is_empty() {
            let bytes = counted.entries.iter().map(|entry| entry.logged.bytes.clone()).collect();
            self.delivered.push((counted.position, bytes));
        }
        let answers = counted.entries.into_iter().flat_map(|entry| entry.answers).chain(counted.answers);
        for (route, told) in answers {
            match (route, told) {
                (Route::Peer { peer, token }, Told::Answer(answer)) => {
                    let client = peer.parse::<usize>().unwrap();
                    self.clients[client].told(usize::try_from(token).unwrap(), answer);
                }
                (_, Told::Seen(id, rev, seq)) => self.seen.push((id, rev, seq)),
                _ => {}
            }
        }
    }

    fn answer_at_once(&mut self, payload: &Bytes) {
        let Ok(RecordWire::Batch(.., outcomes)) = payload::decode(payload) else { return };
        for bytes in outcomes {
            let outcome = codec::decode_outcome(bytes).unwrap();
            if let Some((client, index)) = self.sender_of(outcome.conversation, outcome.identity.as_ref()) {
                self.clients[client].told(index, outcome.answer());
            }
        }
    }

    /// Whose command that is.
    pub(super) fn sender_of(&self, id: ConversationId, identity: Option<&Identity>) -> Option<(usize, usize)> {
        let identity = identity?;
        self.clients.iter().enumerate().find_map(|(client, of)| {
            let same = |command: &Command| command.conversation == id && command.identity.as_ref() == Some(identity);
            of.commands.iter().position(same).map(|index| (client, index))
        })
    }

    /// The oldest append of a node reaches the log, or does not.
    pub(super) fn store_next(&mut self, number: usize, fate: Fate) {
        let Some((ordinal, bytes)) = self.nodes[number].appends.pop_front() else { return };
        let position = self.head() + 1;
        let answer = match fate {
            Fate::Stored | Fate::StoredTwice => Some(Some(position)),
            Fate::Lost | Fate::StoredUnknown | Fate::StoredLate => Some(None),
            Fate::StoredSilently => None,
        };
        match fate {
            Fate::Lost => {}
            Fate::StoredLate => self.limbo.push(bytes),
            Fate::StoredTwice => self.log.extend([bytes.clone(), bytes]),
            _ => self.log.push(bytes),
        }
        self.nodes[number].acks.extend(answer.map(|answer| (ordinal, answer)));
    }

    /// An append that nobody waits for arrives after all.
    pub(super) fn store_late(&mut self, which: usize) {
        let bytes = self.limbo.remove(which);
        self.log.push(bytes);
    }

    pub(super) fn ack(&mut self, number: usize, which: usize) {
        let (ordinal, position) = self.nodes[number].acks.remove(which);
        self.with_owner(number, |owner, now| owner.appended(ordinal, position, now));
    }

    /// A node reads the next record.
    pub(super) fn read(&mut self, number: usize) -> bool {
        let position = self.nodes[number].read + 1;
        let Some(bytes) = self.log.get(usize::try_from(position - 1).unwrap()).cloned() else { return false };
        if self.nodes[number].owner.is_none() {
            return false;
        }
        self.nodes[number].read = position;
        self.with_owner(number, |owner, now| owner.record(position, &bytes, now));
        true
    }

    /// A node reads the next envelope.
    pub(super) fn take_in(&mut self, number: usize) -> bool {
        if self.nodes[number].in_next.is_some() && self.nodes[number].in_life != self.in_life {
            self.open_inbox(number, 0);
        }
        let node = &self.nodes[number];
        let Some(position) = node.in_next.filter(|_| node.owner.as_ref().is_some_and(|owner| !owner.is_saturated()))
        else {
            return false;
        };
        let Some((client, indexes)) = self.inbox.get(usize::try_from(position - 1).unwrap()) else { return false };
        let peer: Arc<str> = client.to_string().into();
        let commands = indexes.iter().map(|index| {
            let bytes = codec::encode_command(&self.clients[*client].commands[*index]);
            let route = Route::Peer { peer: peer.clone(), token: *index as u64 };
            (route, Chats { deduplicates: true }.decode_command(&bytes))
        });
        let commands = commands.collect();
        self.nodes[number].in_next = Some(position + 1);
        self.with_owner(number, |owner, now| {
            owner.envelope(position, commands, now);
            Ok(())
        });
        true
    }

    /// A client sends these in one envelope.
    pub(super) fn send(&mut self, client: usize, indexes: Vec<usize>) {
        self.inbox.push((client, indexes));
    }

    /// The broker forgets the inbox and begins a new one.
    pub(super) fn lose_inbox(&mut self) {
        self.inbox.clear();
        self.in_life += 1;
    }

    pub(super) fn ask(&mut self, number: usize, ask: Ask) {
        if self.nodes[number].owner.as_ref().is_some_and(|owner| owner.generation().is_some()) {
            self.with_owner(number, |owner, now| {
                owner.ask(Route::Question(1), ask, now);
                Ok(())
            });
        }
    }

    /// The archiver reads a record and writes its rows; the checkpoint follows on its own.
    pub(super) fn archive(&mut self) -> Result<bool, String> {
        let position = self.store.cursor.position + 1;
        let Some(bytes) = self.log.get(usize::try_from(position - 1).unwrap()) else { return Ok(false) };
        self.store.take(position, bytes, self.mutation).map_err(|why| format!("the archiver: {why}"))?;
        Ok(true)
    }

    /// The checkpoint is written behind the rows. It stands on a record that counts.
    pub(super) fn write_checkpoint(&mut self) {
        let LogCursor { position, .. } = self.store.cursor;
        let mut cursor = LogCursor::default();
        let mut last = cursor;
        for (bytes, at) in self.log.iter().zip(1..=position) {
            let record: RecordWire = payload::decode(bytes).unwrap();
            if cursor.admit(at, record.stamp()) == kefu_model::reader::Standing::Counts {
                last = cursor;
            }
        }
        self.checkpoint = last;
    }

    pub(super) fn announce(&mut self, number: usize) {
        let position = self.checkpoint.position;
        self.with_owner(number, |owner, _| {
            owner.archived(position);
            Ok(())
        });
    }

    pub(super) fn evict(&mut self, number: usize) {
        self.with_owner(number, |owner, now| {
            owner.evict(now);
            Ok(())
        });
    }

    /// The store answers a load; the answer arrives later.
    pub(super) fn read_row(&mut self, number: usize, which: usize) {
        let load = &mut self.nodes[number].loads[which];
        load.row = Some(self.store.row(load.id, &load.want));
    }

    /// A load's answer arrives, or the news that it failed.
    pub(super) fn finish_load(&mut self, number: usize, which: usize) {
        let load = self.nodes[number].loads.remove(which);
        self.with_owner(number, |owner, now| match load.row {
            Some(row) => owner.loaded(&load.id, row, now),
            None => {
                owner.reload(&load.id);
                Ok(())
            }
        });
    }
}
