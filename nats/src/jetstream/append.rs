//! Appends: sent in the order of the calls, answered by one task per stream.

use std::sync::Arc;

use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout_at};

use super::connection::Connection;
use super::errors;
use crate::transport::{AppendTicket, MAX_APPENDS_IN_FLIGHT, TicketSender, TransportError};

/// An append that was sent.
struct Sent {
    answer: PublishAckFuture,
    deadline: Instant,
    ticket: TicketSender,
    /// Given back once it is answered.
    _place: OwnedSemaphorePermit,
}

/// Sends appends to one stream.
#[derive(Clone)]
pub(super) struct Appender {
    subject: Arc<str>,
    sent: mpsc::Sender<Sent>,
    places: Arc<Semaphore>,
}

impl Appender {
    /// Starts the task that takes the answers; it ends with the appender.
    pub(super) fn start(connection: &Connection, stream: &str) -> Self {
        let (sent, answers) = mpsc::channel(MAX_APPENDS_IN_FLIGHT);
        tokio::spawn(take_answers(stream.to_owned(), answers));
        let places = Arc::new(Semaphore::new(MAX_APPENDS_IN_FLIGHT));
        Self { subject: connection.stream_subject(stream).into(), sent, places }
    }

    /// Waits until every append that was sent is answered.
    pub(super) async fn all_answered(&self) {
        let _ = self.places.acquire_many(MAX_APPENDS_IN_FLIGHT as u32).await;
    }

    /// Sends one append.
    pub(super) async fn append(
        &self,
        connection: &Connection,
        payload: Bytes,
        msg_id: Option<&str>,
    ) -> Result<AppendTicket, TransportError> {
        let _place = self.places.clone().acquire_owned().await.map_err(|_| TransportError::Closed)?;
        connection.check()?;
        let size = payload.len();
        let mut message = PublishMessage::build().payload(payload);
        if let Some(id) = msg_id {
            message = message.message_id(id);
        }
        let sent = connection.context.send_publish(self.subject.to_string(), message).await;
        let answer = sent.map_err(|error| errors::not_sent(error, size))?;
        let deadline = Instant::now() + connection.config.append_timeout;
        let (ticket, waiting) = AppendTicket::channel();
        // The channel is as large as there are places, so there is room.
        let sent = self.sent.try_send(Sent { answer, deadline, ticket, _place });
        sent.map_err(|_| TransportError::ambiguous("the append was sent and nobody waits for its answer"))?;
        Ok(waiting)
    }
}

/// Resolves tickets in the order of sending, which is the order of the server's answers too.
async fn take_answers(stream: String, mut answers: mpsc::Receiver<Sent>) {
    while let Some(Sent { answer, deadline, ticket, _place }) = answers.recv().await {
        ticket.resolve(match timeout_at(deadline, answer.into_future()).await {
            Ok(Ok(ack)) => Ok(ack.sequence),
            Ok(Err(error)) => Err(errors::not_stored(&stream, error)),
            Err(elapsed) => Err(TransportError::ambiguous(elapsed)),
        });
    }
}
