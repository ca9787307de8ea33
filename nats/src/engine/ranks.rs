//! Whose logs they are, by what one member knows of the others. Without I/O and without a clock.
//!
//! Each log has an order of members, the same for all: rendezvous hashing. The first of those heard from takes it. One who
//! cannot (its store is away, say) is passed over: every [`PASS_AFTER`] that nobody holds a log, one more of its order may
//! take it. Who took another's place keeps the log until one before it in the order holds it too.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use kefu_model::ids::stable_hash;

use crate::broker::LogName;

/// A member not heard of for this long is taken for gone.
pub(super) const SILENCE: Duration = Duration::from_millis(1_500);
/// A member not heard of for this long is asked whether it is there: a heartbeat of it is late.
pub(super) const DOUBT: Duration = Duration::from_millis(450);
/// How long a member that has begun to take logs still waits for others that come with it.
pub(super) const NEW_FOR: Duration = Duration::from_secs(3);
/// How long a log is held by nobody until the next of its order may take it too.
pub(super) const PASS_AFTER: Duration = Duration::from_secs(4);

/// What a member says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// The logs that it works on and gets on with.
    pub(super) holds: HashSet<LogName>,
    /// It takes no more, and gives up what it holds as it is done with it.
    pub(super) leaving: bool,
}

#[derive(Debug)]
struct Peer {
    heard_at: Instant,
    asked_at: Instant,
    word: Word,
    /// It takes nothing yet.
    listens: bool,
    weights: HashMap<LogName, u64>,
}

/// What a member knows.
#[derive(Debug)]
pub(super) struct Ranks {
    name: String,
    settle: Duration,
    weights: HashMap<LogName, u64>,
    peers: HashMap<String, Peer>,
    holds: HashSet<LogName>,
    unheld_since: HashMap<LogName, Instant>,
    settled_at: Instant,
    heard_itself_at: Instant,
}

impl Ranks {
    /// One that knows of nobody; it listens for `settle` before anything is its own.
    pub(super) fn new(name: String, settle: Duration, logs: impl Iterator<Item = LogName>, now: Instant) -> Self {
        let weights = logs.map(|log| (log, weight(&name, log))).collect();
        Self {
            name,
            settle,
            weights,
            peers: HashMap::new(),
            holds: HashSet::new(),
            unheld_since: HashMap::new(),
            settled_at: now + settle,
            heard_itself_at: now,
        }
    }

    /// It heard its own word: others hear it too, and it hears them.
    pub(super) fn heard_itself(&mut self, now: Instant) {
        self.heard_itself_at = now;
    }

    /// Whether it listens yet, and takes nothing.
    pub(super) fn listens(&self, now: Instant) -> bool {
        now < self.settled_at
    }

    /// Another one said this, and whether it listens yet.
    pub(super) fn heard(&mut self, name: String, word: Word, listens: bool, now: Instant) {
        let weights = &self.weights;
        let new = || Peer {
            heard_at: now,
            asked_at: now,
            word: Word::default(),
            listens,
            weights: weights.keys().map(|log| (*log, weight(&name, *log))).collect(),
        };
        let peer = self.peers.entry(name.clone()).or_insert_with(new);
        (peer.heard_at, peer.word, peer.listens) = (now, word, listens);
        self.peers.retain(|_, peer| now.duration_since(peer.heard_at) < SILENCE * 10);
        self.look(now);
    }

    /// Another one has gone.
    pub(super) fn gone(&mut self, name: &str, now: Instant) {
        self.peers.remove(name);
        self.look(now);
    }

    /// Those of whom it should be found out whether they are there; each once in a while. Nobody while it listens: its broker
    /// may know as little of others as it does itself.
    pub(super) fn doubted(&mut self, now: Instant) -> Vec<String> {
        let mut doubted = Vec::new();
        if self.listens(now) {
            return doubted;
        }
        for (name, peer) in &mut self.peers {
            if peer.is_heard(now) && peer.is_late(now) && now.duration_since(peer.asked_at) >= DOUBT {
                peer.asked_at = now;
                doubted.push(name.clone());
            }
        }
        doubted
    }

    /// The broker knows of no such process, or does not any more: it died, unless it was heard meanwhile. Says whether it is
    /// taken for gone.
    pub(super) fn unknown(&mut self, name: &str, now: Instant) -> bool {
        if !self.listens(now) && self.peers.get(name).is_some_and(|peer| peer.is_late(now)) {
            self.gone(name, now);
            return true;
        }
        false
    }

