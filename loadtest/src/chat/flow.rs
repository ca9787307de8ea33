//! What one sends to the other in a conversation.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use super::{Load, WINDOW};
use crate::client::{Marker, Socket, Template, put_array};
use crate::clock;

/// Messages of one sender in one conversation, numbered from 1.
#[derive(Debug)]
pub struct Flow {
    number: u32,
    template: Template,
    socket: OnceCell<Rc<Socket>>,
    sent: Cell<u32>,
    acked: Cell<u32>,
    /// Sent before the load began.
    before: Cell<u32>,
    intended_ns: [Cell<u64>; WINDOW as usize],
    /// What the receiver saw.
    pub seen: Sight,
    /// What came back to the sender.
    pub echo: Sight,
}

/// What somebody saw of a flow.
#[derive(Debug, Default)]
pub struct Sight {
    last: Cell<u32>,
    count: Cell<u32>,
}

/// How a message that was seen follows the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It is the next one.
    Next,
    /// So many are missing before it.
    Gap(u32),
    /// It, or a later one, was seen before.
    Again,
}

impl Sight {
    /// Sees a message.
    pub fn see(&self, n: u32) -> Order {
        let last = self.last.get();
        if n <= last {
            return Order::Again;
        }
        self.last.set(n);
        self.count.set(self.count.get() + 1);
        match n - last - 1 {
            0 => Order::Next,
            missing => Order::Gap(missing),
        }
    }

    /// Messages up to there are not expected.
    pub fn begin_after(&self, n: u32) {
        self.last.set(n);
        self.count.set(n);
    }

    /// How many were seen, with those that were not expected.
    pub fn count(&self) -> u32 {
        self.count.get()
    }
}

impl Flow {
    /// The flow of that number.
    pub fn new(number: u32, conversation: &str) -> Self {
        Self {
            number,
            template: Template::new(conversation),
            socket: OnceCell::new(),
            sent: Cell::new(0),
            acked: Cell::new(0),
            before: Cell::new(0),
            intended_ns: Default::default(),
            seen: Sight::default(),
            echo: Sight::default(),
        }
    }

    /// Says on which connection it is sent; only the first time counts.
    pub fn sent_on(&self, socket: &Rc<Socket>) {
        self.socket.get_or_init(|| socket.clone());
    }

    /// What is sent from now on belongs to the load.
    pub fn begin(&self) {
        self.before.set(self.sent.get());
    }

    /// Messages sent.
    pub fn sent(&self) -> u32 {
        self.sent.get()
    }

    /// Messages sent since the load began.
    pub fn sent_of_load(&self) -> u32 {
        self.sent.get() - self.before.get()
    }

    /// Messages acked.
    pub fn acked(&self) -> u32 {
        self.acked.get()
    }

    /// Queues what the load allows now; gives how many.
    pub fn queue(&self, load: &Load, flows: usize, buffer: &mut Vec<u8>, mut sent: impl FnMut(u64)) -> u32 {
        let Some(socket) = self.socket.get() else { return 0 };
        let now = clock::now_ns();
        let (number, flows) = (u64::from(self.number), flows as u64);
        let (first, before) = (self.sent.get(), self.before.get());
        let count = load.allows(now, number, flows, first - before, first - self.acked.get());
        if count == 0 {
            return 0;
        }
        buffer.clear();
        let markers = (first..first + count).map(|index| {
            let intended_ns = load.intended_ns(now, number, flows, index - before);
            self.intended_ns[(index % WINDOW) as usize].set(intended_ns);
            sent(now.saturating_sub(intended_ns));
            Marker { intended_ns, flow: self.number, n: index + 1 }
        });
        put_array(buffer, markers, |marker, out| self.template.put(marker, out));
        self.sent.set(first + count);
        socket.queue(buffer);
        count
    }

    /// Writes what was queued.
    pub fn flush(&self) {
        if let Some(socket) = self.socket.get() {
            socket.flush();
        }
    }

    /// Takes an ack; gives when its message was to be sent, or `None` when another one was to be acked.
    pub fn ack(&self, n: u64) -> Option<u64> {
        let next = self.acked.get();
        if n != u64::from(next) + 1 || next >= self.sent.get() {
            return None;
        }
        self.acked.set(next + 1);
        Some(self.intended_ns[(next % WINDOW) as usize].get())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_doubled_is_seen() {
        let sight = Sight::default();
        sight.begin_after(1);
        let orders = [2, 3, 3, 6, 5, 7].map(|n| sight.see(n));
        assert_eq!(orders, [Order::Next, Order::Next, Order::Again, Order::Gap(2), Order::Again, Order::Next]);
        assert_eq!(sight.count(), 5, "1, 2, 3, 6 and 7");
    }

    #[test]
    fn only_the_next_answer_is_taken() {
        let flow = Flow::new(0, "soySMWd5KW2aUM_QmRgkZBw");
        assert_eq!(flow.ack(1), None, "nothing was sent");
        flow.sent.set(2);
        flow.intended_ns[0].set(70);
        assert_eq!(flow.ack(2), None);
        assert_eq!(flow.ack(1), Some(70));
        assert_eq!(flow.ack(1), None);
    }
}
