//! Who shares the logs of a kind of work: each says that it is there and which it holds, and [`Ranks`] says which logs are
//! whose. It is a hint: two who do not hear one another may both take a log.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use super::ranks::{Ranks, Word};
use crate::broker::{Broker, LogKind, LogName, subject};
use crate::payload::{self, HeartbeatWire, OwnedWire};
use crate::transport::{CoreEvent, Subscription, TransportError};

/// How often a member says that it is there.
pub(super) const HEARTBEAT_EVERY: Duration = Duration::from_millis(300);
/// How long a member is waited for that is asked whether it is there.
const ANSWER_WITHIN: Duration = Duration::from_millis(400);

/// A member, and what it heard of the others.
pub(super) struct Members {
    broker: Broker,
    name: String,
    work: &'static str,
    ranks: Ranks,
    heartbeats: Box<dyn Subscription>,
    /// Others ask here whether it is there.
    asked: Box<dyn Subscription>,
    /// Those that it asks, each with whether the broker knows nobody of that name.
    asking: FuturesUnordered<BoxFuture<'static, (String, bool)>>,
    said: Word,
    said_to_listen: bool,
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
        let asked = broker.transport().subscribe(&subject::member(&name, work)).await?;
        let ranks = Ranks::new(name.clone(), settle, broker.logs_of(kind), Instant::now());
        let (asking, said, said_to_listen) = (FuturesUnordered::new(), Word::default(), true);
        Ok(Self { broker, name, work, ranks, heartbeats, asked, asking, said, said_to_listen, beat_at: None })
    }

    /// Time has passed, and this member holds these logs. To be called before anything is asked.
    pub(super) fn look(&mut self, holds: HashSet<LogName>) {
        let now = Instant::now();
        self.ranks.hold(holds, now);
        for name in self.ranks.doubted(now) {
            self.ask(name);
        }
    }

    /// Asks one whose heartbeat is late. A process that was killed left its subscriptions with its connection, so the broker
    /// says at once that nobody is there; whoever is only slow answers or does not.
    fn ask(&self, name: String) {
        let (transport, subject) = (self.broker.transport().clone(), subject::member(&name, self.work));
        self.asking.push(Box::pin(async move {
            let answer = transport.request(&subject, Bytes::new(), ANSWER_WITHIN).await;
            (name, matches!(answer, Err(TransportError::NoResponder { .. })))
        }));
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
        let is_news = *word != self.said || self.ranks.listens(Instant::now()) != self.said_to_listen;
        is_news || self.beat_at.is_none_or(|beat_at| beat_at.elapsed() >= HEARTBEAT_EVERY)
    }

    /// Says that it is there, what it holds, and of what it owns how that stands.
    pub(super) async fn beat(&mut self, word: Word, owned: Vec<OwnedWire>) {
        self.said = word;
        self.said_to_listen = self.ranks.listens(Instant::now());
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
            listens: self.said_to_listen,
        };
        if let Err(error) = self.broker.transport().publish(subject::HEARTBEAT, payload::encode(&beat)).await {
            tracing::debug!(%error, "a heartbeat was not sent");
        }
    }

    /// Listens until there is something new. Cancel-safe.
    pub(super) async fn hear(&mut self) -> Result<(), TransportError> {
        tokio::select! {
            event = self.heartbeats.next() => match event.ok_or(TransportError::Closed)? {
                CoreEvent::Lagged => self.ranks.missed(Instant::now()),
                CoreEvent::Message(message) => {
                    if let Ok(beat) = payload::decode::<HeartbeatWire>(&message.payload) {
                        self.heard(beat);
                    }
                }
            },
            event = self.asked.next() => {
                let message = event.ok_or(TransportError::Closed)?.into_message();
                if let Some(reply) = message.and_then(|message| message.reply) {
                    // Whoever gets no answer asks again.
                    let _ = reply.send(Bytes::new()).await;
                }
            }
            Some((name, unknown)) = self.asking.next() => {
                if unknown && self.ranks.unknown(&name, Instant::now()) {
                    tracing::info!(member = name, work = self.work, "a member is gone without a word");
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
            self.ranks.heard(beat.worker, Word { holds, leaving: beat.leaving }, beat.listens, now);
        }
    }
}

#[cfg(test)]
mod tests;
