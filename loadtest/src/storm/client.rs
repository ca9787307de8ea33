//! A client that comes back as our pages do.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::Context as _;
use rand::RngExt as _;

use super::Storm;
use crate::chat::{Order, Sight};
use crate::client::{
    Frame, Kind, Marker, Socket, Template, attach, cursor_of, hello, number, put_array, shown, source,
};
use crate::clock;
use crate::people::Visitor;

/// The longest wait before the second try doubles with each one, up to the longest of all, as in
/// web/client/src/backoff.ts.
const SECOND_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(5);
/// Messages of a device that may be unanswered.
const WINDOW: u32 = 32;

/// A visitor with their outbox and their cursor.
#[derive(Debug)]
pub struct Client {
    index: usize,
    visitor: Visitor,
    template: Template,
    socket: RefCell<Option<Rc<Socket>>>,
    cursor: Cell<Option<(u64, u64)>>,
    sent: Cell<u32>,
    acked: Cell<u32>,
    seen: Sight,
    resumed_ns: Cell<u64>,
}

/// What the answer to an attach asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Wait,
    Attached,
    Reload,
}

impl Client {
    /// Of that visitor.
    pub fn new(index: usize, visitor: Visitor) -> Self {
        Self {
            index,
            template: Template::new(&visitor.conversation),
            visitor,
            socket: RefCell::default(),
            cursor: Cell::new(None),
            sent: Cell::new(0),
            acked: Cell::new(0),
            seen: Sight::default(),
            resumed_ns: Cell::new(0),
        }
    }

    /// Who it is.
    pub fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    /// Its connection, while it is attached.
    pub fn socket(&self) -> Option<Rc<Socket>> {
        self.socket.borrow().clone()
    }

    /// Messages sent.
    pub fn sent(&self) -> u32 {
        self.sent.get()
    }

    /// Messages sent and not answered.
    pub fn unanswered(&self) -> u64 {
        u64::from(self.sent.get() - self.acked.get())
    }

    /// When it was attached again after the kill.
    pub fn resumed_ns(&self) -> u64 {
        self.resumed_ns.get()
    }

    /// Sends one more message, if it is connected and the protocol allows it.
    pub fn write(&self) {
        let socket = self.socket.borrow();
        let Some(socket) = socket.as_ref().filter(|_| self.unanswered() < u64::from(WINDOW)) else { return };
        let n = self.sent.get() + 1;
        self.sent.set(n);
        self.send(socket, n..n + 1);
    }

    fn send(&self, socket: &Socket, numbers: std::ops::Range<u32>) {
        if numbers.is_empty() {
            return;
        }
        let mut message = Vec::new();
        let flow = u32::try_from(self.index).unwrap_or(u32::MAX);
        // Sent again it must be the same: its time is its number.
        let markers = numbers.map(|n| Marker { intended_ns: u64::from(n), flow, n });
        put_array(&mut message, markers, |marker, out| self.template.put(marker, out));
        socket.send(&message);
    }
}

/// Connects, stays, and comes back whenever the connection ends.
pub async fn live(storm: Rc<Storm>, client: Rc<Client>) {
    let mut attempt = 0;
    loop {
        storm.attempts.set(storm.attempts.get() + 1);
        let ended = connected(&storm, &client, &mut attempt).await;
        client.socket.replace(None);
        if !storm.killed.get() {
            return storm.faults.add("connections ended", || format!("client {}: {ended:#}", client.index));
        }
        let longest = match attempt {
            0 => storm.first_retry,
            later => (SECOND_RETRY * 2_u32.pow((later - 1).min(8))).min(LONGEST_RETRY),
        };
        attempt += 1;
        let wait = longest.mul_f64(rand::rng().random_range(0.0..1.0));
        tokio::time::sleep(wait).await;
    }
}

