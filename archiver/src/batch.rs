//! From outcomes to rows: a pure fold over the states of conversations.
//!
//! One row per place and window, however many records touched it. What a row says depends only on the log up to its
//! stamp and not on where windows begin or end, so a replay from any earlier checkpoint writes the same rows again, or
//! rows that a newer stamp outweighs.

mod members;
mod rows;

use std::collections::{BTreeMap, HashMap, HashSet};

use kefu_model::conversation::{ApplyError, DeviceLog, KeptAnswer, KeyEntry};
use kefu_model::ids::CommandKey;
use kefu_model::{Conversation, Identity, Outcome, TenantId, User, UserId};
use kefu_store::{
    Amendment, Checkpoint, ConversationKey, CustomerRow, DeviceKey, DeviceRow, ItemRow, KeyRow, LogBatch, MemberRow,
    SessionRow, Stamp, StateRow, StoreError, Stored, VersionRow,
};

/// Outcomes of one record that counts.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The log's epoch.
    pub epoch: u64,
    /// The record's position.
    pub position: u64,
    /// What it says.
    pub outcomes: &'a [Outcome],
}

/// What a fold has to be given before it can go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// States to load.
    pub conversations: Vec<ConversationKey>,
    /// Logs of devices to load.
    pub devices: Vec<DeviceKey>,
}

impl Needs {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.conversations.is_empty() && self.devices.is_empty()
    }
}

/// Why a record cannot be folded. The fold is of no use after that: begin again from the checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// [`Fold::needs`] named it, but it was not supplied.
    #[error("the {what} of conversation {conversation} was not loaded")]
    NotLoaded {
        /// State or device log.
        what: &'static str,
        /// Which conversation.
        conversation: kefu_model::ConversationId,
    },
    /// The log and the stored state do not belong together.
    #[error("conversation {conversation} at position {position}")]
    Apply {
        /// Which conversation.
        conversation: kefu_model::ConversationId,
        /// Of the record.
        position: u64,
        /// What does not follow.
        source: ApplyError,
    },
    /// Epoch or position do not fit a stamp.
    #[error("the record's place")]
    Place(#[from] StoreError),
}

/// A value as of some record, and whether it has to be written.
#[derive(Debug, Clone)]
struct Known<T> {
    value: T,
    stamp: Stamp,
    dirty: bool,
}

/// A conversation's state and what happened to it in this window.
#[derive(Debug, Clone)]
struct Tracked {
    state: Known<Conversation>,
    /// The last record with an event that takes a `rev`; zero when there was none in this window.
    active_at: Stamp,
    /// The last record that raised a member's marks, where it was in this window.
    marked_at: BTreeMap<User, Stamp>,
    /// Rows of members who left in this window, as they were then.
    left: BTreeMap<User, MemberRow>,
}

/// Folds records, window by window; keeps the states it knows from one window to the next.
#[derive(Debug, Default)]
pub struct Fold {
    conversations: HashMap<ConversationKey, Tracked>,
    devices: HashMap<DeviceKey, Known<DeviceLog>>,
    items: Vec<ItemRow>,
    versions: Vec<VersionRow>,
    amendments: BTreeMap<(ConversationKey, u64), Amendment>,
    keys: HashMap<(ConversationKey, CommandKey), KeyRow>,
    sessions: BTreeMap<(ConversationKey, u64), SessionRow>,
    customers: BTreeMap<(TenantId, UserId), CustomerRow>,
}

impl Fold {
    /// What has to be loaded before these outcomes can be folded.
    #[must_use]
    pub fn needs(&self, outcomes: &[Outcome]) -> Needs {
        let mut needs = Needs::default();
        let (mut conversations, mut devices) = (HashSet::new(), HashSet::new());
        for outcome in outcomes {
            let key = conversation_key(outcome);
            if let Some(device) = device_key(outcome, &key)
                && !self.devices.contains_key(&device)
                && devices.insert(device.clone())
            {
                needs.devices.push(device);
            }
            if !self.conversations.contains_key(&key) && conversations.insert(key.clone()) {
                needs.conversations.push(key);
            }
        }
        needs
    }

    /// Takes a state that was needed; none when the store has none. One that is known already is left as it is.
    pub fn supply_conversation(&mut self, key: ConversationKey, stored: Option<Stored<Conversation>>) {
        let (value, stamp) = match stored {
            Some(stored) => (stored.value, stored.stamp),
            None => (Conversation::absent(key.tenant.clone(), key.conversation), Stamp::default()),
        };
        self.conversations.entry(key).or_insert_with(|| Tracked {
            state: Known { value, stamp, dirty: false },
            active_at: Stamp::default(),
            marked_at: BTreeMap::new(),
            left: BTreeMap::new(),
        });
    }

