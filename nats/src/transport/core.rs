//! Core messages: at most once, kept nowhere.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::TransportError;

/// What a subscription yields.
#[derive(Debug)]
pub enum CoreEvent {
    /// A message.
    Message(CoreMessage),
    /// Messages may be missing here: the queue overflowed or the connection broke. Whoever needs what they said has
    /// to ask again. Several losses in a row may be reported once.
    Lagged,
}

impl CoreEvent {
    /// The message, if it is one.
    pub fn into_message(self) -> Option<CoreMessage> {
        match self {
            Self::Message(message) => Some(message),
            Self::Lagged => None,
        }
    }
}

/// A core message.
#[derive(Debug)]
pub struct CoreMessage {
    /// The subject it was published on.
    pub subject: String,
    /// What was published.
    pub payload: Bytes,
    /// The way to answer, if it is a request.
    pub reply: Option<Reply>,
}

/// Answers one request.
pub struct Reply {
    subject: String,
    path: Arc<dyn ReplyPath>,
}

impl Reply {
    /// A reply to `subject` by way of `path`; made by the implementations.
    pub fn new(subject: String, path: Arc<dyn ReplyPath>) -> Self {
        Self { subject, path }
    }

    /// Sends the answer, at most once; an asker that has given up is no error.
    pub async fn send(self, payload: Bytes) -> Result<(), TransportError> {
        self.path.reply(&self.subject, payload).await
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// How an implementation carries an answer back.
#[async_trait]
pub trait ReplyPath: Send + Sync {
    /// Sends `payload` to the asker that waits on `subject`.
    async fn reply(&self, subject: &str, payload: Bytes) -> Result<(), TransportError>;
}

/// Receives core messages; dropping it unsubscribes.
#[async_trait]
pub trait Subscription: Send {
    /// The next message or the news of a loss; `None` once the transport was closed. Cancel-safe.
    async fn next(&mut self) -> Option<CoreEvent>;
}
