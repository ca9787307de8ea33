//! A conversation that this edge follows.

use std::sync::Arc;

use kefu_model::conversation::View;
use kefu_model::{Conversation, ConversationId, Outcome, Refusal, UserKind};

use super::customers::Customer;
use crate::auth::Caller;
use crate::clock;
use crate::connection::Connection;

/// Who follows a conversation, and its members as of the last outcome seen.
pub(super) struct Followed {
    pub(super) live: Option<LiveState>,
    pub(super) subscribers: Vec<Subscriber>,
    pub(super) waiting: Vec<Waiting>,
    /// Outcomes since the first of those who wait asked.
    pub(super) backlog: Vec<Arc<Outcome>>,
    /// The token of an attach by which the hub itself catches up.
    pub(super) resync: Option<u64>,
    /// What is known of its customer.
    pub(super) customer: Customer,
    /// By the steady clock.
    idle_since_ms: u64,
}

/// What is known of the conversation. Its editable messages are left out.
pub(super) struct LiveState {
    pub(super) epoch: u64,
    pub(super) conversation: Conversation,
}

/// A connection that gets what happens.
pub(super) struct Subscriber {
    pub(super) connection: Arc<Connection>,
    /// The last event that it got.
    pub(super) last_rev: u64,
    /// What it was told last of whether the customer is online; only agents are.
    pub(super) told_online: Option<bool>,
}

/// A connection whose attach is not answered yet.
pub(super) struct Waiting {
    pub(super) token: u64,
    pub(super) connection: Arc<Connection>,
    /// The client's id of the attach.
    pub(super) id: u64,
    /// Epoch and rev.
    pub(super) cursor: Option<(u64, u64)>,
}

impl Followed {
    pub(super) fn new() -> Self {
        Self {
            live: None,
            // A visitor's one connection, as a rule.
            subscribers: Vec::with_capacity(1),
            waiting: Vec::new(),
            backlog: Vec::new(),
            resync: None,
            customer: Customer::default(),
            idle_since_ms: clock::steady_ms(),
        }
    }

    /// Removes a connection.
    pub(super) fn remove(&mut self, number: u64) {
        self.subscribers.retain(|subscriber| subscriber.connection.number != number);
        self.waiting.retain(|waiting| waiting.connection.number != number);
        if self.waiting.is_empty() {
            self.backlog = Vec::new();
        }
        self.idle_since_ms = clock::steady_ms();
    }

    pub(super) fn take_waiting(&mut self, token: u64) -> Option<Waiting> {
        let index = self.waiting.iter().position(|waiting| waiting.token == token)?;
        let taken = self.waiting.swap_remove(index);
        if self.waiting.is_empty() {
            self.waiting = Vec::new();
        }
        Some(taken)
    }

    /// Whether nobody has followed it for that long.
    pub(super) fn is_idle(&self, now_ms: u64, linger_ms: u64) -> bool {
        self.subscribers.is_empty() && self.waiting.is_empty() && now_ms.saturating_sub(self.idle_since_ms) >= linger_ms
    }

    /// Whether nothing came of following it, and nobody is left who asked.
    pub(super) fn is_unknown(&self) -> bool {
        self.live.is_none() && self.waiting.is_empty() && self.subscribers.is_empty()
    }

    /// Epoch and state, unless it is catching up.
    pub(super) fn known(&self) -> Option<(u64, Conversation)> {
        let live = self.live.as_ref().filter(|_| self.resync.is_none())?;
        Some((live.epoch, live.conversation.clone()))
    }

    /// Keeps outcomes for those who wait; beyond the limit they will be told to load a page instead.
    pub(super) fn keep(&mut self, outcomes: &[Arc<Outcome>], limit: usize) {
        if self.waiting.is_empty() {
            return;
        }
        if self.backlog.len() + outcomes.len() > limit {
            self.backlog = Vec::new();
            return;
        }
        self.backlog.extend(outcomes.iter().cloned());
    }
}

/// Whether a user may follow a conversation. A customer's own support conversation may not exist yet; of others a
/// customer does not even learn whether they exist.
pub(super) fn may_follow(caller: &Caller, conversation: &Conversation) -> Result<(), Refusal> {
    let own = caller.user.kind == UserKind::Customer
        && conversation.id == ConversationId::support(&caller.tenant, &caller.user.id);
    if own || (conversation.exists() && View::of(conversation, &caller.user, caller.role).any()) {
        return Ok(());
    }
    let hide = !conversation.exists() || caller.user.kind == UserKind::Customer;
    Err(if hide { Refusal::NoConversation } else { Refusal::NotAMember })
}
