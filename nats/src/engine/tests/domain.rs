//! The conversations' decider, as routers give it to the engine, with small bounds so that extras are loaded often.

use std::collections::HashMap;

use bytes::Bytes;
use kefu_model::command::Answer;
use kefu_model::conversation::{self, Decision, DeviceLog, KeptAnswer, KeyEntry, Prior};
use kefu_model::ids::{At, CommandKey};
use kefu_model::{Command, Conversation, ConversationId, DeviceId, Identity, Outcome, Refusal};

use crate::codec;
use crate::engine::{Domain, Step};
use crate::payload::PayloadError;

/// Extras that a hot state keeps.
const HOT_EXTRAS: usize = 2;

pub(super) struct Chats {
    pub(super) deduplicates: bool,
}

/// What is asked of a conversation.
#[derive(Debug)]
pub(super) enum Ask {
    Write(Box<Command>),
    Look(ConversationId),
}

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Answer(Answer),
    /// `rev` and `seq` at that moment.
    Seen(ConversationId, u64, u64),
}

#[derive(Debug)]
pub(super) struct ChatState {
    pub(super) conversation: Conversation,
    pub(super) devices: HashMap<DeviceId, DeviceLog>,
    pub(super) keys: HashMap<CommandKey, Option<KeyEntry>>,
}

#[derive(Debug, Clone)]
pub(super) enum IdentityRow {
    Device(DeviceLog),
    Key(Option<KeyEntry>),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum IdentityName {
    Device(DeviceId),
    Key(CommandKey),
}

impl ChatState {
    pub(super) fn new(conversation: Conversation) -> Self {
        Self { conversation, devices: HashMap::new(), keys: HashMap::new() }
    }

    fn remember(&mut self, outcome: &Outcome) {
        let kept = KeptAnswer { hash: outcome.hash, answer: outcome.answer() };
        match &outcome.identity {
            Some(Identity::Device { device, n }) => {
                if let Some(log) = self.devices.get_mut(device) {
                    log.remember(*n, kept.hash, kept.answer);
                }
            }
            Some(Identity::Key(key)) => {
                self.keys.insert(key.clone(), Some(KeyEntry { kept, at: outcome.at }));
            }
            None => {}
        }
    }
}

impl Domain for Chats {
    type Id = ConversationId;
    type Extra = IdentityName;
    type ExtraRow = IdentityRow;
    type Command = Ask;
    type Outcome = Outcome;
    type Answer = Told;
    type State = ChatState;

    fn decode_command(&self, bytes: &[u8]) -> Result<Ask, PayloadError> {
        Ok(Ask::Write(Box::new(codec::decode_command(bytes)?)))
    }

    fn encode_outcome(&self, outcome: &Outcome) -> Bytes {
        codec::encode_outcome(outcome)
    }

    fn decode_outcome(&self, bytes: &[u8]) -> Result<Outcome, PayloadError> {
        codec::decode_outcome(bytes)
    }

    fn command_id(&self, command: &Ask) -> ConversationId {
        match command {
            Ask::Write(command) => command.conversation,
            Ask::Look(conversation) => *conversation,
        }
    }

    fn outcome_id(&self, outcome: &Outcome) -> ConversationId {
        outcome.conversation
    }

    fn outcome_at(&self, outcome: &Outcome) -> At {
        outcome.at
    }

    fn missing(&self, state: &ChatState, command: &Ask) -> Option<IdentityName> {
        let Ask::Write(command) = command else { return None };
        match command.identity.as_ref()? {
            Identity::Device { device, .. } => {
                (!state.devices.contains_key(device)).then(|| IdentityName::Device(device.clone()))
            }
            Identity::Key(key) => (!state.keys.contains_key(key)).then(|| IdentityName::Key(key.clone())),
        }
    }

    fn decide(&self, state: &ChatState, command: &Ask, now: At) -> Step<Outcome, Told> {
        let command = match command {
            Ask::Write(command) => command,
            Ask::Look(conversation) => {
                return Step::Answer(Told::Seen(*conversation, state.conversation.rev, state.conversation.seq));
            }
        };
        let prior = match &command.identity {
            _ if !self.deduplicates => Prior::None,
            None => Prior::None,
            Some(Identity::Device { device, .. }) => state.devices.get(device).map_or(Prior::None, Prior::Device),
            Some(Identity::Key(key)) => Prior::Key(state.keys.get(key).and_then(Option::as_ref)),
        };
        match conversation::decide(&state.conversation, prior, command, now) {
            Decision::Record(outcome) => {
                let answer = Told::Answer(outcome.answer());
                Step::Record(outcome, answer)
            }
            Decision::Reply(answer) => Step::Answer(Told::Answer(answer)),
            Decision::Nothing => Step::Nothing,
        }
    }

    fn apply(&self, state: &mut ChatState, outcome: &Outcome) -> Result<(), String> {
        state.conversation.apply(outcome).map_err(|error| error.to_string())?;
        state.remember(outcome);
        Ok(())
    }

    fn adopt(&self, state: &mut ChatState, extra: &IdentityName, row: IdentityRow) {
        match (extra, row) {
            (IdentityName::Device(device), IdentityRow::Device(log)) => {
                state.devices.insert(device.clone(), log);
            }
            (IdentityName::Key(key), IdentityRow::Key(entry)) => {
                state.keys.insert(key.clone(), entry);
            }
            (extra, row) => panic!("{row:?} is no {extra:?}"),
        }
    }

    fn apply_extra(&self, state: &mut ChatState, extra: &IdentityName, outcome: &Outcome) {
        let touches = match (extra, &outcome.identity) {
            (IdentityName::Device(device), Some(Identity::Device { device: of, .. })) => device == of,
            (IdentityName::Key(key), Some(Identity::Key(of))) => key == of,
            _ => false,
        };
        if touches {
            state.remember(outcome);
        }
    }

    fn trim(&self, state: &mut ChatState) {
        if state.devices.len() > HOT_EXTRAS {
            state.devices.clear();
        }
        if state.keys.len() > HOT_EXTRAS {
            state.keys.clear();
        }
    }

    fn is_asked_again(&self, command: &Ask) -> bool {
        matches!(command, Ask::Look(_))
    }

    fn overloaded(&self) -> Told {
        Told::Answer(Answer::refused(Refusal::Overloaded))
    }
}
