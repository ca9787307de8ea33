//! `apply` for allocation.

use super::{Allocation, AllocationEvent, AllocationOutcome, Held, SessionFact, Stage};
use crate::ids::{At, ConversationId, UserId};

/// Weight of the newest gap in the smoothed one: 1 / 4.
const GAP_WEIGHT: u64 = 4;
/// A gap longer than this says nothing of the pace of work, in milliseconds (15 minutes).
const GAP_MAX_MS: u64 = 15 * 60 * 1_000;

impl Allocation {
    /// Applies an outcome of this tenant's log.
    pub fn apply(&mut self, outcome: &AllocationOutcome) {
        for event in &outcome.events {
            self.apply_event(event, outcome.at);
        }
    }

    pub(super) fn apply_event(&mut self, event: &AllocationEvent, at: At) {
        match event {
            AllocationEvent::AgentChanged { agent, state } => {
                self.agents.insert(agent.clone(), state.clone());
            }
            AllocationEvent::Observed { partition, read, facts } => {
                for fact in facts {
                    self.absorb(fact);
                }
                self.read.insert(*partition, *read);
            }
            AllocationEvent::Matched { conversation, agent, number, from, reason } => {
                let stage = Stage::Reserved { number: *number, from: from.clone(), reason: reason.clone() };
                self.reserve(*conversation, agent, stage, at);
                self.matches = self.matches.max(*number);
            }
            AllocationEvent::Releasing { conversation, number, reason } => {
                if let Some(held) = self.held.get_mut(conversation) {
                    held.stage = Stage::Releasing { number: *number, reason: *reason };
                }
                self.matches = self.matches.max(*number);
            }
            AllocationEvent::Unmatched { conversation, number } => self.unmatch(*conversation, *number),
        }
    }

    fn absorb(&mut self, fact: &SessionFact) {
        match fact {
            SessionFact::Queued { conversation, waiting } => {
                self.held.remove(conversation);
                self.waiting.insert(*conversation, waiting.clone());
            }
            SessionFact::Assigned { conversation, agent } => {
                let waiting = self.waiting.remove(conversation);
                let waiting = self.held.remove(conversation).map(|held| held.waiting).or(waiting);
                if let Some(waiting) = waiting {
                    self.held.insert(*conversation, Held { waiting, agent: agent.clone(), stage: Stage::Active });
                }
            }
            SessionFact::Ended { conversation } => {
                self.waiting.remove(conversation);
                self.held.remove(conversation);
            }
        }
    }

    fn reserve(&mut self, conversation: ConversationId, agent: &UserId, stage: Stage, at: At) {
        let from_queue = self.waiting.remove(&conversation);
        let queued = from_queue.is_some();
        let Some(waiting) = from_queue.or_else(|| self.held.remove(&conversation).map(|held| held.waiting)) else {
            return;
        };
        if queued {
            self.note_gap(at);
        }
        let Stage::Reserved { number, .. } = stage else { return };
        self.held.insert(conversation, Held { waiting, agent: agent.clone(), stage });
        if let Some(state) = self.agents.get_mut(agent) {
            state.last_match = number;
            state.last_match_at = Some(at);
        }
    }

    fn note_gap(&mut self, at: At) {
        if let Some(last) = self.last_match_at {
            let gap = at.millis_since(last);
            if gap <= GAP_MAX_MS {
                let smoothed = self.match_gap_ms.map_or(gap, |old| (old * (GAP_WEIGHT - 1) + gap) / GAP_WEIGHT);
                self.match_gap_ms = Some(smoothed);
            }
        }
        self.last_match_at = Some(at);
    }

    /// A declined reservation: the place is given back. The session itself is corrected by the facts of its log: a
    /// waiting one waits again, a taken-over one stays with whom it was.
    fn unmatch(&mut self, conversation: ConversationId, number: u64) {
        let Some(held) = self.held.get(&conversation) else { return };
        match &held.stage {
            Stage::Reserved { number: reserved, from, .. } if *reserved == number => {
                let waiting = held.waiting.clone();
                if let Some(from) = from.clone() {
                    self.held.insert(conversation, Held { waiting, agent: from, stage: Stage::Active });
                } else {
                    self.held.remove(&conversation);
                }
            }
            Stage::Releasing { number: releasing, .. } if *releasing == number => {
                if let Some(held) = self.held.get_mut(&conversation) {
                    held.stage = Stage::Active;
                }
            }
            _ => {}
        }
    }
}
