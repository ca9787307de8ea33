//! `decide` for allocation: the command first, then whatever can be matched now.

use std::borrow::Cow;
use std::collections::HashSet;

use super::queue::Settings;
use super::{
    Agent, AgentStatus, Allocation, AllocationAnswer, AllocationCommand, AllocationEvent, AllocationOutcome, Stage,
};
use crate::event::QueueReason;
use crate::ids::{At, ConversationId, Name, UserId};
use crate::limits::CAPACITY;
use crate::refusal::Refusal;

/// Decides a command; the outcome is none when nothing changed and nothing can be matched.
#[must_use]
pub fn decide(
    state: &Allocation,
    command: &AllocationCommand,
    now: At,
    settings: &Settings,
) -> (Option<AllocationOutcome>, AllocationAnswer) {
    let mut draft = Draft { state: Cow::Borrowed(state), events: Vec::new(), now, settings };
    let answer = match draft.judge(command) {
        Ok(()) => AllocationAnswer::Done,
        Err(refusal) => AllocationAnswer::Refused(refusal),
    };
    draft.release_of_the_gone();
    draft.match_waiting();
    let outcome = (!draft.events.is_empty()).then(|| AllocationOutcome {
        tenant: state.tenant.clone(),
        at: now,
        events: draft.events,
    });
    (outcome, answer)
}

struct Draft<'a> {
    /// Copied by the first event: most commands, and all ticks of a quiet tenant, have none.
    state: Cow<'a, Allocation>,
    events: Vec<AllocationEvent>,
    now: At,
    settings: &'a Settings,
}

impl Draft<'_> {
    fn push(&mut self, event: AllocationEvent) {
        self.state.to_mut().apply_event(&event, self.now);
        self.events.push(event);
    }

    fn judge(&mut self, command: &AllocationCommand) -> Result<(), Refusal> {
        match command {
            AllocationCommand::Agent { agent, name, status, capacity, present } => {
                self.change_agent(agent, name.as_ref(), *status, *capacity, *present)
            }
            AllocationCommand::Observed { partition, read, facts } => {
                if self.state.read.get(partition).is_none_or(|known| known < read) {
                    let (partition, read, facts) = (*partition, *read, facts.clone());
                    self.push(AllocationEvent::Observed { partition, read, facts });
                }
                Ok(())
            }
            AllocationCommand::Pick { conversation, agent, reason } => self.pick(*conversation, agent, reason),
            AllocationCommand::Release { conversation, agent } => self.release(*conversation, agent.as_ref()),
            AllocationCommand::Declined { conversation, number } => {
                let (conversation, number) = (*conversation, *number);
                if self.is_owed(conversation, number) {
                    self.push(AllocationEvent::Unmatched { conversation, number });
                }
                Ok(())
            }
            AllocationCommand::Tick => Ok(()),
        }
    }

    fn is_owed(&self, conversation: ConversationId, wanted: u64) -> bool {
        self.state.held.get(&conversation).is_some_and(|held| match held.stage {
            Stage::Reserved { number, .. } | Stage::Releasing { number, .. } => number == wanted,
            Stage::Active => false,
        })
    }

    fn change_agent(
        &mut self,
        id: &UserId,
        name: Option<&Name>,
        status: Option<AgentStatus>,
        capacity: Option<u16>,
        present: Option<bool>,
    ) -> Result<(), Refusal> {
        if capacity.is_some_and(|capacity| capacity > CAPACITY) {
            return Err(Refusal::BadField);
        }
        let old = self.state.agents.get(id);
        let mut agent = old.cloned().unwrap_or_else(|| new_agent(self.now, self.settings));
        agent.name = name.cloned().or(agent.name);
        agent.status = status.unwrap_or(agent.status);
        agent.capacity = capacity.unwrap_or(agent.capacity);
        agent.present = present.unwrap_or(agent.present);
        let was_available = old.is_some_and(Agent::is_available);
        if agent.is_available() && !was_available && self.state.waiting.len() > 1 {
            agent.paced_until = Some(At(self.now.0 + self.settings.pace_for_ms));
        }
        if agent.is_here() {
            agent.gone_since = None;
        } else if agent.gone_since.is_none() {
            agent.gone_since = Some(self.now);
        }
        if old != Some(&agent) {
            self.push(AllocationEvent::AgentChanged { agent: id.clone(), state: agent });
        }
        Ok(())
    }

    fn pick(&mut self, conversation: ConversationId, agent: &UserId, reason: &str) -> Result<(), Refusal> {
        let held = self.state.held.get(&conversation);
        let from = match held {
            Some(held) if &held.agent == agent && !matches!(held.stage, Stage::Releasing { .. }) => return Ok(()),
            Some(held) if held.stage == Stage::Active => Some(held.agent.clone()),
            Some(_) => return Err(Refusal::WrongState),
            None if self.state.waiting.contains_key(&conversation) => None,
            None => return Err(Refusal::NoSession),
        };
        let state = self.state.agents.get(agent).ok_or(Refusal::NoAgent)?;
        if !state.is_here() {
            return Err(Refusal::NotAvailable);
        }
        if self.state.load(agent) >= usize::from(state.capacity) {
            return Err(Refusal::NoRoom);
        }
        let number = self.state.matches + 1;
        let (agent, reason) = (agent.clone(), reason.to_owned());
        self.push(AllocationEvent::Matched { conversation, agent, number, from, reason });
        Ok(())
    }

    fn release(&mut self, conversation: ConversationId, agent: Option<&UserId>) -> Result<(), Refusal> {
        let Some(held) = self.state.held.get(&conversation) else {
            return if self.state.waiting.contains_key(&conversation) { Ok(()) } else { Err(Refusal::NoSession) };
        };
        if agent.is_some_and(|agent| agent != &held.agent) {
            return Err(Refusal::NotAMember);
        }
        match held.stage {
            Stage::Releasing { .. } => Ok(()),
            Stage::Reserved { .. } => Err(Refusal::WrongState),
            Stage::Active => {
                self.push_release(conversation, QueueReason::Released);
                Ok(())
            }
        }
    }

    fn push_release(&mut self, conversation: ConversationId, reason: QueueReason) {
        let number = self.state.matches + 1;
        self.push(AllocationEvent::Releasing { conversation, number, reason });
    }

    fn release_of_the_gone(&mut self) {
        // An agent of whom nothing is known is gone.
        let stays =
            |agent: &Agent| agent.gone_since.is_none_or(|since| self.now.millis_since(since) < self.settings.grace_ms);
        let here: HashSet<&UserId> =
            self.state.agents.iter().filter(|(_, agent)| stays(agent)).map(|(id, _)| id).collect();
        let lost: Vec<ConversationId> = self
            .state
            .held
            .iter()
            .filter(|(_, held)| held.stage == Stage::Active && !here.contains(&held.agent))
            .map(|(conversation, _)| *conversation)
            .collect();
        for conversation in lost {
            self.push_release(conversation, QueueReason::AgentGone);
        }
    }

    fn match_waiting(&mut self) {
        while let Some((conversation, agent, reason)) = self.state.next_match(self.now, self.settings) {
            let number = self.state.matches + 1;
            self.push(AllocationEvent::Matched { conversation, agent, number, from: None, reason });
        }
    }
}

fn new_agent(now: At, settings: &Settings) -> Agent {
    Agent {
        name: None,
        status: AgentStatus::Offline,
        present: false,
        capacity: settings.default_capacity,
        last_match: 0,
        last_match_at: None,
        gone_since: Some(now),
        paced_until: None,
    }
}
