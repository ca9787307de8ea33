//! The order of the queue and the choice of an agent.

use std::collections::HashMap;

use super::{Agent, Allocation, Waiting};
use crate::ids::{At, ConversationId, UserId};

/// How allocation behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How long an agent may be gone before sessions are given back, in milliseconds.
    pub grace_ms: u64,
    /// Capacity of an agent who was given none.
    pub default_capacity: u16,
    /// For how long an agent who comes back to a queue gets its sessions one at a time, in milliseconds.
    pub pace_for_ms: u64,
    /// Time between two of those, in milliseconds.
    pub pace_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { grace_ms: 30_000, default_capacity: 5, pace_for_ms: 10_000, pace_ms: 1_000 }
    }
}

/// A waiting session's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueuePlace {
    /// From 1.
    pub position: u64,
    /// How long it may still take, in seconds; none while too little is known.
    pub estimate_s: Option<u64>,
}

/// What one level of priority is worth, in milliseconds of waiting.
const PRIORITY_LEVEL_MS: u64 = 60_000;

fn rank(conversation: ConversationId, waiting: &Waiting) -> (u64, u64, ConversationId) {
    let head_start = u64::from(waiting.priority) * PRIORITY_LEVEL_MS;
    (waiting.opened_at.0.saturating_sub(head_start), waiting.opened_at.0, conversation)
}

impl Allocation {
    /// Waiting sessions in the order in which they are served.
    #[must_use]
    pub fn queue(&self) -> Vec<(ConversationId, &Waiting)> {
        let mut queue: Vec<_> = self.waiting.iter().map(|(id, waiting)| (*id, waiting)).collect();
        queue.sort_by_key(|(id, waiting)| rank(*id, waiting));
        queue
    }

    /// The place of every waiting session, in order.
    #[must_use]
    pub fn places(&self) -> Vec<(ConversationId, QueuePlace)> {
        self.queue()
            .into_iter()
            .zip(1_u64..)
            .map(|((id, _), position)| {
                let estimate_s = self.match_gap_ms.map(|gap| (gap.saturating_mul(position)).div_ceil(1_000));
                (id, QueuePlace { position, estimate_s })
            })
            .collect()
    }

    /// Places that each agent's sessions take, counted once for all of them.
    fn loads(&self) -> HashMap<&UserId, usize> {
        let mut loads = HashMap::new();
        for held in self.held.values() {
            *loads.entry(&held.agent).or_default() += 1;
        }
        loads
    }

    /// Agents that could take a session now.
    pub(super) fn eligible(&self, now: At, settings: &Settings) -> Vec<(&UserId, &Agent, usize)> {
        let loads = self.loads();
        self.agents
            .iter()
            .filter(|(_, agent)| agent.is_available() && !paced(agent, now, settings))
            .map(|(id, agent)| (id, agent, loads.get(id).copied().unwrap_or(0)))
            .filter(|(_, agent, load)| *load < usize::from(agent.capacity))
            .collect()
    }

    /// The next session to serve and who gets it: least loaded, ties to the least recently matched.
    pub(super) fn next_match(&self, now: At, settings: &Settings) -> Option<(ConversationId, UserId, String)> {
        let first = self.waiting.iter().min_by_key(|(id, waiting)| rank(**id, waiting));
        let conversation = *first?.0;
        let eligible = self.eligible(now, settings);
        let (id, agent, load) =
            eligible.iter().min_by_key(|(id, agent, load)| (*load, agent.last_match, (*id).clone()))?;
        let reason = format!(
            "least loaded: {load} of {} sessions; {} of {} agents had room",
            agent.capacity,
            eligible.len(),
            self.agents.len()
        );
        Some((conversation, (*id).clone(), reason))
    }
}

fn paced(agent: &Agent, now: At, settings: &Settings) -> bool {
    let in_pace = agent.paced_until.is_some_and(|until| now < until);
    in_pace && agent.last_match_at.is_some_and(|last| now.millis_since(last) < settings.pace_ms)
}
