//! Core messages within one process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::oneshot;

use crate::transport::{CoreMessage, CoreQueue, QueueSubscription, Reply, ReplyPath, Subscription, TransportError};

/// Delivers messages to the subscriptions of this process.
#[derive(Default)]
pub(super) struct LocalCore {
    subscribers: RwLock<Subscribers>,
    askers: Mutex<HashMap<String, oneshot::Sender<Bytes>>>,
    next_id: AtomicU64,
}

#[derive(Default)]
struct Subscribers {
    exact: HashMap<String, Vec<(u64, Arc<CoreQueue>)>>,
    patterns: Vec<(String, u64, Arc<CoreQueue>)>,
    closed: bool,
}

impl LocalCore {
    /// Delivers to everybody who listens, and says to how many.
    pub(super) fn publish(self: &Arc<Self>, subject: &str, payload: &Bytes, reply_to: Option<&str>) -> usize {
        let subscribers = self.subscribers.read();
        let exact = subscribers.exact.get(subject).into_iter().flatten().map(|(_, queue)| queue);
        let patterns = subscribers.patterns.iter().filter(|(pattern, ..)| matches(pattern, subject));
        let mut count = 0;
        for queue in exact.chain(patterns.map(|(_, _, queue)| queue)) {
            let reply = reply_to.map(|to| Reply::new(to.to_owned(), self.clone()));
            queue.push(CoreMessage { subject: subject.to_owned(), payload: payload.clone(), reply });
            count += 1;
        }
        count
    }

    pub(super) fn subscribe(self: &Arc<Self>, subject: &str) -> Box<dyn Subscription> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let queue = Arc::new(CoreQueue::default());
        let mut subscribers = self.subscribers.write();
        if subscribers.closed {
            queue.close();
        } else if subject.contains(['*', '>']) {
            subscribers.patterns.push((subject.to_owned(), id, queue.clone()));
        } else {
            subscribers.exact.entry(subject.to_owned()).or_default().push((id, queue.clone()));
        }
        let guard = Guard { core: Arc::downgrade(self), subject: subject.to_owned(), id };
        Box::new(QueueSubscription { queue, guard: Box::new(guard) })
    }

    pub(super) async fn request(
        self: &Arc<Self>,
        subject: &str,
        payload: &Bytes,
        timeout: Duration,
    ) -> Result<Bytes, TransportError> {
        let (sender, receiver) = oneshot::channel();
        let inbox = format!("_INBOX.{}", self.next_id.fetch_add(1, Ordering::Relaxed));
        self.askers.lock().insert(inbox.clone(), sender);
        let asking = Asking { core: self, inbox };
        if self.publish(subject, payload, Some(&asking.inbox)) == 0 {
            return Err(TransportError::NoResponder { subject: subject.to_owned() });
        }
        match tokio::time::timeout(timeout, receiver).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(TransportError::Closed),
            Err(_) => Err(TransportError::Timeout),
        }
    }

    /// Ends all subscriptions and requests.
    pub(super) fn close(&self) {
        let mut subscribers = self.subscribers.write();
        subscribers.closed = true;
        subscribers.exact.drain().flat_map(|(_, queues)| queues).for_each(|(_, queue)| queue.close());
        subscribers.patterns.drain(..).for_each(|(_, _, queue)| queue.close());
        self.askers.lock().clear();
    }

    fn unsubscribe(&self, subject: &str, id: u64) {
        let mut subscribers = self.subscribers.write();
        subscribers.patterns.retain(|(_, known, _)| *known != id);
        if let Some(queues) = subscribers.exact.get_mut(subject) {
            queues.retain(|(known, _)| *known != id);
            if queues.is_empty() {
                subscribers.exact.remove(subject);
            }
        }
    }
}

#[async_trait]
impl ReplyPath for LocalCore {
    async fn reply(&self, subject: &str, payload: Bytes) -> Result<(), TransportError> {
        if let Some(asker) = self.askers.lock().remove(subject) {
            let _ = asker.send(payload);
        }
        Ok(())
    }
}

/// Removes the asker however the request ends.
struct Asking<'a> {
    core: &'a LocalCore,
    inbox: String,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.core.askers.lock().remove(&self.inbox);
    }
}

/// Unsubscribes.
struct Guard {
    core: Weak<LocalCore>,
    subject: String,
    id: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            core.unsubscribe(&self.subject, self.id);
        }
    }
}

/// Whether a subject fits a pattern: `*` stands for one token, a last `>` for one or more.
fn matches(pattern: &str, subject: &str) -> bool {
    let mut tokens = subject.split('.');
    for wanted in pattern.split('.') {
        match (wanted, tokens.next()) {
            (_, None) => return false,
            (">", Some(_)) => return true,
            ("*", Some(_)) => {}
            (wanted, Some(token)) if wanted == token => {}
            _ => return false,
        }
    }
    tokens.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_nats() {
        for (pattern, subject, expected) in [
            ("a.b", "a.b", true),
            ("a.*", "a.b", true),
            ("a.*", "a.b.c", false),
            ("a.*", "a", false),
            ("a.>", "a.b.c", true),
            ("a.>", "a", false),
            ("*.b.>", "x.b.y", true),
            (">", "a", true),
        ] {
            assert_eq!(matches(pattern, subject), expected, "{pattern} {subject}");
        }
    }
}
