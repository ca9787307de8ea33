//! From outcomes to rollups: a pure fold.
//!
//! Every number belongs to the quarter of an hour in which its event happened. Time never goes back within a partition,
//! so only the newest bucket can still change; its counters, and the sessions that later events refer to, are the fold's
//! state. The state is part of the checkpoint, so a replay from there writes the same absolute numbers again.

mod state;

use std::collections::{BTreeMap, BTreeSet};

use kefu_model::{At, Audience, Event, Outcome, Partition, TenantId, User, UserId, UserKind};
use kefu_store::{BUCKET_MS, ConversationKey, Metric, RollupRow, Stamp, StoreError};

pub use state::StateError;

/// How long an ended session is remembered for its rating, in milliseconds (72 hours). A later rating counts, but for
/// no agent.
pub const RATING_WAIT_MS: u64 = 72 * 60 * 60 * 1_000;

/// Whose number and what it counts.
type CounterKey = (TenantId, Option<UserId>, Metric);

/// A number and the last record that changed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counter {
    value: u64,
    stamp: Stamp,
}

/// The last session of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Episode {
    ordinal: u64,
    opened_at: At,
    queued_at: At,
    agent: Option<UserId>,
    answered: bool,
    ended_at: Option<At>,
}

/// Folds the records of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    partition: Partition,
    /// The last record that was folded.
    stamp: Stamp,
    /// Start of the newest bucket.
    bucket: At,
    counters: BTreeMap<CounterKey, Counter>,
    episodes: BTreeMap<ConversationKey, Episode>,
    /// Counters of the newest bucket that changed since rows were taken.
    changed: BTreeSet<CounterKey>,
    /// Rows of earlier buckets that were not taken yet.
    finished: Vec<RollupRow>,
}

impl Fold {
    /// A fold from the beginning of a partition's log.
    #[must_use]
    pub fn new(partition: Partition) -> Self {
        Self {
            partition,
            stamp: Stamp::default(),
            bucket: At::default(),
            counters: BTreeMap::new(),
            episodes: BTreeMap::new(),
            changed: BTreeSet::new(),
            finished: Vec::new(),
        }
    }

    /// Takes the outcomes of a record that counts; one that was folded already changes nothing.
    ///
    /// # Errors
    /// [`StoreError::OutOfRange`] when epoch or position do not fit a stamp.
    pub fn fold(&mut self, epoch: u64, position: u64, outcomes: &[Outcome]) -> Result<(), StoreError> {
        let stamp = Stamp::new(epoch, position)?;
        if stamp <= self.stamp {
            return Ok(());
        }
        self.stamp = stamp;
        for outcome in outcomes {
            self.turn_to(outcome.at);
            let key = ConversationKey { tenant: outcome.tenant.clone(), conversation: outcome.conversation };
            for numbered in outcome.events() {
                self.absorb(&key, &numbered.event, outcome.at);
            }
        }
        Ok(())
    }

