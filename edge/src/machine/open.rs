//! A connection after `welcome`.

use std::collections::HashMap;
use std::sync::Arc;

use kefu_model::command::Answer;
use kefu_model::{At, ConversationId, DeviceId, Role as ModelRole, UserKind};

use super::commands::{command, internal_device, mark};
use super::{Effect, Effects, Following, Sends, Settings, TOUCH_MS};
use crate::auth::{Admission, Caller, Credential};
use crate::clock::Now;
use crate::frame::{
    AttachItem, ClientFrame, Code, CommandBody, Limits, NUMBER_END, Role, ServerFrame, VERSION, Welcome,
};

/// Longest preview, in characters.
const PREVIEW_CHARS: usize = 500;

/// What an open connection remembers.
#[derive(Debug)]
pub(super) struct Open {
    caller: Arc<Caller>,
    device: DeviceId,
    support: Option<ConversationId>,
    in_flight: HashMap<ConversationId, usize>,
    in_flight_total: usize,
    /// By the steady clock.
    touched_ms: u64,
}

impl Open {
    pub(super) fn new(caller: Arc<Caller>, device: &DeviceId, now_ms: u64) -> Self {
        let support =
            (caller.user.kind == UserKind::Customer).then(|| ConversationId::support(&caller.tenant, &caller.user.id));
        let device = internal_device(&caller.user, device);
        Self { caller, device, support, in_flight: HashMap::new(), in_flight_total: 0, touched_ms: now_ms }
    }

    pub(super) fn welcome(&self, settings: &Settings, admission: Admission, now: At) -> Welcome {
        Welcome {
            v: VERSION,
            connection_id: admission.connection_id,
            user: (&self.caller.user).into(),
            name: self.caller.name.as_ref().map(ToString::to_string).unwrap_or_default(),
            role: Role::of(self.caller.role),
            status: admission.status.map(|chosen| chosen.status.into()),
            support_conversation: self.support.map(|id| id.to_string()),
            heartbeat_s: settings.heartbeat_s,
            now: now.into(),
            limits: Limits {
                frame_bytes: settings.frame_bytes as u64,
                text_chars: kefu_model::limits::TEXT_CHARS as u64,
                in_flight: settings.in_flight as u64,
            },
            token: admission.renewed,
        }
    }

    /// Takes a frame; the error is a protocol error.
    pub(super) fn frame(&mut self, settings: &Settings, frame: ClientFrame, effects: &mut Effects) -> Result<(), Code> {
        match frame {
            ClientFrame::Hello { .. } | ClientFrame::Ping { .. } => Err(Code::HelloOrder),
            ClientFrame::Attach { id, items } => attach(settings, id, items, effects),
            ClientFrame::Detach { items } => {
                if items.len() > settings.attach_items {
                    return Err(Code::TooManyItems);
                }
                let ids = items.iter().filter_map(|id| ConversationId::parse(id).ok()).collect();
                effects.push(Effect::Detach(ids));
                Ok(())
            }
            ClientFrame::Command { conversation, n, body } => {
                self.command(settings, conversation, n, body, effects);
                Ok(())
            }
            ClientFrame::Mark { conversation, read, delivered } => {
                let conversation = ConversationId::parse(&conversation).map_err(|_| Code::BadFrame)?;
                let command = Box::new(mark(&self.caller, conversation, read, delivered));
                effects.push(Effect::Submit { command, n: None });
                Ok(())
            }
            ClientFrame::Typing { conversation, on, preview } => {
                let conversation = ConversationId::parse(&conversation).map_err(|_| Code::BadFrame)?;
                if preview.as_ref().is_some_and(|preview| preview.chars().count() > PREVIEW_CHARS) {
                    return Err(Code::BadFrame);
                }
                // What staff types is shown to nobody before it is sent.
                let preview = preview.filter(|_| self.caller.user.kind == UserKind::Customer);
                effects.push(Effect::Typing { conversation, on, preview });
                Ok(())
            }
            ClientFrame::Status { status } => {
                if self.caller.role == ModelRole::Customer {
                    return Err(Code::BadFrame);
                }
                effects.push(Effect::Status(status.into()));
                Ok(())
            }
        }
    }

