//! Everybody, and what they hear.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use super::Load;
use super::flow::{Flow, Order, Sight};
use crate::client::{Frame, Kind, Scanner, Socket, attach, number, shown, string};
use crate::clock;
use crate::faults::Faults;
use crate::latency::Latency;
use crate::people::Visitor;

/// Not a member of this conversation.
const NOT_A_MEMBER: u64 = 1101;

/// Conversations with their flows, and what was measured of them. One thread uses it.
#[derive(Debug)]
pub struct Hall {
    flows: Vec<Flow>,
    visitors: Vec<Visitor>,
    conversations: HashMap<String, usize>,
    seats: Vec<Seat>,
    both: bool,
    load: Cell<Load>,
    measured_ns: RefCell<Range<u64>>,
    counts: Counts,
    latencies: Latencies,
    faults: Faults,
    scanner: Scanner,
    buffer: RefCell<Vec<u8>>,
}

/// The agent's side of a conversation.
#[derive(Debug, Default)]
struct Seat {
    conversation: String,
    socket: OnceCell<Rc<Socket>>,
    seen_seq: Cell<u64>,
    marked_seq: Cell<u64>,
}

/// Counted since the beginning.
#[derive(Debug, Default)]
pub struct Counts {
    /// Messages acked.
    pub acked: Cell<u64>,
    /// Messages that their receiver saw.
    pub delivered: Cell<u64>,
    /// Messages that came back to their sender.
    pub echoed: Cell<u64>,
    /// Conversations followed by their visitors.
    pub followed: Cell<usize>,
    /// Conversations attached by agents.
    pub attached: Cell<usize>,
    /// Times that an agent was told of a conversation before the server let them follow it.
    pub early: Cell<u64>,
    /// Times that the server lost continuity and said so.
    pub resumed: Cell<u64>,
}

/// Of messages that were to be sent while it was measured.
#[derive(Debug, Default)]
pub struct Latencies {
    /// From when it was due to its ack.
    pub ack: RefCell<Latency>,
    /// From when it was due to its receiver.
    pub delivery: RefCell<Latency>,
    /// From when it was due until it was sent.
    pub sending: RefCell<Latency>,
}

/// Who hears something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Visitor,
    Agent,
}

impl Hall {
    /// For the conversations of these visitors; with flows from agents to visitors too if `both`.
    pub fn new(visitors: Vec<Visitor>, both: bool) -> Self {
        let conversations: Vec<String> = visitors.iter().map(|visitor| visitor.conversation.clone()).collect();
        let copies = if both { 2 } else { 1 };
        let number = |index: usize| u32::try_from(index).expect("far fewer than 2^32 flows");
        let owners = conversations.iter().flat_map(|id| std::iter::repeat_n(id, copies));
        Self {
            flows: owners.enumerate().map(|(index, id)| Flow::new(number(index), id)).collect(),
            seats: conversations.iter().map(|id| Seat { conversation: id.clone(), ..Seat::default() }).collect(),
            conversations: conversations.into_iter().enumerate().map(|(index, id)| (id, index)).collect(),
            visitors,
            both,
            load: Cell::new(Load::Quiet),
            measured_ns: RefCell::new(0..0),
            counts: Counts::default(),
            latencies: Latencies::default(),
            faults: Faults::default(),
            scanner: Scanner::default(),
            buffer: RefCell::default(),
        }
    }

    /// All flows.
    pub fn flows(&self) -> &[Flow] {
        &self.flows
    }

    /// All visitors.
    pub fn visitors(&self) -> &[Visitor] {
        &self.visitors
    }

    /// What was counted.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What was measured.
    pub fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    /// What went wrong.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The flow of a conversation's visitor.
    pub fn visitors_flow(&self, conversation: usize) -> &Flow {
        &self.flows[if self.both { 2 * conversation } else { conversation }]
    }

    fn agents_flow(&self, conversation: usize) -> Option<&Flow> {
        self.both.then(|| &self.flows[2 * conversation + 1])
    }

