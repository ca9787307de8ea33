//! What a connection does, as a pure function: `step(input, now) -> effects`.
//!
//! Whatever carries the frames, a WebSocket or a stream with POSTs, feeds this machine and performs its effects in
//! order. It knows no socket, no clock and no task.

mod commands;
mod open;

use std::sync::Arc;

use kefu_model::allocation::AgentStatus;
use kefu_model::command::Answer;
use kefu_model::{Command, ConversationId, DeviceId};

use crate::auth::{Admission, Caller};
use crate::clock::Now;
use crate::frame::{ClientFrame, Code, ServerFrame, VERSION};
use crate::presence::Chosen;

pub(crate) use commands::internal_device;
use open::Open;

/// Frames kept while the credential is checked. Beyond: close 4301.
const EARLY_FRAMES: usize = 256;
/// Longest `client` of a `hello`, in characters.
const CLIENT_CHARS: usize = 64;
/// How often a used login is touched, in milliseconds.
const TOUCH_MS: u64 = 60_000;

/// The limits that the machine keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) frame_bytes: usize,
    pub(crate) attach_items: usize,
    pub(crate) in_flight: usize,
    pub(crate) in_flight_total: usize,
    pub(crate) protocol_errors: u32,
    pub(crate) hello_timeout_ms: u64,
    pub(crate) silence_ms: u64,
    pub(crate) heartbeat_s: u64,
}

/// What reaches a connection.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// A frame from the client.
    Frame(ClientFrame),
    /// Something that is no frame.
    Malformed(Code),
    /// A sign of life without a frame.
    Heard,
    /// The credential was checked.
    Authenticated(Result<Box<Admission>, Code>),
    /// The hub took the connection, or did not.
    Joined(Result<(), Code>),
    /// A command was answered.
    Answer {
        /// Its conversation.
        conversation: ConversationId,
        /// Its number; none for marks.
        n: Option<u64>,
        /// The answer.
        answer: Answer,
    },
    /// Time has passed.
    Tick,
    /// The edge is stopping.
    Drain {
        /// When the client should reconnect.
        reconnect_after_ms: u64,
    },
    /// Close it: revoked, disconnected, too slow.
    Close(Code),
    /// The transport ended.
    Ended,
}

/// What a connection wants done, in order.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Check this credential, or the one that came with the request.
    Authenticate {
        /// From `hello`.
        token: Option<String>,
    },
    /// Make it known to the hub.
    Join(Box<Joining>),
    /// Tell the client.
    Send(Box<ServerFrame>),
    /// Submit a command; its answer is an [`Input::Answer`].
    Submit {
        /// The command.
        command: Box<Command>,
        /// Its number; none for marks.
        n: Option<u64>,
    },
    /// Follow conversations.
    Attach {
        /// The client's id.
        id: u64,
        /// Which, from where.
        items: Vec<Following>,
    },
    /// Follow them no more.
    Detach(Vec<ConversationId>),
    /// Tell others that the user types.
    Typing {
        /// Where.
        conversation: ConversationId,
        /// Whether.
        on: bool,
        /// What is about to be sent.
        preview: Option<String>,
    },
    /// The agent set their status.
    Status(AgentStatus),
    /// The login was used.
    Touch,
    /// Forget the connection.
    Leave,
    /// Close it with this number.
    Close(Code),
}

/// A conversation to follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Following {
    /// Which.
    pub(crate) conversation: ConversationId,
    /// The client's cursor: epoch and rev.
    pub(crate) cursor: Option<(u64, u64)>,
}

/// Who joins.
#[derive(Debug, Clone)]
pub(crate) struct Joining {
    /// The user, from the credential.
    pub(crate) caller: Arc<Caller>,
    /// The device as the client names it.
    pub(crate) device: DeviceId,
    /// The device as commands name it.
    pub(crate) internal_device: DeviceId,
    /// What the client says it is.
    pub(crate) client: Option<String>,
    /// Whether arrays of frames may be sent.
    pub(crate) batch: bool,
    /// An agent's status.
    pub(crate) status: Option<Chosen>,
}

/// The state of a connection.
#[derive(Debug)]
pub(crate) struct Machine {
    phase: Phase,
    /// By the steady clock.
    opened_ms: u64,
    /// By the steady clock.
    heard_ms: u64,
    protocol_errors: u32,
}

#[derive(Debug)]
enum Phase {
    AwaitingHello,
    Entering(Box<Entering>),
    Open(Box<Open>),
    Closed,
}

/// Between `hello` and `welcome`.
#[derive(Debug)]
struct Entering {
    device: DeviceId,
    client: Option<String>,
    batch: bool,
    admitted: Option<(Arc<Caller>, Box<Admission>)>,
    early: Vec<ClientFrame>,
}

/// The effects of one step.
pub(crate) type Effects = Vec<Effect>;

impl Machine {
    /// A connection that was just opened, at this time of the steady clock.
    pub(crate) fn new(now_ms: u64) -> Self {
        Self { phase: Phase::AwaitingHello, opened_ms: now_ms, heard_ms: now_ms, protocol_errors: 0 }
    }

    /// Whether nothing more will come of it.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Takes an input and says what is to be done.
    pub(crate) fn step(&mut self, settings: &Settings, input: Input, now: Now) -> Effects {
        let mut effects = Effects::new();
        self.take(settings, input, now, &mut effects);
        effects
    }

