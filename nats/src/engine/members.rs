//! Who shares the logs of a kind of work: each says that it is there, and rendezvous hashing says which logs are whose. It is
//! a hint: two who do not know one another may both take a log.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use kefu_model::ids::stable_hash;

use crate::broker::{Broker, LogName, subject};
use crate::payload::{self, HeartbeatWire, OwnedWire};
use crate::transport::{Subscription, TransportError};

/// How often a member says that it is there.
const HEARTBEAT_EVERY: Duration = Duration::from_millis(500);
/// A member not heard of for this long is taken for gone.
pub(super) const WORKER_SILENCE: Duration = Duration::from_secs(2);

#[derive(Debug)]
struct Peer {
    heard_at: Instant,
    owned: HashSet<LogName>,
}

impl Peer {
    fn is_heard(&self) -> bool {
        self.heard_at.elapsed() < WORKER_SILENCE
    }
}

/// A member, and what it heard of the others.
pub(super) struct Members {
    broker: Broker,
    name: String,
    work: &'static str,
    peers: HashMap<String, Peer>,
    heartbeats: Box<dyn Subscription>,
    settled_at: Instant,
    beat_at: Option<Instant>,
}

impl Members {
    /// Takes part in a kind of work under a name; it listens for `settle` before anything is its own.
    pub(super) async fn join(
        broker: Broker,
        name: String,
        work: &'static str,
        settle: Duration,
    ) -> Result<Self, TransportError> {
        let heartbeats = broker.transport().subscribe(subject::HEARTBEAT).await?;
        let settled_at = Instant::now() + settle;
        Ok(Self { broker, name, work, peers: HashMap::new(), heartbeats, settled_at, beat_at: None })
    }

    /// Whether this log is this member's.
    pub(super) fn is_mine(&self, log: LogName) -> bool {
        let (mine, text) = (weight(&self.name, &log.to_string()), log.to_string());
        let alive = self.peers.iter().filter(|(_, peer)| peer.is_heard());
        Instant::now() >= self.settled_at && alive.map(|(name, _)| weight(name, &text)).all(|theirs| theirs < mine)
    }

    /// Whether somebody else said lately that they own it.
    pub(super) fn is_owned_by_another(&self, log: LogName) -> bool {
        self.peers.values().any(|peer| peer.is_heard() && peer.owned.contains(&log))
    }

    /// Whether it has to say again that it is there.
    pub(super) fn is_due(&self) -> bool {
        self.beat_at.is_none_or(|beat_at| beat_at.elapsed() >= HEARTBEAT_EVERY)
    }

    /// Says that it is there, or that it goes.
    pub(super) async fn beat(&mut self, bye: bool, owned: Vec<OwnedWire>) {
        self.beat_at = Some(Instant::now());
        let beat = HeartbeatWire { worker: self.name.clone(), kinds: vec![self.work.to_owned()], bye, owned };
        if let Err(error) = self.broker.transport().publish(subject::HEARTBEAT, payload::encode(&beat)).await {
            tracing::debug!(%error, "a heartbeat was not sent");
        }
    }

    /// Listens until somebody was heard. Cancel-safe.
    pub(super) async fn hear(&mut self) -> Result<(), TransportError> {
        let event = self.heartbeats.next().await.ok_or(TransportError::Closed)?;
        let Some(message) = event.into_message() else { return Ok(()) };
        if let Ok(beat) = payload::decode::<HeartbeatWire>(&message.payload) {
            self.heard(beat);
        }
        Ok(())
    }

    fn heard(&mut self, beat: HeartbeatWire) {
        if beat.worker == self.name || !beat.kinds.iter().any(|kind| kind == self.work) {
            return;
        }
        if beat.bye {
            self.peers.remove(&beat.worker);
            return;
        }
        let owned = beat.owned.iter().filter_map(|owned| LogName::parse(&owned.log)).collect();
        self.peers.insert(beat.worker, Peer { heard_at: Instant::now(), owned });
        self.peers.retain(|_, peer| peer.heard_at.elapsed() < WORKER_SILENCE * 10);
    }
}

/// Rendezvous: the member with the highest weight is the first whose log it is. All members have to agree, of whatever
/// release: where each says that a log is the other's, nobody takes it.
fn weight<'a>(member: &'a str, log: &str) -> (u64, &'a str) {
    (stable_hash(&[b"member", member.as_bytes(), log.as_bytes()]), member)
}

#[cfg(test)]
mod tests;
