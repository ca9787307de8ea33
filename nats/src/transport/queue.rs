//! The bounded queue between whoever delivers core messages and one subscription.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{CoreEvent, CoreMessage, SUBSCRIPTION_BYTES, SUBSCRIPTION_CAPACITY, Subscription};

/// Holds at most [`SUBSCRIPTION_CAPACITY`] messages and [`SUBSCRIPTION_BYTES`]; what comes on top is dropped, and one
/// [`CoreEvent::Lagged`] stands where it would have stood. Pushing never waits.
#[derive(Default)]
pub(crate) struct CoreQueue {
    state: Mutex<State>,
    filled: Notify,
}

#[derive(Default)]
struct State {
    events: VecDeque<CoreEvent>,
    bytes: usize,
    closed: bool,
}

impl State {
    fn mark_lagged(&mut self) {
        if !matches!(self.events.back(), Some(CoreEvent::Lagged)) {
            self.events.push_back(CoreEvent::Lagged);
        }
    }

    fn pop(&mut self) -> Option<CoreEvent> {
        let event = self.events.pop_front()?;
        if let CoreEvent::Message(message) = &event {
            self.bytes -= message.payload.len();
        }
        Some(event)
    }
}

impl CoreQueue {
    /// Adds a message, or drops it and notes the loss.
    pub(crate) fn push(&self, message: CoreMessage) {
        let mut state = self.state.lock();
        let size = message.payload.len();
        if state.closed {
            return;
        }
        if state.events.len() >= SUBSCRIPTION_CAPACITY || state.bytes + size > SUBSCRIPTION_BYTES {
            state.mark_lagged();
        } else {
            state.bytes += size;
            state.events.push_back(CoreEvent::Message(message));
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Notes that messages may be missing at this point.
    pub(crate) fn lagged(&self) {
        self.state.lock().mark_lagged();
        self.filled.notify_one();
    }

    /// Ends the subscription once it has drained.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.filled.notify_one();
    }

    async fn next(&self) -> Option<CoreEvent> {
        loop {
            {
                let mut state = self.state.lock();
                if let Some(event) = state.pop() {
                    return Some(event);
                }
                if state.closed {
                    return None;
                }
            }
            // One consumer only, so a permit stored by a push between the check and here wakes it at once.
            self.filled.notified().await;
        }
    }
}

/// The receiving end of a [`CoreQueue`]; dropping it drops `guard`, which unsubscribes.
pub(crate) struct QueueSubscription {
    pub(crate) queue: Arc<CoreQueue>,
    pub(crate) guard: Box<dyn Any + Send>,
}

#[async_trait]
impl Subscription for QueueSubscription {
    async fn next(&mut self) -> Option<CoreEvent> {
        let _ = &self.guard;
        self.queue.next().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn message(size: usize) -> CoreMessage {
        CoreMessage { subject: "s".into(), payload: Bytes::from(vec![0; size]), reply: None }
    }

    #[tokio::test]
    async fn loss_is_reported_where_it_happened() {
        let queue = CoreQueue::default();
        for _ in 0..SUBSCRIPTION_CAPACITY + 5 {
            queue.push(message(1));
        }
        for _ in 0..SUBSCRIPTION_CAPACITY {
            assert!(matches!(queue.next().await, Some(CoreEvent::Message(_))));
        }
        queue.push(message(1));
        assert!(matches!(queue.next().await, Some(CoreEvent::Lagged)));
        assert!(matches!(queue.next().await, Some(CoreEvent::Message(_))));
        queue.close();
        assert!(queue.next().await.is_none());
    }

    #[tokio::test]
    async fn bytes_are_bounded_too() {
        let queue = CoreQueue::default();
        queue.push(message(SUBSCRIPTION_BYTES));
        queue.push(message(1));
        assert!(matches!(queue.next().await, Some(CoreEvent::Message(_))));
        assert!(matches!(queue.next().await, Some(CoreEvent::Lagged)));
        queue.push(message(1));
        assert!(matches!(queue.next().await, Some(CoreEvent::Message(_))));
    }
}