    /// Takes a device's log that was needed; none when the store has none.
    pub fn supply_device(&mut self, key: DeviceKey, stored: Option<Stored<DeviceLog>>) {
        let (value, stamp) = stored.map_or_else(Default::default, |stored| (stored.value, stored.stamp));
        self.devices.entry(key).or_insert(Known { value, stamp, dirty: false });
    }

    /// Takes the outcomes of the next record. Those that a stored state covers already change nothing.
    ///
    /// # Errors
    /// [`FoldError`].
    pub fn fold(&mut self, record: Record<'_>) -> Result<(), FoldError> {
        let stamp = Stamp::new(record.epoch, record.position)?;
        // A record may hold several outcomes of a conversation, so what it covers is judged by the state before it.
        let mut judged: HashMap<ConversationKey, bool> = HashMap::new();
        for outcome in record.outcomes {
            let key = conversation_key(outcome);
            let tracked = self
                .conversations
                .get_mut(&key)
                .ok_or(FoldError::NotLoaded { what: "state", conversation: key.conversation })?;
            let is_new = *judged.entry(key.clone()).or_insert(tracked.state.stamp < stamp);
            if is_new {
                self.fold_events(&key, outcome, stamp)?;
                self.remember(key, outcome, stamp)?;
            }
        }
        Ok(())
    }

    fn remember(&mut self, key: ConversationKey, outcome: &Outcome, stamp: Stamp) -> Result<(), FoldError> {
        let kept = KeptAnswer { hash: outcome.hash, answer: outcome.answer() };
        match &outcome.identity {
            None => {}
            Some(Identity::Key(name)) => {
                let entry = KeyEntry { kept, at: outcome.at };
                let row = KeyRow { conversation: key.clone(), key: name.clone(), entry, stamp };
                self.keys.insert((key, name.clone()), row);
            }
            Some(Identity::Device { device, n }) => {
                let conversation = key.conversation;
                let device_key = DeviceKey { conversation: key, device: device.clone() };
                let log = self
                    .devices
                    .get_mut(&device_key)
                    .ok_or(FoldError::NotLoaded { what: "device log", conversation })?;
                log.value.remember(*n, kept.hash, kept.answer);
                log.stamp = log.stamp.max(stamp);
                log.dirty = true;
            }
        }
        Ok(())
    }

    /// Number of rows that this window has so far, members left out.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.items.len() + self.versions.len() + self.amendments.len() + self.keys.len()
    }

    /// Ends the window: its rows, each once, with the checkpoint that covers them. The states stay known.
    #[must_use]
    pub fn take(&mut self, checkpoint: Option<Checkpoint>) -> LogBatch {
        let mut batch = LogBatch {
            items: std::mem::take(&mut self.items),
            versions: std::mem::take(&mut self.versions),
            amendments: std::mem::take(&mut self.amendments).into_values().collect(),
            keys: std::mem::take(&mut self.keys).into_values().collect(),
            sessions: std::mem::take(&mut self.sessions).into_values().collect(),
            customers: std::mem::take(&mut self.customers).into_values().collect(),
            checkpoint,
            ..LogBatch::default()
        };
        for (key, log) in self.devices.iter_mut().filter(|(_, log)| log.dirty) {
            log.dirty = false;
            batch.devices.push(DeviceRow { key: key.clone(), log: log.value.clone(), stamp: log.stamp });
        }
        for (key, tracked) in self.conversations.iter_mut().filter(|(_, tracked)| tracked.state.dirty) {
            members::take(key, tracked, &mut batch.members);
            tracked.state.dirty = false;
            batch.states.push(StateRow { state: tracked.state.value.clone(), stamp: tracked.state.stamp });
        }
        batch
    }

    /// Forgets states and device logs beyond so many of each, between windows: what is forgotten is needed again when
    /// it is met. Nothing that is still to be written is forgotten; but write a taken batch before calling this.
    pub fn shrink(&mut self, conversations: usize, devices: usize) {
        let mut surplus = self.conversations.len().saturating_sub(conversations);
        self.conversations.retain(|_, tracked| !forget(tracked.state.dirty, &mut surplus));
        let mut surplus = self.devices.len().saturating_sub(devices);
        self.devices.retain(|_, log| !forget(log.dirty, &mut surplus));
    }
}

fn forget(dirty: bool, surplus: &mut usize) -> bool {
    if dirty || *surplus == 0 {
        return false;
    }
    *surplus -= 1;
    true
}

fn conversation_key(outcome: &Outcome) -> ConversationKey {
    ConversationKey { tenant: outcome.tenant.clone(), conversation: outcome.conversation }
}

fn device_key(outcome: &Outcome, conversation: &ConversationKey) -> Option<DeviceKey> {
    match &outcome.identity {
        Some(Identity::Device { device, .. }) => {
            Some(DeviceKey { conversation: conversation.clone(), device: device.clone() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
