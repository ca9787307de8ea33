//! The broker seam, at the level of bytes: streams that keep what was appended, and core messages that do not.
//!
//! [`Transport`] is the contract; `crate::jetstream` and `crate::embedded` implement it, `crate::conformance` holds
//! them to it and `crate::faulty` breaks it in the ways a network does.

mod core;
mod error;
mod queue;
mod spec;
mod ticket;

pub use self::core::{CoreEvent, CoreMessage, Reply, ReplyPath, Subscription};
pub use self::error::{Cause, TransportError};
pub use self::spec::{Durability, Overflow, StreamInfo, StreamRecord, StreamSpec, UNLIMITED_BYTES};
pub use self::ticket::{AppendTicket, TicketSender};

pub(crate) use self::queue::{CoreQueue, QueueSubscription};
pub(crate) use self::spec::{check_payload, check_spec, check_subject, first_difference};

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;
use uuid::Uuid;

/// A record's place in its stream: 1-based and dense as appended (the sequence of JetStream).
pub type Position = u64;

/// The largest payload of a record or a core message, in bytes: 1 MiB (what a NATS server takes unless configured
/// otherwise) less 1 KiB for headers. Anything larger is refused with [`TransportError::TooLarge`].
pub const MAX_PAYLOAD_BYTES: usize = 1024 * 1024 - 1024;

/// The longest message id of an append, in bytes.
pub const MAX_MSG_ID_BYTES: usize = 256;

/// How many core messages wait in one subscription before further ones are dropped and reported as
/// [`CoreEvent::Lagged`].
pub const SUBSCRIPTION_CAPACITY: usize = 4096;

/// The same limit in bytes of payloads: 64 MiB.
pub const SUBSCRIPTION_BYTES: usize = 64 * 1024 * 1024;

/// How many appends of one stream may be enqueued and unanswered; beyond that [`Transport::append`] waits.
pub const MAX_APPENDS_IN_FLIGHT: usize = 4096;

/// Whether the broker can be reached at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionState {
    /// Calls are expected to get through.
    Connected,
    /// Calls fail or wait; the transport reconnects by itself and for ever.
    Disconnected,
}

