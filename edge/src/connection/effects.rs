//! Performing what the machine wants.

use std::sync::Arc;
use std::time::Instant;

use kefu_model::allocation::AgentStatus;
use kefu_model::{Command, ConversationId, UserKind};

use super::{Arrival, Connection};
use crate::auth::{Admission, AuthError, Caller};
use crate::frame::{Code, ServerFrame};
use crate::machine::{Effect, Input, Joining};
use crate::presence::Chosen;

impl Connection {
    pub(super) fn perform(self: &Arc<Self>, effect: Effect) {
        let services = &self.services;
        match effect {
            Effect::Authenticate { token } => self.authenticate(token),
            Effect::Join(joining) => self.join(*joining),
            Effect::Send(frame) => {
                if let ServerFrame::Error { code, .. } | ServerFrame::Rejected { code, .. } = *frame {
                    services.metrics.refuse(code);
                }
                self.send(&frame);
            }
            Effect::Submit { command, n } => self.submit(&command, n),
            Effect::Attach { id, items } => services.hub.attach(self, id, items),
            Effect::Detach(conversations) => services.hub.detach(self, &conversations),
            Effect::Typing { conversation, on, preview } => services.hub.typing(self, conversation, on, preview),
            Effect::Status(status) => self.set_status(status),
            Effect::Touch => self.touch(),
            Effect::Leave => self.leave(),
            Effect::Close(code) => self.mailbox.close(code),
        }
    }

    fn submit(self: &Arc<Self>, command: &Command, n: Option<u64>) {
        let connection = Arc::clone(self);
        let conversation = command.conversation;
        let submitted = Instant::now();
        self.services.upstream.submit(
            command,
            Box::new(move |answer| {
                connection.services.metrics.answers.observe(submitted.elapsed().as_secs_f64());
                connection.input(Input::Answer { conversation, n, answer });
            }),
        );
    }

    fn authenticate(self: &Arc<Self>, token: Option<String>) {
        let connection = Arc::clone(self);
        self.services.tasks.spawn(async move {
            let admitted = connection.admit(token).await;
            connection.input(Input::Authenticated(admitted));
        });
    }

    async fn admit(&self, token: Option<String>) -> Result<Box<Admission>, Code> {
        let arrival = self.arrival.lock().take().unwrap_or_default();
        let Arrival { token: given, user_id, user_kind, admission } = *arrival;
        let admission = match admission {
            Some(admission) => admission,
            None => {
                let token = token.or(given).ok_or(Code::NoCredential)?;
                Box::new(self.services.admit(&token, &self.id).await.map_err(AuthError::code)?)
            }
        };
        let user = &admission.caller.user;
        let other = user_id.is_some_and(|id| id != user.id.as_str()) || user_kind.is_some_and(|kind| kind != user.kind);
        if other { Err(Code::OtherUser) } else { Ok(admission) }
    }

    fn join(self: &Arc<Self>, joining: Joining) {
        let _ = self.joined.set(joining);
        let joined = self.services.hub.join(self);
        if joined.is_ok()
            && let Some(joining) = self.joined()
        {
            self.services.registry.register(self);
            let Caller { tenant, user, .. } = &*joining.caller;
            match user.kind {
                UserKind::Agent => {
                    let status = joining.status.unwrap_or(Chosen::ONLINE);
                    self.services.presence.connected(&joining.caller, status);
                }
                UserKind::Customer => {
                    if self.services.hub.connections_of(tenant, user) == 1 {
                        self.services.customers.came(tenant, &user.id);
                    }
                }
            }
        }
        self.input(Input::Joined(joined));
    }

    fn leave(self: &Arc<Self>) {
        let Some(joining) = self.joined() else { return };
        if !self.services.hub.leave(self) {
            return;
        }
        self.services.registry.unregister(self);
        let Caller { tenant, user, .. } = &*joining.caller;
        match user.kind {
            UserKind::Agent => self.services.presence.disconnected(tenant, &user.id),
            UserKind::Customer => {
                if self.services.hub.connections_of(tenant, user) == 0 {
                    self.services.customers.left(tenant, &user.id);
                }
            }
        }
    }

    fn set_status(&self, status: AgentStatus) {
        if let Some(joining) = self.joined() {
            self.services.presence.set_status(&joining.caller, status, None);
        }
    }

    fn touch(self: &Arc<Self>) {
        let Some(joining) = self.joined() else { return };
        let connection = Arc::clone(self);
        let caller = Arc::clone(&joining.caller);
        self.services.tasks.spawn(async move {
            if let Err(error) = connection.services.auth.touch(&caller).await
                && error.is_final()
            {
                connection.input(Input::Close(error.code()));
            }
        });
    }

    /// Whether it follows that conversation.
    pub(crate) fn follows(&self, conversation: ConversationId) -> bool {
        self.followed().lock().contains(conversation)
    }
}