    /// Only what is intended in this time is measured.
    pub fn measure(&self, intended_ns: Range<u64>) {
        *self.measured_ns.borrow_mut() = intended_ns;
    }

    /// From now on this decides what is sent; every flow sends what it allows at once.
    pub fn begin(&self, load: Load) {
        self.flows.iter().for_each(Flow::begin);
        self.go_on(load);
    }

    /// The same, with what was sent since the load began still counted as part of it.
    pub fn go_on(&self, load: Load) {
        self.load.set(load);
        for flow in &self.flows {
            self.send(flow);
            flow.flush();
        }
    }

    /// Nothing more is sent.
    pub fn quiet(&self) {
        self.load.set(Load::Quiet);
    }

    /// So many arrivals are due now: who has to sends.
    pub fn arrive(&self, now_due: u64) {
        let Load::Rate { schedule, due } = self.load.get() else { return };
        self.load.set(Load::Rate { schedule, due: now_due });
        let flows = self.flows.len() as u64;
        for arrival in due..now_due.min(due + flows) {
            let flow = &self.flows[(arrival % flows) as usize];
            self.send(flow);
            flow.flush();
        }
    }

    /// Messages that are due and not sent.
    pub fn unsent(&self) -> u64 {
        match self.load.get() {
            Load::Rate { due, .. } => {
                due.saturating_sub(self.flows.iter().map(|flow| u64::from(flow.sent_of_load())).sum())
            }
            Load::Quiet | Load::Window { .. } => 0,
        }
    }

    fn send(&self, flow: &Flow) {
        let measured = self.measured_ns.borrow();
        let now = clock::now_ns();
        let mut sending = self.latencies.sending.borrow_mut();
        flow.queue(&self.load.get(), self.flows.len(), &mut self.buffer.borrow_mut(), |late_ns| {
            if measured.contains(&now.saturating_sub(late_ns)) {
                sending.record_ns(late_ns);
            }
        });
    }

    /// A visitor hears a message from the server. What they send in turn is queued.
    pub fn visitor_hears(&self, conversation: usize, message: &[u8]) {
        for frame in self.scanner.frames(message) {
            match frame.kind {
                Kind::Ack => self.acked(self.visitors_flow(conversation), frame.body),
                _ => self.heard(Side::Visitor, frame),
            }
        }
        self.send(self.visitors_flow(conversation));
    }

    /// An agent hears a message from the server. What they send in turn is queued.
    pub fn agent_hears(&self, socket: &Rc<Socket>, message: &[u8]) {
        for frame in self.scanner.frames(message) {
            match frame.kind {
                Kind::Ack => {
                    let flow = self.conversation_of(frame.body).and_then(|index| self.agents_flow(index));
                    match flow {
                        Some(flow) => {
                            self.acked(flow, frame.body);
                            self.send(flow);
                        }
                        None => self.unexpected(frame.body),
                    }
                }
                Kind::Added => follow(socket, frame.body),
                Kind::Attached if number(frame.body, r#""error":"#) == Some(NOT_A_MEMBER) => {
                    self.counts.early.set(self.counts.early.get() + 1);
                    follow(socket, frame.body);
                }
                Kind::Attached => {
                    self.heard(Side::Agent, frame);
                    self.seated(socket, frame.body);
                }
                _ => self.heard(Side::Agent, frame),
            }
        }
    }

    fn heard(&self, side: Side, frame: Frame<'_>) {
        match frame.kind {
            Kind::Deliver => self.delivered(side, frame.body),
            Kind::Attached if number(frame.body, r#""id":"#) == Some(0) => {
                self.counts.resumed.set(self.counts.resumed.get() + 1);
            }
            Kind::Attached if memchr::memmem::find(frame.body, br#""error":"#).is_some() => {
                self.faults.add("not attached", || shown(frame.body));
            }
            Kind::Attached if side == Side::Visitor => self.counts.followed.set(self.counts.followed.get() + 1),
            Kind::Rejected => self.faults.add("rejected", || shown(frame.body)),
            Kind::Error => self.faults.add("errors", || shown(frame.body)),
            Kind::Goaway => self.faults.add("sent away", || shown(frame.body)),
            Kind::Ack => self.unexpected(frame.body),
            Kind::Welcome | Kind::Attached | Kind::Added | Kind::Pong | Kind::Other => {}
        }
    }

