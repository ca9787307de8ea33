//! The task of one log.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::OptionFuture;
use kefu_model::ids::TenantId;
use kefu_model::{ConversationId, Outcome, Refusal};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::follow::{Continuity, Follows, Key, Waiting};
use super::metrics::{Again, LinkMetrics};
use super::numbering::{Came, Numbering};
use super::outbox::{OnWire, Outbox};
use super::{AttachRequest, LinkConfig, LinkEvent};
use crate::broker::{Broker, LogName, subject};
use crate::codec;
use crate::payload::{self, AttachItemWire, AttachWire, DeliveryItemWire, DeliveryWire, SnapshotWire};
use crate::transport::{AppendTicket, TransportError};
use crate::view::{Cursor, Snapshot};

/// What the task is told.
pub(super) enum Note {
    Submit {
        command: Bytes,
        on_answer: OnWire,
    },
    Attach(AttachRequest),
    Detach {
        tenant: TenantId,
        conversation: ConversationId,
    },
    /// A delivery, and its place among those that may wait.
    Delivery(DeliveryWire, OwnedSemaphorePermit),
    Heartbeat {
        generation: u64,
        number: Option<u64>,
    },
    /// Deliveries may be missing.
    Suspect,
}

const TICK: Duration = Duration::from_millis(100);
/// How often an owner is told that this edge is alive.
const ALIVE_EVERY: Duration = Duration::from_secs(5);
/// Pause after an envelope that failed.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The envelope in flight.
struct Sending {
    id: String,
    payload: Bytes,
    ticket: Option<AppendTicket>,
    since: Instant,
    retry_at: Instant,
}

pub(super) struct LogTask {
    broker: Broker,
    config: LinkConfig,
    metrics: LinkMetrics,
    log: LogName,
    inbox: mpsc::UnboundedReceiver<Note>,
    events: mpsc::Sender<LinkEvent>,
    outbox: Outbox,
    follows: Follows,
    sending: Option<Sending>,
    envelopes: u64,
    numbering: Numbering,
    alive_at: Instant,
    ready: VecDeque<LinkEvent>,
}

