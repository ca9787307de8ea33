//! What owners tell of their state.

use std::sync::Arc;

use kefu_model::allocation::{AgentStatus, Allocation, Stage};
use kefu_model::ids::{At, ConversationId, Name, UserId};
use kefu_model::{Conversation, Outcome};

/// A conversation's state in an epoch of its log. Editable messages are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The log's epoch.
    pub epoch: u64,
    /// The state.
    pub conversation: Conversation,
}

/// How far a client has followed a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The log's epoch.
    pub epoch: u64,
    /// The last event it has.
    pub rev: u64,
}

/// What an owner answers to an attach.
#[derive(Debug, Clone)]
pub struct Attached {
    /// The state up to which `missed` reaches.
    pub snapshot: Arc<Snapshot>,
    /// Whether `missed` is everything after the cursor.
    pub recovered: bool,
    /// Outcomes after the cursor, in order.
    pub missed: Vec<Arc<Outcome>>,
}

/// The allocation of a tenant, to look at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllocationView {
    /// Agents heard of.
    pub agents: Vec<AgentView>,
    /// Waiting sessions, in the order in which they will be served.
    pub waiting: Vec<WaitingView>,
    /// Sessions with an agent.
    pub held: Vec<HeldView>,
}

/// An agent, to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentView {
    /// Who.
    pub id: UserId,
    /// Display name.
    pub name: Option<Name>,
    /// The status to show.
    pub status: AgentStatus,
    /// Most sessions at a time.
    pub capacity: u16,
    /// Sessions now.
    pub load: u16,
}

/// A waiting session, to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingView {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Which of its sessions.
    pub session: u64,
    /// Whose.
    pub customer: UserId,
    /// Their name.
    pub name: Option<Name>,
    /// When it was opened.
    pub opened_at: At,
    /// When it was queued last.
    pub queued_at: At,
    /// From 1.
    pub position: u64,
    /// In seconds.
    pub estimate_s: Option<u64>,
}

/// A session with an agent, to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldView {
    /// Which conversation.
    pub conversation: ConversationId,
    /// Which of its sessions.
    pub session: u64,
    /// Whose.
    pub customer: UserId,
    /// Their name.
    pub name: Option<Name>,
    /// Who has it.
    pub agent: UserId,
    /// When it was opened.
    pub opened_at: At,
    /// Whether the conversation has confirmed it.
    pub active: bool,
    /// Why this agent, while it is reserved.
    pub reason: Option<String>,
}

impl From<&Allocation> for AllocationView {
    fn from(state: &Allocation) -> Self {
        let agents = state.agents.iter().map(|(id, agent)| AgentView {
            id: id.clone(),
            name: agent.name.clone(),
            status: agent.shown_status(),
            capacity: agent.capacity,
            load: u16::try_from(state.load(id)).unwrap_or(u16::MAX),
        });
        let waiting =
            state.queue().into_iter().zip(state.places()).map(|((conversation, waiting), (_, place))| WaitingView {
                conversation,
                session: waiting.session,
                customer: waiting.customer.clone(),
                name: waiting.name.clone(),
                opened_at: waiting.opened_at,
                queued_at: waiting.queued_at,
                position: place.position,
                estimate_s: place.estimate_s,
            });
        let held = state.held.iter().map(|(conversation, held)| HeldView {
            conversation: *conversation,
            session: held.waiting.session,
            customer: held.waiting.customer.clone(),
            name: held.waiting.name.clone(),
            agent: held.agent.clone(),
            opened_at: held.waiting.opened_at,
            active: held.stage == Stage::Active,
            reason: match &held.stage {
                Stage::Reserved { reason, .. } => Some(reason.clone()),
                _ => None,
            },
        });
        Self { agents: agents.collect(), waiting: waiting.collect(), held: held.collect() }
    }
}
