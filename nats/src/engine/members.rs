//! Who shares the logs of a kind of work: each says that it is there and which it holds, and [`Ranks`] says which logs are
//! whose. It is a hint: two who do not hear one another may both take a log.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::ranks::{Ranks, Word};
use crate::broker::{Broker, LogKind, LogName, subject};
use crate::payload::{self, HeartbeatWire, OwnedWire};
use crate::transport::{CoreEvent, Subscription, TransportError};

/// How often a member says that it is there.
pub(super) const HEARTBEAT_EVERY: Duration = Duration::from_millis(300);

/// A member, and what it heard of the others.
pub(super) struct Members {
    broker: Broker,
    name: String,
    work: &'static str,
    ranks: Ranks,
    heartbeats: Box<dyn Subscription>,
    said: Word,
    beat_at: Option<Instant>,
}

impl Members {
    /// Takes part in a kind of work on logs of a kind, under a name; it listens for `settle` before anything is its own.
    pub(super) async fn join(
        broker: Broker,
        name: String,
        work: &'static str,
        kind: LogKind,
        settle: Duration,
    ) -> Result<Self, TransportError> {
        let heartbeats = broker.transport().subscribe(subject::HEARTBEAT).await?;
        let ranks = Ranks::new(name.clone(), settle, broker.logs_of(kind), Instant::now());
        Ok(Self { broker, name, work, ranks, heartbeats, said: Word::default(), beat_at: None })
    }

    /// Time has passed, and this member holds these logs. To be called before anything is asked.
    pub(super) fn look(&mut self, holds: HashSet<LogName>) {
        self.ranks.hold(holds, Instant::now());
    }

    /// Whether it may begin with this log.
    pub(super) fn may_begin(&self, log: LogName) -> bool {
        self.ranks.may_begin(log, Instant::now())
    }

    /// Whether it may go on with this log.
    pub(super) fn may_go_on(&self, log: LogName) -> bool {
        self.ranks.is_entitled(log, Instant::now())
    }

    /// Whether nobody who is there comes before it in the log's order.
    pub(super) fn is_first(&self, log: LogName) -> bool {
        self.ranks.is_first(log, Instant::now())
    }

    /// Whether somebody else said lately that they hold it.
    pub(super) fn is_held_by_another(&self, log: LogName) -> bool {
        self.ranks.is_held_by_another(log, Instant::now())
    }

    /// Whether it has to say again that it is there, or what it holds.
    pub(super) fn is_due(&self, word: &Word) -> bool {
        *word != self.said || self.beat_at.is_none_or(|beat_at| beat_at.elapsed() >= HEARTBEAT_EVERY)
    }

    /// Says that it is there, what it holds, and of what it owns how that stands.
    pub(super) async fn beat(&mut self, word: Word, owned: Vec<OwnedWire>) {
        self.said = word;
        self.beat_at = Some(Instant::now());
        self.say(false, owned).await;
    }

    /// Says that it goes.
    pub(super) async fn bye(&mut self) {
        self.said = Word::default();
        self.say(true, Vec::new()).await;
    }

    async fn say(&mut self, bye: bool, owned: Vec<OwnedWire>) {
        let beat = HeartbeatWire {
            worker: self.name.clone(),
            kinds: vec![self.work.to_owned()],
            bye,
            owned,
            holds: self.said.holds.iter().map(ToString::to_string).collect(),
            leaving: self.said.leaving,
        };
        if let Err(error) = self.broker.transport().publish(subject::HEARTBEAT, payload::encode(&beat)).await {
            tracing::debug!(%error, "a heartbeat was not sent");
        }
    }

    /// Listens until somebody was heard. Cancel-safe.
    pub(super) async fn hear(&mut self) -> Result<(), TransportError> {
        match self.heartbeats.next().await.ok_or(TransportError::Closed)? {
            CoreEvent::Lagged => self.ranks.missed(Instant::now()),
            CoreEvent::Message(message) => {
                if let Ok(beat) = payload::decode::<HeartbeatWire>(&message.payload) {
                    self.heard(beat);
                }
            }
        }
        Ok(())
    }

    fn heard(&mut self, beat: HeartbeatWire) {
        if !beat.kinds.iter().any(|kind| kind == self.work) {
            return;
        }
        let now = Instant::now();
        if beat.worker == self.name {
            self.ranks.heard_itself(now);
        } else if beat.bye {
            self.ranks.gone(&beat.worker, now);
        } else {
            let holds = beat.holds.iter().filter_map(|log| LogName::parse(log)).collect();
            self.ranks.heard(beat.worker, Word { holds, leaving: beat.leaving }, now);
        }
    }
}
