//! Notices: ephemeral facts, shown to those who may see them.

use std::sync::Arc;

use kefu_model::allocation::QueuePlace;
use kefu_model::{ConversationId, TenantId, User, UserKind};
use kefu_nats::notice::Notice;

use super::Hub;
use super::deliver::{Shared, is_present};
use crate::auth::{Credential, hex};
use crate::connection::Connection;
use crate::frame::{Code, ServerFrame};
use crate::machine::Input;

impl Hub {
    /// A user types: others are told if the user is in that conversation.
    pub(crate) fn typing(
        &self,
        connection: &Arc<Connection>,
        conversation: ConversationId,
        on: bool,
        preview: Option<String>,
    ) {
        let Some(joining) = connection.joined().filter(|_| connection.follows(conversation)) else { return };
        let (tenant, user) = (joining.caller.tenant.clone(), joining.caller.user.clone());
        let is_member = {
            let shard = self.shard(conversation).lock();
            let followed = shard.get(&(tenant.clone(), conversation));
            followed.and_then(|followed| followed.live.as_ref()).is_some_and(|live| live.conversation.has_active(&user))
        };
        if is_member {
            let connection = connection.id.clone();
            self.publish(Notice::Typing { tenant, conversation, user, on, preview, connection });
        }
    }

    pub(super) fn notice(&self, notice: Notice) {
        match notice {
            Notice::Typing { tenant, conversation, user, on, preview, .. } => {
                self.show_typing(tenant, conversation, &user, on, preview);
            }
            Notice::Presence { tenant, user, status } => {
                let agents = self.people.lock().agents(&tenant);
                send_to(&agents, &ServerFrame::Presence { user: (&user).into(), status: status.into() });
            }
            Notice::Customers { tenant, online, offline } => {
                self.show_customers(&tenant, online, true);
                self.show_customers(&tenant, offline, false);
            }
            Notice::Added { tenant, user, conversation } => {
                send_to(&self.people.lock().of(&tenant, &user), &added(conversation));
            }
            Notice::Places { tenant, places, waiting } => self.show_places(&tenant, &places, waiting),
            Notice::Revoked { tenant, user, session } => self.revoke(&tenant, &user, session.as_deref()),
            Notice::Disconnect { tenant, connection, user } => {
                self.disconnect(&tenant, connection.as_deref(), user.as_ref());
            }
        }
    }

    /// Tells a user's connections that do not follow the conversation that the user is in it.
    pub(crate) fn remind(&self, tenant: &TenantId, user: &User, conversation: ConversationId) {
        send_to(&self.unaware(tenant, user, conversation), &added(conversation));
    }

    /// Whether a user has a connection here that does not follow the conversation.
    pub(crate) fn is_unaware(&self, tenant: &TenantId, user: &User, conversation: ConversationId) -> bool {
        !self.unaware(tenant, user, conversation).is_empty()
    }

    fn unaware(&self, tenant: &TenantId, user: &User, conversation: ConversationId) -> Vec<Arc<Connection>> {
        let mut own = self.people.lock().of(tenant, user);
        own.retain(|connection| !connection.follows(conversation));
        own
    }

    fn show_typing(
        &self,
        tenant: TenantId,
        conversation: ConversationId,
        user: &User,
        on: bool,
        preview: Option<String>,
    ) {
        let shard = self.shard(conversation).lock();
        let Some(followed) = shard.get(&(tenant, conversation)) else { return };
        let Some(live) = &followed.live else { return };
        let frame = |preview: Option<String>| ServerFrame::Typing {
            conversation: conversation.to_string(),
            user: user.into(),
            on,
            preview,
        };
        let (plain, full) = (frame(None), frame(preview));
        let (mut plain, mut full) = (Shared::new(&plain), Shared::new(&full));
        for subscriber in &followed.subscribers {
            let Some(joining) = subscriber.connection.joined() else { continue };
            if joining.caller.user == *user || !is_present(&live.conversation, joining) {
                continue;
            }
            let frame = if joining.caller.user.kind == UserKind::Agent { &mut full } else { &mut plain };
            subscriber.connection.push(frame.encoded(subscriber.connection.codec));
        }
    }

    fn show_places(&self, tenant: &TenantId, places: &[(ConversationId, QueuePlace)], waiting: u64) {
        for (conversation, place) in places {
            let shard = self.shard(*conversation).lock();
            let Some(followed) = shard.get(&(tenant.clone(), *conversation)) else { continue };
            let frame = ServerFrame::Queue {
                conversation: conversation.to_string(),
                position: place.position,
                waiting,
                estimate_s: place.estimate_s,
            };
            let mut shared = Shared::new(&frame);
            for subscriber in &followed.subscribers {
                let customer = |kind| kind == UserKind::Customer;
                if subscriber.connection.joined().is_some_and(|joining| customer(joining.caller.user.kind)) {
                    subscriber.connection.push(shared.encoded(subscriber.connection.codec));
                }
            }
        }
        let agents = self.people.lock().agents(tenant);
        send_to(&agents, &ServerFrame::Waiting { waiting });
    }

    fn revoke(&self, tenant: &TenantId, user: &User, session: Option<&str>) {
        let own = self.people.lock().of(tenant, user);
        for connection in own {
            let Some(joining) = connection.joined() else { continue };
            let hit = match (&joining.caller.credential, session) {
                (_, None) => true,
                (Credential::Login { hash, .. }, Some(session)) => hex(hash) == session,
                (Credential::Visitor { .. }, Some(_)) => false,
            };
            if hit {
                connection.input(Input::Close(Code::Revoked));
            }
        }
    }

    fn disconnect(&self, tenant: &TenantId, connection_id: Option<&str>, user: Option<&User>) {
        let named = match user {
            Some(user) => self.people.lock().of(tenant, user),
            None => self.connections(),
        };
        for connection in named {
            let Some(joining) = connection.joined() else { continue };
            let by_id = connection_id.is_none_or(|id| id == connection.id);
            if joining.caller.tenant == *tenant && by_id && (user.is_some() || connection_id.is_some()) {
                connection.input(Input::Close(Code::Disconnected));
            }
        }
    }
}

fn added(conversation: ConversationId) -> ServerFrame {
    ServerFrame::Added { conversation: conversation.to_string() }
}

fn send_to(connections: &[Arc<Connection>], frame: &ServerFrame) {
    let mut shared = Shared::new(frame);
    for connection in connections {
        connection.push(shared.encoded(connection.codec));
    }
}