    fn acked(&self, flow: &Flow, body: &[u8]) {
        let Some(intended_ns) = number(body, r#""n":"#).and_then(|n| flow.ack(n)) else { return self.unexpected(body) };
        self.counts.acked.set(self.counts.acked.get() + 1);
        self.record(&self.latencies.ack, intended_ns);
    }

    fn unexpected(&self, body: &[u8]) {
        self.faults.add("unexpected acks", || shown(body));
    }

    fn delivered(&self, side: Side, body: &[u8]) {
        for (marker, before) in self.scanner.markers(body) {
            let known = marker.and_then(|marker| Some((marker, self.flows.get(marker.flow as usize)?)));
            let Some((marker, flow)) = known else {
                self.faults.add("unknown messages", || shown(body));
                continue;
            };
            let from = if self.both && marker.flow % 2 == 1 { Side::Agent } else { Side::Visitor };
            if from == side {
                self.counts.echoed.set(self.counts.echoed.get() + 1);
                self.ordered(&flow.echo, marker.n, "back at the sender");
                continue;
            }
            if self.ordered(&flow.seen, marker.n, "at the receiver") {
                self.counts.delivered.set(self.counts.delivered.get() + 1);
                self.record(&self.latencies.delivery, marker.intended_ns);
            }
            if side == Side::Agent {
                let seat = &self.seats[marker.flow as usize / if self.both { 2 } else { 1 }];
                seat.seen_seq.set(number(before, r#""seq":"#).unwrap_or(0));
            }
        }
    }

    /// Whether it was the first time.
    fn ordered(&self, sight: &Sight, n: u32, whose: &str) -> bool {
        match sight.see(n) {
            Order::Next => true,
            Order::Gap(missing) => {
                self.faults.add("gaps", || format!("{missing} messages missing before number {n}, {whose}"));
                true
            }
            Order::Again => {
                self.faults.add("doubled or out of order", || format!("number {n}, {whose}"));
                false
            }
        }
    }

    fn record(&self, latency: &RefCell<Latency>, intended_ns: u64) {
        if self.measured_ns.borrow().contains(&intended_ns) {
            latency.borrow_mut().record_ns(clock::now_ns().saturating_sub(intended_ns));
        }
    }

    fn conversation_of(&self, body: &[u8]) -> Option<usize> {
        self.conversations.get(string(body, r#""conversation":""#)?).copied()
    }

    /// An agent follows a conversation from now on: what was sent before is not delivered to them.
    fn seated(&self, socket: &Rc<Socket>, body: &[u8]) {
        let Some(index) = self.conversation_of(body) else { return };
        if self.seats[index].socket.set(socket.clone()).is_err() {
            return;
        }
        self.counts.attached.set(self.counts.attached.get() + 1);
        let flow = self.visitors_flow(index);
        flow.seen.begin_after(flow.sent());
        if let Some(flow) = self.agents_flow(index) {
            flow.sent_on(socket);
        }
    }

    /// Agents mark as read what they saw since the last time, in every `turns`-th conversation from the `turn`-th on.
    pub fn mark(&self, turn: usize, turns: usize) {
        for seat in self.seats.iter().skip(turn).step_by(turns) {
            let seen = seat.seen_seq.get();
            let Some(socket) = seat.socket.get().filter(|_| seat.marked_seq.get() < seen) else { continue };
            seat.marked_seq.set(seen);
            socket.send(format!(r#"{{"t":"mark","conversation":"{}","read":{seen}}}"#, seat.conversation).as_bytes());
        }
    }
}

/// Follows the conversation that a frame names.
fn follow(socket: &Socket, body: &[u8]) {
    socket.queue(&attach(string(body, r#""conversation":""#).unwrap_or_default(), None));
}
