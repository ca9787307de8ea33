//! Conversations as the engine decides them.

use std::collections::HashMap;

use bytes::Bytes;
use kefu_model::command::Answer;
use kefu_model::conversation::{self, Decision, DeviceLog, KeptAnswer, KeyEntry, Prior};
use kefu_model::ids::{At, CommandKey};
use kefu_model::limits::KEY_RETENTION_MS;
use kefu_model::{Command, Conversation, ConversationId, DeviceId, Identity, Outcome, Refusal, TenantId};
use kefu_nats::engine::{Domain, Step};
use kefu_nats::view::Cursor;
use kefu_nats::{PayloadError, codec};

/// Devices and keys that a hot conversation keeps; more are loaded again when needed.
const HOT_DEVICES: usize = 64;
const HOT_KEYS: usize = 256;

/// The conversations' decider for the engine.
pub struct Chats;

/// What is asked of a conversation.
#[derive(Debug)]
pub enum ChatCommand {
    /// A command.
    Write(Box<Command>),
    /// Follow it from a cursor on.
    Attach {
        /// The tenant.
        tenant: TenantId,
        /// The conversation.
        conversation: ConversationId,
        /// What the client has.
        cursor: Option<Cursor>,
    },
    /// Tell its state.
    Snapshot {
        /// The tenant.
        tenant: TenantId,
        /// The conversation.
        conversation: ConversationId,
    },
}

/// What is answered.
#[derive(Debug)]
pub enum ChatAnswer {
    /// To a command.
    Command(Answer),
    /// To an attach: the state at that moment.
    Attached {
        /// The state; editable messages are left out.
        state: Box<Conversation>,
        /// The request's.
        cursor: Option<Cursor>,
    },
    /// To a question: the state at that moment.
    Snapshot(Box<Conversation>),
}

/// A hot conversation: its state, and the answers that it remembers. A key that is known to be unused is kept as `None`.
#[derive(Debug)]
pub struct ChatState {
    /// The state.
    pub conversation: Conversation,
    /// Devices that spoke lately.
    pub devices: HashMap<DeviceId, DeviceLog>,
    /// Keys that were used or asked for lately.
    pub keys: HashMap<CommandKey, Option<KeyEntry>>,
}

/// An identity's row as it is loaded.
pub enum IdentityRow {
    /// A device's answers; empty when it never spoke.
    Device(DeviceLog),
    /// A key's answer.
    Key(Option<KeyEntry>),
}

/// Names an identity whose row is needed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum IdentityName {
    /// A device.
    Device(DeviceId),
    /// A key.
    Key(CommandKey),
}

impl ChatState {
    /// A state as loaded, without any identities.
    #[must_use]
    pub fn new(conversation: Conversation) -> Self {
        Self { conversation, devices: HashMap::new(), keys: HashMap::new() }
    }

    fn prior(&self, identity: Option<&Identity>, now: At) -> Prior<'_> {
        match identity {
            None => Prior::None,
            Some(Identity::Device { device, .. }) => self.devices.get(device).map_or(Prior::None, Prior::Device),
            Some(Identity::Key(key)) => {
                let entry = self.keys.get(key).and_then(Option::as_ref);
                Prior::Key(entry.filter(|entry| now.millis_since(entry.at) <= KEY_RETENTION_MS))
            }
        }
    }

    /// The state without what only the decider needs.
    fn view(&self) -> Box<Conversation> {
        Box::new(self.conversation.without_editable())
    }

    fn remember(&mut self, outcome: &Outcome) {
        let answer = outcome.answer();
        match &outcome.identity {
            Some(Identity::Device { device, n }) => {
                if let Some(log) = self.devices.get_mut(device) {
                    log.remember(*n, outcome.hash, answer);
                }
            }
            Some(Identity::Key(key)) => {
                let kept = KeptAnswer { hash: outcome.hash, answer };
                self.keys.insert(key.clone(), Some(KeyEntry { kept, at: outcome.at }));
            }
            None => {}
        }
    }
}

impl Domain for Chats {
    type Id = (TenantId, ConversationId);
    type Extra = IdentityName;
    type ExtraRow = IdentityRow;
    type Command = ChatCommand;
    type Outcome = Outcome;
    type Answer = ChatAnswer;
    type State = ChatState;

    fn decode_command(&self, bytes: &[u8]) -> Result<ChatCommand, PayloadError> {
        Ok(ChatCommand::Write(Box::new(codec::decode_command(bytes)?)))
    }

    fn encode_outcome(&self, outcome: &Outcome) -> Bytes {
        codec::encode_outcome(outcome)
    }

    fn decode_outcome(&self, bytes: &[u8]) -> Result<Outcome, PayloadError> {
        codec::decode_outcome(bytes)
    }

    fn command_id(&self, command: &ChatCommand) -> Self::Id {
        match command {
            ChatCommand::Write(command) => (command.tenant.clone(), command.conversation),
            ChatCommand::Attach { tenant, conversation, .. } | ChatCommand::Snapshot { tenant, conversation } => {
                (tenant.clone(), *conversation)
            }
        }
    }

    fn outcome_id(&self, outcome: &Outcome) -> Self::Id {
        (outcome.tenant.clone(), outcome.conversation)
    }

    fn outcome_at(&self, outcome: &Outcome) -> At {
        outcome.at
    }

    fn missing(&self, state: &ChatState, command: &ChatCommand) -> Option<IdentityName> {
        let ChatCommand::Write(command) = command else { return None };
        if conversation::is_closed_to(&state.conversation, command) {
            return None;
        }
        match command.identity.as_ref()? {
            Identity::Device { device, .. } => {
                (!state.devices.contains_key(device)).then(|| IdentityName::Device(device.clone()))
            }
            Identity::Key(key) => (!state.keys.contains_key(key)).then(|| IdentityName::Key(key.clone())),
        }
    }

    fn decide(&self, state: &ChatState, command: &ChatCommand, now: At) -> Step<Outcome, ChatAnswer> {
        let command = match command {
            ChatCommand::Write(command) => command,
            ChatCommand::Attach { cursor, .. } => {
                return Step::Answer(ChatAnswer::Attached { state: state.view(), cursor: *cursor });
            }
            ChatCommand::Snapshot { .. } => return Step::Answer(ChatAnswer::Snapshot(state.view())),
        };
        let prior = state.prior(command.identity.as_ref(), now);
        match conversation::decide(&state.conversation, prior, command, now) {
            Decision::Record(outcome) => {
                let answer = ChatAnswer::Command(outcome.answer());
                Step::Record(outcome, answer)
            }
            Decision::Reply(answer) => Step::Answer(ChatAnswer::Command(answer)),
            Decision::Nothing => {
                let rev = state.conversation.rev;
                Step::Answer(ChatAnswer::Command(Answer::Accepted { rev, seq: None, at: now }))
            }
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
            _ => {}
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
        if state.devices.len() > HOT_DEVICES {
            state.devices.clear();
        }
        if state.keys.len() > HOT_KEYS {
            state.keys.clear();
        }
    }

    fn is_asked_again(&self, command: &ChatCommand) -> bool {
        matches!(command, ChatCommand::Attach { .. })
    }

    fn overloaded(&self) -> ChatAnswer {
        ChatAnswer::Command(Answer::refused(Refusal::Overloaded))
    }
}