    fn command(&mut self, settings: &Settings, conversation: String, n: u64, body: CommandBody, effects: &mut Effects) {
        use kefu_model::Refusal;
        let refusal = match ConversationId::parse(&conversation) {
            Err(_) => Refusal::NoConversation,
            Ok(_) if n == 0 || n >= NUMBER_END => Refusal::BadField,
            Ok(id) => {
                let unanswered = self.in_flight.get(&id).copied().unwrap_or(0);
                if unanswered >= settings.in_flight {
                    Refusal::TooManyUnanswered
                } else if self.in_flight_total >= settings.in_flight_total {
                    Refusal::Overloaded
                } else {
                    self.in_flight.insert(id, unanswered + 1);
                    self.in_flight_total += 1;
                    let command = Box::new(command(&self.caller, &self.device, self.support, id, n, body));
                    return effects.push(Effect::Submit { command, n: Some(n) });
                }
            }
        };
        effects.send(rejected(conversation, n, refusal, None));
    }

    pub(super) fn answer(&mut self, id: ConversationId, n: Option<u64>, answer: Answer, effects: &mut Effects) {
        let Some(n) = n else { return };
        let Some(unanswered) = self.in_flight.get_mut(&id) else { return };
        *unanswered = unanswered.saturating_sub(1);
        if *unanswered == 0 {
            self.in_flight.remove(&id);
        }
        self.in_flight_total = self.in_flight_total.saturating_sub(1);
        let conversation = id.to_string();
        effects.send(match answer {
            Answer::Accepted { rev, seq, at } => ServerFrame::Ack { conversation, n, rev, seq, at: at.into() },
            Answer::Refused { refusal, expected_n } => rejected(conversation, n, refusal, expected_n),
        });
    }

    /// What time brings: a login that is used is touched, a credential that ran out ends the connection.
    pub(super) fn tick(&mut self, now: Now, heard_ms: u64, effects: &mut Effects) -> Option<Code> {
        match self.caller.credential {
            Credential::Visitor { expires_at, .. } => (now.at >= expires_at).then_some(Code::Expired),
            Credential::Login { .. } => {
                if heard_ms > self.touched_ms && now.steady_ms.saturating_sub(self.touched_ms) >= TOUCH_MS {
                    self.touched_ms = now.steady_ms;
                    effects.push(Effect::Touch);
                }
                None
            }
        }
    }
}

fn attach(settings: &Settings, id: u64, items: Vec<AttachItem>, effects: &mut Effects) -> Result<(), Code> {
    use crate::frame::Attached;
    if items.len() > settings.attach_items {
        return Err(Code::TooManyItems);
    }
    let mut following = Vec::with_capacity(items.len());
    let mut unknown = Vec::new();
    for item in items {
        match ConversationId::parse(&item.conversation) {
            Ok(conversation) => following.push(Following { conversation, cursor: item.epoch.zip(item.rev) }),
            Err(_) => {
                let error = kefu_model::Refusal::NoConversation.code();
                unknown.push(Attached::Error { conversation: item.conversation, error });
            }
        }
    }
    if !unknown.is_empty() {
        effects.send(ServerFrame::Attached { id, items: unknown });
    }
    effects.push(Effect::Attach { id, items: following });
    Ok(())
}

fn rejected(conversation: String, n: u64, refusal: kefu_model::Refusal, expected_n: Option<u64>) -> ServerFrame {
    ServerFrame::Rejected {
        conversation,
        n,
        code: refusal.code(),
        title: refusal.title().to_owned(),
        expected_n,
        retryable: refusal.is_retryable(),
    }
}
