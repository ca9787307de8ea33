//! What one process hands to another one, by its key, and waits for the answer of.

use std::time::Duration;

use bytes::Bytes;

use super::{Link, LinkEvent};
use crate::broker::subject;
use crate::transport::{CoreEvent, Subscription, TransportError};

/// Longest wait for an answer.
const WITHIN: Duration = Duration::from_secs(2);
/// Hex digits of a key.
const KEY_DIGITS: usize = 16;

/// A new key: what clients are told, so it says nothing of the process.
pub(super) fn new_key() -> String {
    format!("{:016x}", rand::random::<u64>())
}

impl Link {
    /// By what other processes reach this one; another one each time it starts.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.shared.key
    }

    /// Hands something to the process with that key, which gets it as [`LinkEvent::Relayed`].
    ///
    /// # Errors
    /// [`TransportError::NoResponder`] when there is no such process; [`TransportError::Timeout`] when it does not answer.
    pub async fn relay(&self, key: &str, payload: Bytes) -> Result<Bytes, TransportError> {
        let subject = subject::relay(key);
        if key.len() != KEY_DIGITS || !key.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(TransportError::NoResponder { subject: "a key that is none".to_owned() });
        }
        self.shared.broker.transport().request(&subject, payload, WITHIN).await
    }

    pub(super) async fn take_relayed(
        self,
        mut relayed: Box<dyn Subscription>,
        events: tokio::sync::mpsc::Sender<LinkEvent>,
    ) {
        while let Some(event) = self.next(&mut relayed).await {
            let Some(message) = CoreEvent::into_message(event) else { continue };
            let Some(reply) = message.reply else { continue };
            if events.send(LinkEvent::Relayed { payload: message.payload, reply }).await.is_err() {
                return;
            }
        }
    }
}
