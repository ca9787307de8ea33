//! Whether the customer of a followed conversation is online, as the agents who follow it are told.
//!
//! The hub remembers what it told each of them, so that news that is none reaches nobody. Who begins to follow is told
//! what a look-up finds. A notice that comes while somebody looks is newer than what is found.

use std::collections::HashSet;
use std::sync::Arc;

use kefu_model::{ConversationId, ConversationKind, TenantId, User, UserId, UserKind};

use super::Hub;
use super::deliver::{Shared, is_present};
use super::followed::{Followed, LiveState, Subscriber};
use crate::connection::Connection;
use crate::frame::{AgentStatus, ServerFrame};

/// Questions that may wait. Of more conversations agents learn when they are looked at again.
const QUESTIONS: usize = 65_536;

/// What notices told of a conversation's customer.
#[derive(Debug, Default)]
pub(super) struct Customer {
    online: bool,
    /// Notices so far, so that a look-up can tell whether one came meanwhile.
    notices: u64,
}

/// A question whether a customer is online.
pub(crate) struct Asked {
    pub(crate) tenant: TenantId,
    pub(crate) customer: User,
    conversation: ConversationId,
    /// Notices when it was asked.
    notices: u64,
}

impl Hub {
    /// Lets a connection follow a conversation from this event on. An agent is told soon whether the customer is online.
    pub(super) fn subscribe(
        &self,
        tenant: &TenantId,
        followed: &mut Followed,
        connection: Arc<Connection>,
        last_rev: u64,
    ) {
        let asks = is_agent_in(followed.live.as_ref(), &connection);
        followed.subscribers.push(Subscriber { connection, last_rev, told_online: None });
        if asks {
            self.ask(tenant, followed);
        }
    }

    /// Asks for every conversation with agents, so that what they were told becomes true again if it is not.
    pub(crate) fn ask_again(&self) {
        for shard in &self.shards {
            for ((tenant, _), followed) in &*shard.lock() {
                let live = followed.live.as_ref();
                if followed.subscribers.iter().any(|other| is_agent_in(live, &other.connection)) {
                    self.ask(tenant, followed);
                }
            }
        }
    }

    fn ask(&self, tenant: &TenantId, followed: &Followed) {
        let known = followed.live.as_ref().map(|live| &live.conversation);
        let Some(known) = known.filter(|known| known.id.kind() == ConversationKind::Support) else { return };
        let Some(customer) = known.customer().cloned() else { return };
        let question =
            Asked { tenant: tenant.clone(), customer, conversation: known.id, notices: followed.customer.notices };
        let mut asked = self.asked.lock();
        if asked.len() < QUESTIONS {
            asked.push(question);
        }
    }

    /// Takes the questions that wait.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock())
    }

    /// Puts questions back that have no answer yet, as far as there is room. One that was asked again meanwhile is asked
    /// once.
    pub(crate) fn unanswered(&self, questions: Vec<Asked>) {
        if questions.is_empty() {
            return;
        }
        let mut asked = self.asked.lock();
        let mut newer: HashSet<_> = asked.iter().map(|asked| (asked.tenant.clone(), asked.conversation)).collect();
        let room = QUESTIONS.saturating_sub(asked.len());
        let older = questions.into_iter().rev().filter(|old| newer.insert((old.tenant.clone(), old.conversation)));
        asked.extend(older.take(room));
    }

    /// The answer to a question.
    pub(crate) fn found(&self, asked: &Asked, online: bool) {
        let mut shard = self.shard(asked.conversation).lock();
        let Some(followed) = shard.get_mut(&(asked.tenant.clone(), asked.conversation)) else { return };
        let online = if followed.customer.notices == asked.notices { online } else { followed.customer.online };
        show(followed, &asked.customer, online);
    }

    /// Customers came or left: those agents are told who follow their conversation and do not know.
    pub(super) fn show_customers(&self, tenant: &TenantId, customers: Vec<UserId>, online: bool) {
        for customer in customers {
            let conversation = ConversationId::support(tenant, &customer);
            let mut shard = self.shard(conversation).lock();
            let Some(followed) = shard.get_mut(&(tenant.clone(), conversation)) else { continue };
            followed.customer = Customer { online, notices: followed.customer.notices + 1 };
            show(followed, &User::customer(customer), online);
        }
    }
}

/// Tells the agents who are in and do not know.
fn show(followed: &mut Followed, customer: &User, online: bool) {
    let status = if online { AgentStatus::Online } else { AgentStatus::Offline };
    let frame = ServerFrame::Presence { user: customer.into(), status };
    let mut shared = Shared::new(&frame);
    let live = followed.live.as_ref();
    for subscriber in &mut followed.subscribers {
        let connection = &subscriber.connection;
        if is_agent_in(live, connection) && subscriber.told_online.replace(online) != Some(online) {
            connection.push(shared.encoded(connection.codec));
        }
    }
}

/// Whether it is the connection of an agent who is in the conversation now, or oversees it.
fn is_agent_in(live: Option<&LiveState>, connection: &Connection) -> bool {
    live.zip(connection.joined()).is_some_and(|(live, joining)| {
        joining.caller.user.kind == UserKind::Agent && is_present(&live.conversation, joining)
    })
}