    /// Number of rows that [`Self::take_rows`] would answer.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.finished.len() + self.changed.len()
    }

    /// The rows that changed since the last call. Write them together with a checkpoint that names the last record folded
    /// and carries [`Self::to_state`].
    #[must_use]
    pub fn take_rows(&mut self) -> Vec<RollupRow> {
        let mut rows = std::mem::take(&mut self.finished);
        let changed = std::mem::take(&mut self.changed);
        rows.extend(changed.iter().filter_map(|key| self.row(key)));
        rows
    }

    fn row(&self, key: &CounterKey) -> Option<RollupRow> {
        let counter = self.counters.get(key)?;
        let (tenant, agent, metric) = key.clone();
        let (partition, bucket) = (self.partition, self.bucket);
        Some(RollupRow { tenant, partition, bucket, agent, metric, value: counter.value, stamp: counter.stamp })
    }

    /// Goes on to the bucket of that time. A clock that was set back keeps counting in the newest bucket.
    fn turn_to(&mut self, at: At) {
        let bucket = At(at.0 - at.0 % BUCKET_MS);
        if bucket <= self.bucket {
            return;
        }
        self.finished = self.take_rows();
        self.counters.clear();
        self.bucket = bucket;
        let remembered = |episode: &Episode| episode.ended_at.is_none_or(|end| at.millis_since(end) < RATING_WAIT_MS);
        self.episodes.retain(|_, episode| remembered(episode));
    }

    fn add(&mut self, key: &ConversationKey, agent: Option<&UserId>, metric: Metric, amount: u64) {
        let counter_key = (key.tenant.clone(), agent.cloned(), metric);
        let counter = self.counters.entry(counter_key.clone()).or_insert(Counter { value: 0, stamp: self.stamp });
        counter.value = counter.value.saturating_add(amount);
        counter.stamp = self.stamp;
        self.changed.insert(counter_key);
    }

    fn absorb(&mut self, key: &ConversationKey, event: &Event, at: At) {
        match event {
            Event::Message { by: Some(user), audience: Audience::All, .. } => self.message(key, user, at),
            Event::SessionOpened { session } => {
                self.add(key, None, Metric::SessionsOpened, 1);
                let (ordinal, agent, answered, ended_at) = (*session, None, false, None);
                let episode = Episode { ordinal, opened_at: at, queued_at: at, agent, answered, ended_at };
                self.episodes.insert(key.clone(), episode);
            }
            Event::SessionQueued { .. } => {
                if let Some(episode) = self.episodes.get_mut(key) {
                    episode.queued_at = at;
                    episode.agent = None;
                }
            }
            Event::SessionAssigned { agent, .. } => self.assigned(key, &agent.id, at, true),
            Event::SessionTransferred { agent, .. } => self.assigned(key, &agent.id, at, false),
            Event::SessionEnded { .. } => self.ended(key, at),
            Event::SessionRated { session, score, .. } => self.rated(key, *session, *score),
            _ => {}
        }
    }

    fn message(&mut self, key: &ConversationKey, user: &User, at: At) {
        if user.kind == UserKind::Customer {
            self.add(key, None, Metric::CustomerMessages, 1);
            return;
        }
        self.add(key, Some(&user.id), Metric::AgentMessages, 1);
        let Some(episode) = self.episodes.get_mut(key) else { return };
        if episode.answered || episode.ended_at.is_some() {
            return;
        }
        episode.answered = true;
        let waited_ms = at.millis_since(episode.opened_at);
        self.add(key, Some(&user.id), Metric::FirstResponses, 1);
        self.add(key, Some(&user.id), Metric::FirstResponseMs, waited_ms);
    }

    fn assigned(&mut self, key: &ConversationKey, agent: &UserId, at: At, waited: bool) {
        self.add(key, Some(agent), Metric::SessionsAssigned, 1);
        let Some(episode) = self.episodes.get_mut(key) else { return };
        episode.agent = Some(agent.clone());
        let wait_ms = at.millis_since(episode.queued_at);
        if waited {
            self.add(key, Some(agent), Metric::Waits, 1);
            self.add(key, Some(agent), Metric::WaitMs, wait_ms);
        }
    }

    fn ended(&mut self, key: &ConversationKey, at: At) {
        let known = self.episodes.get_mut(key).map(|episode| {
            episode.ended_at = Some(at);
            (episode.agent.clone(), at.millis_since(episode.opened_at))
        });
        let (agent, duration_ms) = known.unwrap_or_default();
        self.add(key, agent.as_ref(), Metric::SessionsEnded, 1);
        self.add(key, agent.as_ref(), Metric::SessionMs, duration_ms);
    }

    fn rated(&mut self, key: &ConversationKey, session: u64, score: u8) {
        let episode = self.episodes.get(key).filter(|episode| episode.ordinal == session);
        let agent = episode.and_then(|episode| episode.agent.clone());
        self.add(key, agent.as_ref(), Metric::Ratings, 1);
        self.add(key, agent.as_ref(), Metric::RatingSum, score.into());
    }
}

#[cfg(test)]
mod tests;
