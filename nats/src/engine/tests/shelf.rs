//! A reader of the log that keeps rows: the archiver and its store, and the checker's own readers.

use std::collections::BTreeMap;

use kefu_model::conversation::{DeviceLog, KeptAnswer, KeyEntry};
use kefu_model::ids::{At, CommandKey};
use kefu_model::reader::{LogCursor, Stamp, Standing};
use kefu_model::{Conversation, ConversationId, DeviceId, Identity, Outcome, TenantId};

use super::Mutation;
use super::domain::{ChatState, Chats, IdentityName, IdentityRow};
use crate::codec;
use crate::engine::{Row, Want};
use crate::payload::{self, RecordWire};

pub(super) fn tenant() -> TenantId {
    TenantId::new("t").unwrap()
}

/// Rows, each with the position up to which it includes what touches it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Shelf {
    pub(super) cursor: LogCursor,
    pub(super) states: BTreeMap<ConversationId, (Conversation, u64)>,
    devices: BTreeMap<(ConversationId, DeviceId), (DeviceLog, u64)>,
    keys: BTreeMap<(ConversationId, CommandKey), (KeyEntry, u64)>,
    read: u64,
}

impl Shelf {
    /// Reads the next record; says what counts in it.
    pub(super) fn take(&mut self, position: u64, bytes: &[u8], mutation: Mutation) -> Result<Vec<Outcome>, String> {
        assert_eq!(position, self.cursor.position + 1, "a reader reads every record");
        let record: RecordWire = payload::decode(bytes).map_err(|error| error.to_string())?;
        let stamp = record.stamp();
        if mutation == Mutation::VoidIsValid
            && let Stamp::Batch { generation, ordinal } = stamp
        {
            self.cursor = LogCursor { position, generation, ordinal: ordinal - 1 };
        }
        if self.cursor.admit(position, stamp) == Standing::Void {
            return Ok(Vec::new());
        }
        let RecordWire::Batch(.., outcomes) = record else { return Ok(Vec::new()) };
        let mut counted = Vec::with_capacity(outcomes.len());
        for bytes in outcomes {
            self.read += 1;
            if mutation == Mutation::SkippingReader && self.read.is_multiple_of(7) {
                continue;
            }
            let outcome = codec::decode_outcome(bytes).map_err(|error| error.to_string())?;
            self.keep(position, &outcome)?;
            counted.push(outcome);
        }
        Ok(counted)
    }

    fn keep(&mut self, position: u64, outcome: &Outcome) -> Result<(), String> {
        let id = outcome.conversation;
        let state = self.states.entry(id).or_insert_with(|| (Conversation::absent(tenant(), id), 0));
        state.0.apply(outcome).map_err(|error| format!("at {position}: {error}"))?;
        state.1 = position;
        let kept = KeptAnswer { hash: outcome.hash, answer: outcome.answer() };
        match &outcome.identity {
            None => {}
            Some(Identity::Device { device, n }) => {
                let row = self.devices.entry((id, device.clone())).or_default();
                row.0.remember(*n, kept.hash, kept.answer);
                row.1 = position;
            }
            Some(Identity::Key(key)) => {
                self.keys.insert((id, key.clone()), (KeyEntry { kept, at: outcome.at }, position));
            }
        }
        Ok(())
    }

    /// What a load reads now.
    pub(super) fn row(&self, id: ConversationId, want: &Want<IdentityName>) -> Row<Chats> {
        match want {
            Want::State => {
                let stored = self.states.get(&id).cloned();
                let (state, position) = stored.unwrap_or_else(|| (Conversation::absent(tenant(), id), 0));
                Row::State { state: ChatState::new(state), position }
            }
            Want::Extra(extra) => {
                let (row, position) = match extra {
                    IdentityName::Device(device) => {
                        let (log, position) = self.devices.get(&(id, device.clone())).cloned().unwrap_or_default();
                        (IdentityRow::Device(log), position)
                    }
                    IdentityName::Key(key) => match self.keys.get(&(id, key.clone())) {
                        Some((entry, position)) => (IdentityRow::Key(Some(*entry)), *position),
                        None => (IdentityRow::Key(None), 0),
                    },
                };
                Row::Extra { extra: extra.clone(), row, position }
            }
        }
    }

    /// Compares rows; where they were cut into records does not matter.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        (self.cursor != other.cursor)
            .then(|| format!("cursors {:?} and {:?}", self.cursor, other.cursor))
            .or_else(|| (self.states != other.states).then(|| format!("{:?} and {:?}", self.states, other.states)))
            .or_else(|| (self.devices != other.devices).then(|| "devices".to_owned()))
            .or_else(|| (self.keys != other.keys).then(|| "keys".to_owned()))
    }

    /// When its newest outcome was decided.
    pub(super) fn updated_at(&self) -> At {
        self.states.values().map(|(state, _)| state.updated_at).max().unwrap_or_default()
    }
}