    fn take(&mut self, settings: &Settings, input: Input, now: Now, effects: &mut Effects) {
        if self.is_closed() {
            return;
        }
        match input {
            Input::Frame(frame) => {
                self.heard_ms = now.steady_ms;
                self.frame(settings, frame, now, effects);
            }
            Input::Malformed(code) => {
                self.heard_ms = now.steady_ms;
                self.protocol_error(settings, code, effects);
            }
            Input::Heard => self.heard_ms = now.steady_ms,
            Input::Authenticated(Ok(admission)) => self.admit(admission, effects),
            Input::Joined(Ok(())) => self.welcome(settings, now, effects),
            Input::Authenticated(Err(code)) | Input::Joined(Err(code)) | Input::Close(code) => {
                self.close(code, effects);
            }
            Input::Answer { conversation, n, answer } => {
                if let Phase::Open(open) = &mut self.phase {
                    open.answer(conversation, n, answer, effects);
                }
            }
            Input::Tick => self.tick(settings, now, effects),
            Input::Drain { reconnect_after_ms } => {
                effects.send(ServerFrame::Goaway { code: Code::Stopping.number(), reconnect_after_ms });
            }
            Input::Ended => {
                self.phase = Phase::Closed;
                effects.push(Effect::Leave);
            }
        }
    }

    fn frame(&mut self, settings: &Settings, frame: ClientFrame, now: Now, effects: &mut Effects) {
        let error = match (&mut self.phase, frame) {
            (Phase::AwaitingHello, ClientFrame::Hello { v, token, device, client, batch }) => {
                return self.hello(v, token, &device, client, batch, effects);
            }
            (_, ClientFrame::Ping { id }) => {
                effects.send(ServerFrame::Pong { id, now: now.at.into() });
                return;
            }
            (Phase::Closed, _) => return,
            (Phase::AwaitingHello, _) | (_, ClientFrame::Hello { .. }) => Err(Code::HelloOrder),
            (Phase::Entering(entering), frame) => {
                if entering.early.len() >= EARLY_FRAMES {
                    return self.close(Code::Protocol, effects);
                }
                entering.early.push(frame);
                Ok(())
            }
            (Phase::Open(open), frame) => open.frame(settings, frame, effects),
        };
        if let Err(code) = error {
            self.protocol_error(settings, code, effects);
        }
    }

    fn hello(
        &mut self,
        version: u32,
        token: Option<String>,
        device: &str,
        client: Option<String>,
        batch: bool,
        effects: &mut Effects,
    ) {
        if version != VERSION {
            return self.close(Code::Version, effects);
        }
        let client = client.map(|client| client.chars().filter(|c| !c.is_control()).take(CLIENT_CHARS).collect());
        let Ok(device) = DeviceId::new(device) else {
            effects.send(ServerFrame::error(Code::BadFrame));
            return self.close(Code::Protocol, effects);
        };
        self.phase = Phase::Entering(Box::new(Entering { device, client, batch, admitted: None, early: Vec::new() }));
        effects.push(Effect::Authenticate { token });
    }

    fn admit(&mut self, admission: Box<Admission>, effects: &mut Effects) {
        let Phase::Entering(entering) = &mut self.phase else { return };
        let caller = Arc::new(admission.caller.clone());
        effects.push(Effect::Join(Box::new(Joining {
            caller: Arc::clone(&caller),
            device: entering.device.clone(),
            internal_device: internal_device(&caller.user, &entering.device),
            client: entering.client.clone(),
            batch: entering.batch,
            status: admission.status,
        })));
        entering.admitted = Some((caller, admission));
    }

    fn welcome(&mut self, settings: &Settings, now: Now, effects: &mut Effects) {
        let Phase::Entering(entering) = &mut self.phase else { return };
        let Some((caller, admission)) = entering.admitted.take() else { return };
        let early = std::mem::take(&mut entering.early);
        let open = Open::new(caller, &entering.device, now.steady_ms);
        effects.send(ServerFrame::Welcome(Box::new(open.welcome(settings, *admission, now.at))));
        self.phase = Phase::Open(Box::new(open));
        for frame in early {
            self.frame(settings, frame, now, effects);
        }
    }

    fn tick(&mut self, settings: &Settings, now: Now, effects: &mut Effects) {
        let code = match &mut self.phase {
            Phase::Closed => return,
            Phase::Open(open) => match open.tick(now, self.heard_ms, effects) {
                Some(code) => Some(code),
                None => (now.steady_ms.saturating_sub(self.heard_ms) >= settings.silence_ms).then_some(Code::Silent),
            },
            Phase::AwaitingHello | Phase::Entering(_) => {
                (now.steady_ms.saturating_sub(self.opened_ms) >= settings.hello_timeout_ms).then_some(Code::NoHello)
            }
        };
        if let Some(code) = code {
            self.close(code, effects);
        }
    }

    fn protocol_error(&mut self, settings: &Settings, code: Code, effects: &mut Effects) {
        self.protocol_errors += 1;
        effects.send(ServerFrame::error(code));
        if self.protocol_errors >= settings.protocol_errors {
            self.close(Code::Protocol, effects);
        }
    }

    fn close(&mut self, code: Code, effects: &mut Effects) {
        self.phase = Phase::Closed;
        effects.send(ServerFrame::Error { code: code.number(), title: code.title().to_owned(), fatal: true });
        effects.push(Effect::Leave);
        effects.push(Effect::Close(code));
    }
}

trait Sends {
    fn send(&mut self, frame: ServerFrame);
}

impl Sends for Effects {
    fn send(&mut self, frame: ServerFrame) {
        self.push(Effect::Send(Box::new(frame)));
    }
}

#[cfg(test)]
mod tests;