/// One connection, up to its end.
async fn connected(storm: &Rc<Storm>, client: &Client, attempt: &mut u32) -> anyhow::Error {
    let after_kill = storm.killed.get();
    let socket = match Socket::open(storm.server, source(client.index), &storm.scratch).await {
        Ok(socket) => Rc::new(socket),
        Err(error) => return error,
    };
    socket.send(&hello(&client.visitor.token, "storm"));
    loop {
        let mut step = Step::Wait;
        let read = socket.read(|message| {
            for frame in storm.scanner.frames(message) {
                match frame.kind {
                    Kind::Welcome => socket.queue(&attach(&client.visitor.conversation, client.cursor.get())),
                    _ => step = client.hear(storm, frame).max(step),
                }
            }
        });
        if let Err(ended) = read.await {
            return ended.into();
        }
        match step {
            Step::Wait => {}
            Step::Attached => {
                *attempt = 0;
                client.attached(storm, &socket, after_kill);
            }
            Step::Reload => {
                if let Err(error) = client.reload(storm, &socket).await {
                    storm.faults.add("pages", || format!("{error:#}"));
                    return error;
                }
            }
        }
    }
}

impl Client {
    fn hear(&self, storm: &Storm, frame: Frame<'_>) -> Step {
        match frame.kind {
            Kind::Ack => self.answered(storm, frame.body),
            Kind::Deliver => self.delivered(storm, frame.body),
            Kind::Attached if number(frame.body, r#""error":"#).is_some() => {
                storm.faults.add("not attached", || shown(frame.body));
            }
            Kind::Attached if memchr::memmem::find(frame.body, br#""recovered":false"#).is_some() => {
                return Step::Reload;
            }
            Kind::Attached => {
                let position = number(frame.body, r#""epoch":"#).zip(number(frame.body, r#""rev":"#));
                // With a cursor, what was missed follows and moves it.
                self.cursor.set(self.cursor.get().or(position));
                return Step::Attached;
            }
            Kind::Goaway if storm.killed.get() => {}
            Kind::Rejected | Kind::Error | Kind::Goaway => storm.faults.add("refused", || shown(frame.body)),
            _ => {}
        }
        Step::Wait
    }

    fn answered(&self, storm: &Storm, body: &[u8]) {
        let next = self.acked.get() + 1;
        if number(body, r#""n":"#) != Some(u64::from(next)) || next > self.sent.get() {
            return storm.faults.add("unexpected acks", || shown(body));
        }
        self.acked.set(next);
        storm.acked.set(storm.acked.get() + 1);
    }

    fn delivered(&self, storm: &Storm, body: &[u8]) {
        let before = self.cursor.get();
        for (marker, _) in storm.scanner.markers(body) {
            let order =
                marker.filter(|marker| marker.flow as usize == self.index).map(|marker| self.seen.see(marker.n));
            if order != Some(Order::Next) {
                storm
                    .faults
                    .add("lost or doubled", || format!("client {} at {before:?}: {order:?} {marker:?}", self.index));
            }
        }
        self.cursor.set(cursor_of(body).or(before));
    }

    fn attached(&self, storm: &Storm, socket: &Rc<Socket>, after_kill: bool) {
        if self.socket.borrow().is_none() {
            // What was not answered, in order and with the same numbers.
            self.send(socket, self.acked.get() + 1..self.sent.get() + 1);
            self.socket.replace(Some(socket.clone()));
        }
        if !after_kill {
            storm.attached.set(storm.attached.get() + 1);
        } else if self.resumed_ns.get() == 0 {
            self.resumed_ns.set(clock::now_ns());
            storm.resumed.set(storm.resumed.get() + 1);
        }
    }

    /// The tail does not reach back to where it was: loads the last page and attaches from there.
    async fn reload(&self, storm: &Storm, socket: &Socket) -> anyhow::Result<()> {
        storm.reloaded.set(storm.reloaded.get() + 1);
        let path = format!("/api/v1/chat/messages?conversation_id={}&limit=200", self.visitor.conversation);
        let page = storm.rest.get(self.index, &path, &self.visitor.token).await?;
        let field = |name: &str| page[name].as_u64().with_context(|| format!("a page without {name}"));
        let cursor = (field("epoch")?, field("rev")?);
        let newest = super::verify::numbers_of(&page).into_iter().max();
        // What the page holds was not delivered, and will not be.
        if let Some(newest) = newest.filter(|newest| *newest > self.seen.count()) {
            self.seen.begin_after(newest);
        }
        self.cursor.set(Some(cursor));
        socket.send(&attach(&self.visitor.conversation, Some(cursor)));
        Ok(())
    }
}