    #[cfg(test)]
    pub(super) fn knows(&self, name: &str) -> bool {
        self.peers.contains_key(name)
    }

    /// It may not have heard everything: who seems to be gone may be there. It listens again before it takes anything.
    pub(super) fn missed(&mut self, now: Instant) {
        self.settled_at = now + self.settle;
        self.unheld_since.clear();
    }

    /// It holds these.
    pub(super) fn hold(&mut self, logs: HashSet<LogName>, now: Instant) {
        self.holds = logs;
        self.look(now);
    }

    /// Time passes. To be called before anything is asked.
    pub(super) fn look(&mut self, now: Instant) {
        if now.duration_since(self.heard_itself_at) >= SILENCE {
            self.missed(now);
        }
        if self.listens(now) {
            return;
        }
        for log in self.weights.keys() {
            let held = self.holds.contains(log) || holders(&self.peers, *log, now).next().is_some();
            if held {
                self.unheld_since.remove(log);
            } else {
                self.unheld_since.entry(*log).or_insert(now);
            }
        }
    }

    /// Whether it may begin with this log.
    pub(super) fn may_begin(&self, log: LogName, now: Instant) -> bool {
        !self.listens(now) && self.is_entitled(log, now)
    }

    /// Whether it is the first of the log's order who is there.
    pub(super) fn is_first(&self, log: LogName, now: Instant) -> bool {
        self.before(log, now) == 0
    }

    /// Whether another one said lately that it holds it.
    pub(super) fn is_held_by_another(&self, log: LogName, now: Instant) -> bool {
        holders(&self.peers, log, now).next().is_some()
    }

    /// Whether this log is its own: nobody else holds it who is before it in the order or about to leave, and it is the first,
    /// or has it already, or those before it have been passed over.
    pub(super) fn is_entitled(&self, log: LogName, now: Instant) -> bool {
        let (mut held, mine) = (false, self.weight_of(log));
        for (name, peer) in holders(&self.peers, log, now) {
            if peer.word.leaving || (peer.weight_of(log), name) > (mine, &self.name) {
                return false;
            }
            held = true;
        }
        let before = self.before(log, now);
        before == 0 || self.holds.contains(&log) || (!held && before <= self.passes(log, now))
    }

    /// How many of those who are there come before it in the order. One who listens yet is not waited for, unless all have
    /// come just now: it takes its logs over when it is ready.
    fn before(&self, log: LogName, now: Instant) -> u128 {
        let mine = (self.weight_of(log), self.name.as_str());
        let is_old = now >= self.settled_at + NEW_FOR;
        let is_there = |peer: &Peer| peer.is_heard(now) && !peer.word.leaving && !(peer.listens && is_old);
        let there = self.peers.iter().filter(|(_, peer)| is_there(peer));
        there.map(|(name, peer)| u128::from((peer.weight_of(log), name.as_str()) > mine)).sum()
    }

    fn passes(&self, log: LogName, now: Instant) -> u128 {
        let unheld = self.unheld_since.get(&log).map(|since| now.duration_since(*since));
        unheld.map_or(0, |unheld| unheld.as_millis() / PASS_AFTER.as_millis())
    }

    fn weight_of(&self, log: LogName) -> u64 {
        self.weights.get(&log).copied().unwrap_or_default()
    }
}

impl Peer {
    fn is_heard(&self, now: Instant) -> bool {
        now.duration_since(self.heard_at) < SILENCE
    }

    fn is_late(&self, now: Instant) -> bool {
        now.duration_since(self.heard_at) >= DOUBT
    }

    fn weight_of(&self, log: LogName) -> u64 {
        self.weights.get(&log).copied().unwrap_or_default()
    }
}

fn holders(peers: &HashMap<String, Peer>, log: LogName, now: Instant) -> impl Iterator<Item = (&String, &Peer)> {
    peers.iter().filter(move |(_, peer)| peer.is_heard(now) && peer.word.holds.contains(&log))
}

/// Rendezvous: the member with the highest weight is first. All members have to agree, of whatever release: where each says
/// that a log is the other's, nobody takes it.
fn weight(member: &str, log: LogName) -> u64 {
    stable_hash(&[b"member", member.as_bytes(), log.to_string().as_bytes()])
}

#[cfg(test)]
mod tests;
