//! The promise of an answer to an append.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;
use tokio::sync::oneshot;

use super::{Position, TransportError};

/// Resolves to the position of an appended record. Dropping it does not take the append back.
#[must_use = "an append is confirmed only once its ticket resolved"]
pub struct AppendTicket(Inner);

enum Inner {
    Ready(Option<Result<Position, TransportError>>),
    Channel(oneshot::Receiver<Result<Position, TransportError>>),
    Future(BoxFuture<'static, Result<Position, TransportError>>),
}

/// Resolves an [`AppendTicket`]. Dropping it unresolved answers [`TransportError::Ambiguous`].
pub struct TicketSender(oneshot::Sender<Result<Position, TransportError>>);

impl TicketSender {
    /// Answers; whether anybody still waits does not matter.
    pub fn resolve(self, answer: Result<Position, TransportError>) {
        let _ = self.0.send(answer);
    }
}

impl AppendTicket {
    /// A ticket and what resolves it.
    pub fn channel() -> (TicketSender, Self) {
        let (sender, receiver) = oneshot::channel();
        (TicketSender(sender), Self(Inner::Channel(receiver)))
    }

    /// A ticket that is resolved already.
    pub fn ready(answer: Result<Position, TransportError>) -> Self {
        Self(Inner::Ready(Some(answer)))
    }

    /// A ticket that resolves as `future` does; the append must not depend on its being polled.
    pub fn from_future(future: impl Future<Output = Result<Position, TransportError>> + Send + 'static) -> Self {
        Self(Inner::Future(Box::pin(future)))
    }
}

impl Future for AppendTicket {
    type Output = Result<Position, TransportError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Inner::Ready(answer) => Poll::Ready(answer.take().unwrap_or(Err(TransportError::Closed))),
            Inner::Future(future) => future.as_mut().poll(cx),
            Inner::Channel(receiver) => Poll::Ready(match ready!(Pin::new(receiver).poll(cx)) {
                Ok(answer) => answer,
                Err(_) => Err(TransportError::ambiguous("the writer ended before it answered")),
            }),
        }
    }
}

impl fmt::Debug for AppendTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AppendTicket")
    }
}
