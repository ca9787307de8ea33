//! Allocation: which agent gets which visitor. One aggregate per tenant.
//!
//! Whatever gives an agent a session is reserved here first, so capacity holds by the order of this log. What is owed to
//! the conversations (assign, transfer, requeue) is part of the state: workers send it until its outcome is read.

mod apply;
mod decide;
mod queue;

use std::collections::BTreeMap;

use crate::event::QueueReason;
use crate::ids::{At, ConversationId, Name, Partition, TenantId, User, UserId};
use crate::refusal::Refusal;

pub use decide::decide;
pub use queue::{QueuePlace, Settings};

/// The state of a tenant's allocation after some outcomes of its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// The tenant.
    pub tenant: TenantId,
    /// Agents heard of.
    pub agents: BTreeMap<UserId, Agent>,
    /// Sessions that wait.
    pub waiting: BTreeMap<ConversationId, Waiting>,
    /// Sessions that an agent has, is about to get or is about to lose.
    pub held: BTreeMap<ConversationId, Held>,
    /// How far the conversation logs were read.
    pub read: BTreeMap<Partition, ReadPosition>,
    /// Number of the last match, dense from 1.
    pub matches: u64,
    /// When the last waiting session was matched.
    pub last_match_at: Option<At>,
    /// Smoothed time between two matches while sessions waited, in milliseconds.
    pub match_gap_ms: Option<u64>,
}

/// A position in a conversation log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadPosition {
    /// The log's epoch.
    pub epoch: u64,
    /// The last position whose facts are included.
    pub position: u64,
}

/// What an agent said of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AgentStatus {
    /// Takes new sessions.
    Online,
    /// Keeps theirs, takes no new ones.
    Away,
    /// Keeps theirs, takes no new ones.
    Busy,
    /// Gone: sessions are given back after the grace time.
    Offline,
}

impl AgentStatus {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Away => "away",
            Self::Busy => "busy",
            Self::Offline => "offline",
        }
    }

    /// Reads the name on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Online, Self::Away, Self::Busy, Self::Offline].into_iter().find(|status| status.as_str() == text)
    }
}

/// An agent as allocation sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Display name.
    pub name: Option<Name>,
    /// What they said of themselves.
    pub status: AgentStatus,
    /// Whether a connection or heartbeat keeps their lease.
    pub present: bool,
    /// Most sessions at a time.
    pub capacity: u16,
    /// Number of their last match, 0 before the first.
    pub last_match: u64,
    /// When they were matched last.
    pub last_match_at: Option<At>,
    /// Since when they are gone; none while they are here.
    pub gone_since: Option<At>,
    /// Until when they get waiting sessions one at a time, because others waited when they came back.
    pub paced_until: Option<At>,
}

impl Agent {
    /// Whether they are here at all.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.present && self.status != AgentStatus::Offline
    }

    /// Whether they take new sessions.
    #[must_use]
    pub fn is_available(&self) -> bool {
        self.present && self.status == AgentStatus::Online
    }

    /// The status to show: offline while nobody is connected.
    #[must_use]
    pub fn shown_status(&self) -> AgentStatus {
        if self.present { self.status } else { AgentStatus::Offline }
    }
}

/// A session that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its ordinal in the conversation.
    pub session: u64,
    /// The `rev` of the queueing.
    pub queued_rev: u64,
    /// When the session was opened: the place in the queue is kept through requeues.
    pub opened_at: At,
    /// When it was queued last.
    pub queued_at: At,
    /// Higher is served earlier; one level is worth a minute of waiting.
    pub priority: u8,
    /// The customer.
    pub customer: UserId,
    /// Their name.
    pub name: Option<Name>,
}

/// A session that an agent has, is about to get or is about to lose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The session.
    pub waiting: Waiting,
    /// Whose place it takes.
    pub agent: UserId,
    /// Where it stands.
    pub stage: Stage,
}

/// Where a held session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Reserved: the conversation has not answered yet.
    Reserved {
        /// The match.
        number: u64,
        /// Who has it meanwhile, when it is taken over.
        from: Option<UserId>,
        /// Why this agent.
        reason: String,
    },
    /// The agent has it.
    Active,
    /// It is being given back.
    Releasing {
        /// The match number used as key.
        number: u64,
        /// Why.
        reason: QueueReason,
    },
}

