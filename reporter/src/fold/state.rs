//! The fold's state in a checkpoint: a version byte and msgpack.

use std::collections::{BTreeMap, BTreeSet};

use kefu_model::ids::IdError;
use kefu_model::{At, ConversationId, Partition, TenantId, UserId};
use kefu_store::{ConversationKey, Metric, Stamp, StoreError};
use serde::{Deserialize, Serialize};

use super::{Counter, Episode, Fold};

const VERSION: u8 = 1;

/// Why a state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It is of a newer release.
    #[error("the reporter's state has version {found}, this release knows up to {known}: use the newer release")]
    UnknownVersion {
        /// The version found.
        found: u8,
        /// The newest that is known.
        known: u8,
    },
    /// It is not msgpack of this form.
    #[error("the reporter's state cannot be decoded")]
    Decode(#[from] rmp_serde::decode::Error),
    /// It cannot be encoded.
    #[error("the reporter's state cannot be encoded")]
    Encode(#[from] rmp_serde::encode::Error),
    /// An id in it is not one.
    #[error("an id in the reporter's state")]
    Id(#[from] IdError),
    /// A metric or stamp in it is not one.
    #[error("the reporter's state holds an unknown {0}")]
    Unknown(&'static str),
}

#[derive(Serialize, Deserialize)]
struct StateRow {
    epoch: u64,
    position: u64,
    bucket: u64,
    counters: Vec<CounterRow>,
    episodes: Vec<EpisodeRow>,
}

#[derive(Serialize, Deserialize)]
struct CounterRow {
    tenant: String,
    agent: Option<String>,
    metric: String,
    value: u64,
    epoch: u64,
    position: u64,
}

#[derive(Serialize, Deserialize)]
struct EpisodeRow {
    tenant: String,
    conversation: String,
    ordinal: u64,
    opened_at: u64,
    queued_at: u64,
    agent: Option<String>,
    answered: bool,
    ended_at: Option<u64>,
}

impl Fold {
    /// Writes the state, for the checkpoint. Take the rows first: those that were not taken are not part of it.
    ///
    /// # Errors
    /// [`StateError::Encode`].
    pub fn to_state(&self) -> Result<Vec<u8>, StateError> {
        let row = StateRow {
            epoch: self.stamp.epoch(),
            position: self.stamp.position(),
            bucket: self.bucket.0,
            counters: self.counters.iter().map(counter_row).collect(),
            episodes: self.episodes.iter().map(episode_row).collect(),
        };
        let mut state = vec![VERSION];
        rmp_serde::encode::write(&mut state, &row)?;
        Ok(state)
    }

    /// Reads the state of a checkpoint.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn from_state(partition: Partition, state: &[u8]) -> Result<Self, StateError> {
        let (version, rest) = state.split_first().ok_or(StateError::Unknown("version"))?;
        if *version != VERSION {
            return Err(StateError::UnknownVersion { found: *version, known: VERSION });
        }
        let row: StateRow = rmp_serde::from_slice(rest)?;
        Ok(Self {
            partition,
            stamp: stamp(row.epoch, row.position)?,
            bucket: At(row.bucket),
            counters: row.counters.into_iter().map(counter_from).collect::<Result<BTreeMap<_, _>, _>>()?,
            episodes: row.episodes.into_iter().map(episode_from).collect::<Result<BTreeMap<_, _>, _>>()?,
            changed: BTreeSet::new(),
            finished: Vec::new(),
        })
    }
}

fn stamp(epoch: u64, position: u64) -> Result<Stamp, StateError> {
    Stamp::new(epoch, position).map_err(|_: StoreError| StateError::Unknown("stamp"))
}

fn agent_from(agent: Option<String>) -> Result<Option<UserId>, StateError> {
    Ok(agent.map(|id| UserId::new(&id)).transpose()?)
}

fn counter_row(((tenant, agent, metric), counter): (&super::CounterKey, &Counter)) -> CounterRow {
    CounterRow {
        tenant: tenant.to_string(),
        agent: agent.as_ref().map(ToString::to_string),
        metric: metric.as_str().to_owned(),
        value: counter.value,
        epoch: counter.stamp.epoch(),
        position: counter.stamp.position(),
    }
}

fn counter_from(row: CounterRow) -> Result<(super::CounterKey, Counter), StateError> {
    let metric = Metric::parse(&row.metric).ok_or(StateError::Unknown("metric"))?;
    let key = (TenantId::new(&row.tenant)?, agent_from(row.agent)?, metric);
    Ok((key, Counter { value: row.value, stamp: stamp(row.epoch, row.position)? }))
}

fn episode_row((key, episode): (&ConversationKey, &Episode)) -> EpisodeRow {
    EpisodeRow {
        tenant: key.tenant.to_string(),
        conversation: key.conversation.to_string(),
        ordinal: episode.ordinal,
        opened_at: episode.opened_at.0,
        queued_at: episode.queued_at.0,
        agent: episode.agent.as_ref().map(ToString::to_string),
        answered: episode.answered,
        ended_at: episode.ended_at.map(|at| at.0),
    }
}

fn episode_from(row: EpisodeRow) -> Result<(ConversationKey, Episode), StateError> {
    let conversation = ConversationId::parse(&row.conversation)?;
    let key = ConversationKey { tenant: TenantId::new(&row.tenant)?, conversation };
    let episode = Episode {
        ordinal: row.ordinal,
        opened_at: At(row.opened_at),
        queued_at: At(row.queued_at),
        agent: agent_from(row.agent)?,
        answered: row.answered,
        ended_at: row.ended_at.map(At),
    };
    Ok((key, episode))
}