impl LogTask {
    pub(super) fn new(
        broker: Broker,
        config: LinkConfig,
        metrics: LinkMetrics,
        log: LogName,
        inbox: mpsc::UnboundedReceiver<Note>,
        events: mpsc::Sender<LinkEvent>,
    ) -> Self {
        Self {
            outbox: Outbox::new(config.edge.clone()),
            broker,
            config,
            metrics,
            log,
            inbox,
            events,
            follows: Follows::default(),
            sending: None,
            envelopes: 0,
            numbering: Numbering::default(),
            alive_at: Instant::now(),
            ready: VecDeque::new(),
        }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut ticker = tokio::time::interval(TICK);
        ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let ticket = OptionFuture::from(self.sending.as_mut().and_then(|sending| sending.ticket.as_mut()));
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(result) = ticket => self.appended(result),
                note = self.inbox.recv() => match note {
                    Some(note) => self.take_all(note),
                    None => break,
                },
                _ = ticker.tick() => self.tick().await,
            }
            self.send_envelope().await;
            self.send_attaches().await;
            if !self.hand_on().await {
                break;
            }
        }
        self.inbox.close();
        while let Ok(note) = self.inbox.try_recv() {
            self.take(note);
        }
        self.outbox.close();
    }

    fn take_all(&mut self, first: Note) {
        let mut next = Some(first);
        while let Some(note) = next {
            self.take(note);
            next = self.inbox.try_recv().ok();
        }
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Submit { command, on_answer } => self.outbox.push(command, on_answer),
            Note::Attach(request) => self.follows.attach(request),
            Note::Detach { tenant, conversation } => self.follows.detach(&(tenant, conversation)),
            Note::Delivery(delivery, place) => {
                self.take_delivery(delivery);
                drop(place);
            }
            Note::Heartbeat { generation, number } => self.take_heartbeat(generation, number),
            Note::Suspect => {
                self.metrics.again(Again::Suspect);
                self.follows.reattach_all();
            }
        }
    }

    /// What was missed is asked for, and what may have been lost is sent again.
    fn again(&mut self, why: Again) {
        self.metrics.again(why);
        self.follows.reattach_all();
        self.outbox.resend_all();
    }

    fn take_heartbeat(&mut self, generation: u64, number: Option<u64>) {
        match self.numbering.promised(generation, number) {
            // Who follows nothing needs not be known.
            Some(Again::Forgotten) if self.follows.is_empty() => {}
            Some(why) => self.again(why),
            None => {}
        }
    }

    fn take_delivery(&mut self, delivery: DeliveryWire) {
        match self.numbering.came(delivery.generation, delivery.number) {
            Came::Next => {}
            Came::After(why) => self.again(why),
            Came::Old => return,
        }
        let epoch = delivery.epoch;
        for item in delivery.items {
            if let Err(error) = self.take_item(epoch, item) {
                tracing::error!(log = %self.log, %error, "an item of a delivery cannot be read");
            }
        }
    }

    fn take_item(&mut self, epoch: u64, item: DeliveryItemWire) -> Result<(), payload::PayloadError> {
        match item {
            DeliveryItemWire::Answer(token, answer) => self.outbox.answer(token, answer),
            DeliveryItemWire::Outcome(bytes) => self.take_outcome(epoch, codec::decode_outcome(&bytes)?),
            DeliveryItemWire::Attached(token, snapshot, recovered, missed) => {
                let missed: Result<Vec<_>, _> =
                    missed.iter().map(|bytes| codec::decode_outcome(bytes).map(Arc::new)).collect();
                self.take_attached(token, snapshot, recovered, missed?)?;
            }
            DeliveryItemWire::AttachFailed(token, _, _, code) => {
                if let Some(waiting) = self.follows.answered(token) {
                    self.attach_failed(waiting, Refusal::from_code(code).unwrap_or(Refusal::NoAnswer));
                }
            }
        }
        Ok(())
    }

    fn take_outcome(&mut self, epoch: u64, outcome: Outcome) {
        let key: Key = (outcome.tenant.clone(), outcome.conversation);
        match self.follows.continues(&key, epoch, &outcome) {
            Continuity::Next => self.outcomes(key, epoch, Arc::new(outcome)),
            Continuity::Drop => {}
            Continuity::Hole => self.follows.reattach(&key),
        }
    }

    fn outcomes(&mut self, key: Key, epoch: u64, outcome: Arc<Outcome>) {
        if let Some(LinkEvent::Outcomes { tenant, conversation, epoch: of, outcomes }) = self.ready.back_mut()
            && (&*tenant, *conversation, *of) == (&key.0, key.1, epoch)
        {
            outcomes.push(outcome);
            return;
        }
        let (tenant, conversation) = key;
        self.ready.push_back(LinkEvent::Outcomes { tenant, conversation, epoch, outcomes: vec![outcome] });
    }

    fn take_attached(
        &mut self,
        token: u64,
        snapshot: SnapshotWire,
        recovered: bool,
        missed: Vec<Arc<Outcome>>,
    ) -> Result<(), payload::PayloadError> {
        let Some(waiting) = self.follows.answered(token) else { return Ok(()) };
        let snapshot = Arc::new(Snapshot::try_from(snapshot)?);
        let cursor = Cursor { epoch: snapshot.epoch, rev: snapshot.conversation.rev };
        let key = waiting.key;
        let tenant = key.0.clone();
        self.follows.stands(&key, cursor, waiting.asked_by.is_none());
        match waiting.asked_by {
            Some(token) => self.ready.push_back(LinkEvent::Attached { token, tenant, snapshot, recovered, missed }),
            None if recovered => {
                for outcome in missed {
                    self.outcomes(key.clone(), cursor.epoch, outcome);
                }
            }
            None => self.ready.push_back(LinkEvent::Reset { tenant, snapshot }),
        }
        Ok(())
    }

    fn attach_failed(&mut self, waiting: Waiting, refusal: Refusal) {
        let (tenant, conversation) = waiting.key;
        if let Some(token) = waiting.asked_by {
            self.ready.push_back(LinkEvent::AttachFailed { token, tenant, conversation, refusal });
        }
    }

    async fn tick(&mut self) {
        let deadline = Duration::from_millis(self.config.answer_deadline_ms);
        self.metrics.stands(self.log, self.outbox.pending(), self.inbox.len());
        self.outbox.tick(Duration::from_millis(self.config.resend_after_ms), deadline);
        for waiting in self.follows.give_up(deadline) {
            self.attach_failed(waiting, Refusal::NoAnswer);
        }
        if self.alive_at.elapsed() > ALIVE_EVERY {
            self.alive_at = Instant::now();
            if !self.follows.is_empty() || self.numbering.is_begun() {
                self.send_attach(Vec::new()).await;
            }
        }
    }

    async fn send_attaches(&mut self) {
        loop {
            let items = self.follows.due();
            if items.is_empty() {
                return;
            }
            self.send_attach(items).await;
        }
    }

    async fn send_attach(&mut self, items: Vec<AttachItemWire>) {
        let wire = AttachWire { edge: self.config.edge.clone(), items };
        if let Err(error) = self.broker.transport().publish(&subject::attach(self.log), payload::encode(&wire)).await {
            tracing::debug!(log = %self.log, %error, "an attach was not sent; it is tried again");
        }
    }

    /// Exactly one envelope is in flight: the next one leaves when this one was taken.
    async fn send_envelope(&mut self) {
        if self.sending.is_none() {
            let Some(payload) = self.outbox.envelope() else { return };
            self.envelopes += 1;
            let id = format!("{}:{}:{}", self.config.edge, self.log, self.envelopes);
            self.sending = Some(Sending { id, payload, ticket: None, since: Instant::now(), retry_at: Instant::now() });
        }
        let Some(sending) = self.sending.as_mut() else { return };
        if sending.ticket.is_some() || Instant::now() < sending.retry_at {
            return;
        }
        let stream = self.log.in_stream();
        match self.broker.transport().append(&stream, sending.payload.clone(), Some(&sending.id)).await {
            Ok(ticket) => sending.ticket = Some(ticket),
            Err(error) => self.envelope_failed(&error),
        }
    }

    fn appended(&mut self, result: Result<u64, TransportError>) {
        match result {
            Ok(_) => {
                if let Some(sent) = self.sending.take() {
                    self.metrics.taken(sent.since.elapsed());
                }
            }
            Err(error) => self.envelope_failed(&error),
        }
    }

    /// The same envelope is sent again with the same id. One that can never be taken is dropped: its commands run into their
    /// deadline.
    fn envelope_failed(&mut self, error: &TransportError) {
        if !(error.is_retryable() || error.is_ambiguous()) {
            tracing::error!(log = %self.log, %error, "an envelope was refused for good");
            self.sending = None;
        } else if let Some(sending) = self.sending.as_mut() {
            tracing::debug!(log = %self.log, %error, "an envelope is sent again");
            sending.ticket = None;
            sending.retry_at = Instant::now() + RETRY_PAUSE;
        }
    }

    /// Hands events on; false when nobody listens any more.
    async fn hand_on(&mut self) -> bool {
        while let Some(event) = self.ready.pop_front() {
            if self.events.send(event).await.is_err() {
                return false;
            }
        }
        true
    }
}