/// A command to allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllocationCommand {
    /// An agent's status, name and capacity.
    Agent {
        /// Who.
        agent: UserId,
        /// Display name.
        name: Option<Name>,
        /// The status they set; none leaves it.
        status: Option<AgentStatus>,
        /// Their capacity; none leaves it.
        capacity: Option<u16>,
        /// Whether this shows that they are here.
        present: Option<bool>,
    },
    /// Facts read from a conversation log, in its order.
    Observed {
        /// Which log.
        partition: Partition,
        /// How far it was read.
        read: ReadPosition,
        /// What was found.
        facts: Vec<SessionFact>,
    },
    /// Give a waiting or active session to this agent.
    Pick {
        /// Which.
        conversation: ConversationId,
        /// To whom.
        agent: UserId,
        /// In whose words.
        reason: String,
    },
    /// Give a session back to the queue.
    Release {
        /// Which.
        conversation: ConversationId,
        /// Whose; none for whoever has it.
        agent: Option<UserId>,
    },
    /// The conversation refused what was owed to it under that number.
    Declined {
        /// Which.
        conversation: ConversationId,
        /// The match.
        number: u64,
    },
    /// Time has passed.
    Tick,
}

/// What a conversation log says of its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionFact {
    /// It waits.
    Queued {
        /// Which.
        conversation: ConversationId,
        /// How.
        waiting: Waiting,
    },
    /// An agent has it.
    Assigned {
        /// Which.
        conversation: ConversationId,
        /// Who.
        agent: UserId,
    },
    /// It is over.
    Ended {
        /// Which.
        conversation: ConversationId,
    },
}

/// What happened in allocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllocationEvent {
    /// An agent is now like this.
    AgentChanged {
        /// Who.
        agent: UserId,
        /// The new state.
        state: Agent,
    },
    /// Facts were read.
    Observed {
        /// Which log.
        partition: Partition,
        /// How far.
        read: ReadPosition,
        /// What was found.
        facts: Vec<SessionFact>,
    },
    /// A session is reserved for an agent.
    Matched {
        /// Which.
        conversation: ConversationId,
        /// For whom.
        agent: UserId,
        /// The match's number.
        number: u64,
        /// Who has it meanwhile, when it is taken over.
        from: Option<UserId>,
        /// Why this agent.
        reason: String,
    },
    /// A session is to be given back to the queue.
    Releasing {
        /// Which.
        conversation: ConversationId,
        /// The number used as key.
        number: u64,
        /// Why.
        reason: QueueReason,
    },
    /// The conversation declined; the reservation is over.
    Unmatched {
        /// Which.
        conversation: ConversationId,
        /// The match.
        number: u64,
    },
}

/// A decided command, as the allocation log keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationOutcome {
    /// The tenant.
    pub tenant: TenantId,
    /// When.
    pub at: At,
    /// What happened.
    pub events: Vec<AllocationEvent>,
}

/// The answer to an allocation command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllocationAnswer {
    /// Done, or so already.
    Done,
    /// Refused.
    Refused(Refusal),
}

/// What is owed to a conversation until its outcome is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// Which.
    pub conversation: ConversationId,
    /// Keys the command.
    pub number: u64,
    /// The command.
    pub body: crate::command::Body,
}

impl Allocation {
    /// A tenant of which nothing is known yet.
    #[must_use]
    pub fn empty(tenant: TenantId) -> Self {
        Self {
            tenant,
            agents: BTreeMap::new(),
            waiting: BTreeMap::new(),
            held: BTreeMap::new(),
            read: BTreeMap::new(),
            matches: 0,
            last_match_at: None,
            match_gap_ms: None,
        }
    }

    /// Sessions that take a place of the agent's capacity.
    #[must_use]
    pub fn load(&self, agent: &UserId) -> usize {
        self.held.values().filter(|held| &held.agent == agent).count()
    }

    /// The commands that conversations still have to be sent.
    pub fn owed(&self) -> impl Iterator<Item = Owed> + '_ {
        self.held.iter().filter_map(|(conversation, held)| {
            let (number, body) = self.owed_body(held)?;
            Some(Owed { conversation: *conversation, number, body })
        })
    }

    fn owed_body(&self, held: &Held) -> Option<(u64, crate::command::Body)> {
        use crate::command::Body;
        let agent = User::agent(held.agent.clone());
        let name = self.agents.get(&held.agent).and_then(|agent| agent.name.clone());
        match &held.stage {
            Stage::Active => None,
            Stage::Reserved { number, from: None, reason } => {
                let queued_rev = held.waiting.queued_rev;
                Some((*number, Body::Assign { agent, name, queued_rev, reason: reason.clone() }))
            }
            Stage::Reserved { number, from: Some(from), reason } => {
                let from = User::agent(from.clone());
                Some((*number, Body::Transfer { from, agent, name, reason: reason.clone() }))
            }
            Stage::Releasing { number, reason } => Some((*number, Body::Requeue { from: agent, reason: *reason })),
        }
    }
}

#[cfg(test)]
mod tests;