/// A broker: durable or volatile streams, and core messages.
///
/// # Streams
///
/// * **Order.** Appends of one caller to one stream are stored in the order of the calls to [`append`](Self::append)
///   if they are stored at all; one that failed may be missing between its neighbours. Appends of different callers
///   interleave in any order. Every reader sees one and the same order.
/// * **Positions** are dense as appended, start at 1 and are never given twice in the life of a stream (its
///   [`StreamInfo::id`]), not even after a purge or a restart.
/// * **Atomicity.** One payload is stored whole or not at all. Nothing spans two payloads.
/// * **At least once or not at all.** A ticket that resolves to a position means stored as durably as the stream's
///   [`Durability`] says. [`TransportError::Ambiguous`] means that it may have happened, once, now or shortly; any
///   other error means that it did not happen and will not.
/// * **Deduplication.** A `msg_id` that the stream took within its duplicate window answers with the *original*
///   position and appends nothing. The window is a convenience; correctness must not depend on it: it may be forgotten
///   when the broker restarts, and holds a bounded number of ids.
/// * **Gaps.** A reader yields every record from its start on, ascending. A jump between two positions means that the
///   records between were purged, aged out or pushed out by newer ones ([`Overflow::DropOldest`]), never that they
///   were lost on the way.
///
/// # Core messages
///
/// At most once, kept nowhere, in order per publisher and subscriber. A subscriber that does not keep up, or whose
/// connection broke, is told so by [`CoreEvent::Lagged`] where the hole may be. What was lost on the publisher's side, with
/// its connection, is told to nobody: whoever must know numbers the messages.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Creates the stream, or verifies that the existing one has this shape. Several processes may call it at once.
    ///
    /// # Errors
    /// [`TransportError::Mismatch`] names the first field that differs; nothing is changed then.
    async fn open_stream(&self, spec: &StreamSpec) -> Result<StreamInfo, TransportError>;

    /// Enqueues one record; the order of calls is the order of sending. Waits while [`MAX_APPENDS_IN_FLIGHT`] are
    /// unanswered. Once it returned a ticket the append goes on, whether or not the ticket is kept.
    ///
    /// # Errors
    /// Errors of the call itself mean that nothing was or will be stored. The ticket's errors are told apart by
    /// [`TransportError::is_ambiguous`].
    async fn append(&self, stream: &str, payload: Bytes, msg_id: Option<&str>) -> Result<AppendTicket, TransportError>;

    /// Reads from the first record at or after `from`, in order, and then follows the live stream.
    ///
    /// # Errors
    /// [`TransportError::NotFound`] if there is no such stream.
    async fn read(&self, stream: &str, from: Position) -> Result<Box<dyn StreamReader>, TransportError>;

    /// The stream's identity and bounds; with several servers the leader's view, so never older than an append that
    /// was answered before the call.
    async fn info(&self, stream: &str) -> Result<StreamInfo, TransportError>;

    /// The record at `position`, or `None` if it was purged or not written yet.
    async fn read_one(&self, stream: &str, position: Position) -> Result<Option<StreamRecord>, TransportError>;

    /// Drops the records below `position`, but never the last record of the stream. Durable when it returns (for a
    /// stream on disk), idempotent, and no error if there is nothing to drop.
    async fn purge_below(&self, stream: &str, position: Position) -> Result<(), TransportError>;

    /// Sends a core message, at most once. Returning means that it was handed to the connection, not that anyone got
    /// it.
    async fn publish(&self, subject: &str, payload: Bytes) -> Result<(), TransportError>;

    /// Subscribes to a subject: exact, or with the wildcards of NATS (`*` is one token, a last `>` is one or more).
    /// Every message published through the same transport after this returned is delivered; one published through
    /// another connection is, too, once this connection was flushed.
    async fn subscribe(&self, subject: &str) -> Result<Box<dyn Subscription>, TransportError>;

    /// Sends a core message and waits for the first reply.
    ///
    /// # Errors
    /// [`TransportError::NoResponder`] at once if nobody subscribes; [`TransportError::Timeout`] if nobody answered in
    /// `timeout` (the request may have been handled).
    async fn request(&self, subject: &str, payload: Bytes, timeout: Duration) -> Result<Bytes, TransportError>;

    /// Waits until the broker has taken every core message and subscription sent before.
    async fn flush(&self) -> Result<(), TransportError>;

    /// Sends what is enqueued, then closes; every later call answers [`TransportError::Closed`] and every subscription
    /// and reader ends. Calling it again is no error.
    async fn close(&self) -> Result<(), TransportError>;

    /// The state of the connection, to be watched.
    fn connection(&self) -> watch::Receiver<ConnectionState>;

    /// Why the last append could not be stored, as far as this end knows; none once appends are stored again.
    fn trouble(&self) -> Option<&'static str> {
        None
    }
}

/// Reads one stream in order. It survives reconnects and restarts of the broker by itself: [`next`](Self::next) just
/// waits meanwhile.
#[async_trait]
pub trait StreamReader: Send {
    /// The next record; waits for it for as long as it takes. Cancel-safe: a dropped call loses nothing, the next call
    /// yields the same record.
    ///
    /// # Errors
    /// All errors are final: [`TransportError::StreamReplaced`] if the stream was deleted or is another one now,
    /// [`TransportError::Corrupt`] if it cannot be read, [`TransportError::Closed`] after a close.
    async fn next(&mut self) -> Result<StreamRecord, TransportError>;

    /// Whether a record that was not yielded yet is known to be there, so that [`next`](Self::next) does not wait for a
    /// writer. It may be false while one is on its way.
    fn has_more(&self) -> bool;

    /// The identity of the stream being read.
    fn stream_id(&self) -> Uuid;
}
