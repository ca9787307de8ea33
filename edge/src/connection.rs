//! One client's connection, whatever carries it: the machine, the effects it wants, and what is queued to the client.

mod conversation_set;
mod effects;
mod mailbox;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use kefu_model::{At, UserKind};
use parking_lot::Mutex;

use crate::auth::Admission;
use crate::clock::{self, Now};
use crate::frame::{Code, Codec, Parsed, ServerFrame};
use crate::machine::{Input, Joining, Machine};
use crate::services::Services;

pub(crate) use conversation_set::ConversationSet;
pub(crate) use mailbox::{Mail, Mailbox};

/// What carries a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    WebSocket,
    Sse,
}

impl Transport {
    /// The name in lists and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Sse => "sse",
        }
    }
}

/// What came with the request that opened a connection.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    /// A credential in the query or header.
    pub(crate) token: Option<String>,
    /// The user that the address names.
    pub(crate) user_id: Option<String>,
    /// The type of user that the address names.
    pub(crate) user_kind: Option<UserKind>,
    /// An admission that was given already.
    pub(crate) admission: Option<Box<Admission>>,
}

/// A connection.
pub(crate) struct Connection {
    /// Unique in this process.
    pub(crate) number: u64,
    /// Unique in the deployment.
    pub(crate) id: String,
    pub(crate) transport: Transport,
    pub(crate) codec: Codec,
    pub(crate) opened_at: At,
    /// Personal data: never in a log line.
    pub(crate) address: IpAddr,
    pub(crate) mailbox: Mailbox,
    /// Until the credential is checked.
    pub(super) arrival: Mutex<Option<Box<Arrival>>>,
    joined: OnceLock<Joining>,
    followed: Mutex<ConversationSet>,
    actor: Mutex<Actor>,
    /// Since when the peer takes nothing of what is written, in milliseconds; 0 while it does.
    stalled_since_ms: AtomicU64,
    pub(crate) services: Arc<Services>,
}

/// The machine and the inputs that wait for it. Whoever brings an input while nobody works on them works on them all;
/// so effects are performed in order, and an effect may bring an input without waiting for itself.
struct Actor {
    machine: Machine,
    inputs: VecDeque<Input>,
    busy: bool,
}

/// A new connection's id. A stream's says which edge has it, because what is posted to it may come to another one.
fn name(transport: Transport, services: &Services) -> String {
    let id = uuid::Uuid::new_v4().simple().to_string();
    if transport == Transport::Sse { crate::sse::relay::name(&id, services.upstream.key()) } else { id }
}

impl Connection {
    /// A connection that was just opened.
    pub(crate) fn new(
        services: &Arc<Services>,
        transport: Transport,
        codec: Codec,
        address: IpAddr,
        arrival: Arrival,
    ) -> Arc<Self> {
        let now = Now::read();
        let config = &services.config;
        services.metrics.connections.with_label_values(&[transport.as_str()]).inc();
        let connection = Arc::new(Self {
            number: services.next_number(),
            id: name(transport, services),
            transport,
            codec,
            opened_at: now.at,
            address,
            mailbox: Mailbox::new(config.outgoing_frames, config.outgoing_bytes),
            arrival: Mutex::new(Some(Box::new(arrival))),
            joined: OnceLock::new(),
            followed: Mutex::default(),
            actor: Mutex::new(Actor { machine: Machine::new(now.steady_ms), inputs: VecDeque::new(), busy: false }),
            stalled_since_ms: AtomicU64::new(0),
            services: Arc::clone(services),
        });
        services.opened.add(&connection);
        connection
    }

    /// Whether the peer took something of what is written.
    pub(crate) fn note_progress(&self, stalled: bool) {
        if !stalled {
            self.stalled_since_ms.store(0, Ordering::Relaxed);
        } else if self.stalled_since_ms.load(Ordering::Relaxed) == 0 {
            self.stalled_since_ms.store(clock::steady_ms(), Ordering::Relaxed);
        }
    }

    /// Cuts off a peer that has taken nothing for too long.
    pub(crate) fn check_stall(&self, now_ms: u64, limit_ms: u64) {
        let since = self.stalled_since_ms.load(Ordering::Relaxed);
        if since != 0 && now_ms.saturating_sub(since) >= limit_ms {
            self.mailbox.overflow(Code::SlowConsumer);
        }
    }

    /// Who joined; none before.
    pub(crate) fn joined(&self) -> Option<&Joining> {
        self.joined.get()
    }

    /// Conversations that it follows.
    pub(crate) fn followed(&self) -> &Mutex<ConversationSet> {
        &self.followed
    }

    /// Whether it is over.
    pub(crate) fn is_closed(&self) -> bool {
        self.actor.lock().machine.is_closed()
    }

    /// Takes an input and performs what follows from it, unless somebody is at it and does.
    pub(crate) fn input(self: &Arc<Self>, input: Input) {
        let mut next = {
            let mut actor = self.actor.lock();
            if actor.busy {
                actor.inputs.push_back(input);
                return;
            }
            actor.busy = true;
            Some(actor.machine.step(&self.services.machine, input, Now::read()))
        };
        while let Some(effects) = next {
            for effect in effects {
                self.perform(effect);
            }
            next = self.next_effects();
        }
    }

    fn next_effects(&self) -> Option<crate::machine::Effects> {
        let mut actor = self.actor.lock();
        let Some(input) = actor.inputs.pop_front() else {
            actor.busy = false;
            // An idle connection keeps no room for inputs.
            actor.inputs = VecDeque::new();
            return None;
        };
        Some(actor.machine.step(&self.services.machine, input, Now::read()))
    }

    /// Takes the frames of a message.
    pub(crate) fn receive(self: &Arc<Self>, parsed: Parsed) {
        let metrics = &self.services.metrics;
        for frame in parsed {
            match frame {
                Ok(frame) => {
                    metrics.frames_in.with_label_values(&[frame.kind()]).inc();
                    self.input(Input::Frame(frame));
                }
                Err(code) => {
                    metrics.refuse(code.number());
                    self.input(Input::Malformed(code));
                }
            }
        }
    }

    /// Queues a frame to the client. A full queue closes the connection.
    pub(crate) fn send(&self, frame: &ServerFrame) {
        self.push(self.codec.encode(frame));
    }

    /// Queues an encoded frame to the client. A full queue closes the connection.
    pub(crate) fn push(&self, frame: bytes::Bytes) {
        self.services.metrics.frames_out.inc();
        if !self.mailbox.push(frame) {
            self.mailbox.overflow(Code::SlowConsumer);
        }
    }

    /// The transport is gone.
    pub(crate) fn ended(self: &Arc<Self>) {
        self.services.opened.remove(self);
        self.services.metrics.connections.with_label_values(&[self.transport.as_str()]).dec();
        let code = self.mailbox.closed_with().map_or(0, Code::number);
        self.services.metrics.close(code);
        self.input(Input::Ended);
    }
}
