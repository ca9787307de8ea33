//! What allocation decides. [`Desk`] is the aggregate of one tenant with its log.

mod closed_loop;
mod facts;
mod matching;
mod properties;

use super::*;
use crate::command::Body;

const T0: u64 = 10_000_000;

fn id(text: &str) -> UserId {
    UserId::new(text).unwrap()
}

fn chat(number: usize) -> ConversationId {
    let mut bits = [0; 16];
    bits[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
    ConversationId::room(bits)
}

/// The aggregate with its log and a clock.
#[derive(Clone)]
struct Desk {
    state: Allocation,
    settings: Settings,
    now: At,
    log: Vec<AllocationOutcome>,
    position: u64,
}

impl Desk {
    fn new() -> Self {
        Self {
            state: Allocation::empty(TenantId::new("t").unwrap()),
            settings: Settings::default(),
            now: At(T0),
            log: Vec::new(),
            position: 0,
        }
    }

    /// Agents who are online, each with a capacity.
    fn with(agents: &[(&str, u16)]) -> Self {
        let mut desk = Self::new();
        for (agent, capacity) in agents {
            desk.agent(agent, AgentStatus::Online, *capacity);
        }
        desk
    }

    fn ask(&mut self, command: &AllocationCommand) -> AllocationAnswer {
        let (outcome, answer) = decide(&self.state, command, self.now, &self.settings);
        if let Some(outcome) = outcome {
            self.state.apply(&outcome);
            self.log.push(outcome);
        }
        answer
    }

    fn agent(&mut self, agent: &str, status: AgentStatus, capacity: u16) {
        let (status, capacity, present) = (Some(status), Some(capacity), Some(true));
        self.ask(&AllocationCommand::Agent { agent: id(agent), name: None, status, capacity, present });
    }

    fn present(&mut self, agent: &str, present: bool) {
        let present = Some(present);
        self.ask(&AllocationCommand::Agent { agent: id(agent), name: None, status: None, capacity: None, present });
    }

    fn status(&mut self, agent: &str, status: AgentStatus) {
        let status = Some(status);
        self.ask(&AllocationCommand::Agent { agent: id(agent), name: None, status, capacity: None, present: None });
    }

    fn observe(&mut self, facts: Vec<SessionFact>) {
        self.position += 1;
        let read = ReadPosition { epoch: 1, position: self.position };
        self.ask(&AllocationCommand::Observed { partition: Partition(0), read, facts });
    }

    /// A visitor comes now.
    fn queue(&mut self, number: usize) {
        self.queue_with(number, 0, self.now);
    }

    fn queue_with(&mut self, number: usize, priority: u8, opened_at: At) {
        let fact = queued(number, priority, opened_at, self.now);
        self.observe(vec![fact]);
    }

    /// The conversation says that the agent has it.
    fn assigned(&mut self, number: usize, agent: &str) {
        self.observe(vec![SessionFact::Assigned { conversation: chat(number), agent: id(agent) }]);
    }

    fn ended(&mut self, number: usize) {
        self.observe(vec![SessionFact::Ended { conversation: chat(number) }]);
    }

    fn pick(&mut self, number: usize, agent: &str) -> AllocationAnswer {
        let (conversation, agent, reason) = (chat(number), id(agent), "picked".to_owned());
        self.ask(&AllocationCommand::Pick { conversation, agent, reason })
    }

    fn release(&mut self, number: usize, agent: Option<&str>) -> AllocationAnswer {
        self.ask(&AllocationCommand::Release { conversation: chat(number), agent: agent.map(id) })
    }

    fn decline(&mut self, number: usize, of: u64) {
        self.ask(&AllocationCommand::Declined { conversation: chat(number), number: of });
    }

    fn pass(&mut self, millis: u64) {
        self.now.0 += millis;
        self.ask(&AllocationCommand::Tick);
    }

    fn holder(&self, number: usize) -> Option<&str> {
        self.state.held.get(&chat(number)).map(|held| held.agent.as_str())
    }

    fn waits(&self, number: usize) -> bool {
        self.state.waiting.contains_key(&chat(number))
    }

    fn load(&self, agent: &str) -> usize {
        self.state.load(&id(agent))
    }

    /// What is owed to the conversation.
    fn owed(&self, number: usize) -> Option<(u64, Body)> {
        self.state.owed().find(|owed| owed.conversation == chat(number)).map(|owed| (owed.number, owed.body))
    }

    /// Everything reserved is confirmed by its conversation.
    fn confirm_all(&mut self) {
        let reserved: Vec<(ConversationId, UserId)> = self
            .state
            .held
            .iter()
            .filter(|(_, held)| matches!(held.stage, Stage::Reserved { .. }))
            .map(|(conversation, held)| (*conversation, held.agent.clone()))
            .collect();
        for (conversation, agent) in reserved {
            self.observe(vec![SessionFact::Assigned { conversation, agent }]);
        }
    }
}

fn queued(number: usize, priority: u8, opened_at: At, queued_at: At) -> SessionFact {
    let customer = id(&format!("v{number}"));
    let waiting = Waiting { session: 1, queued_rev: 3, opened_at, queued_at, priority, customer, name: None };
    SessionFact::Queued { conversation: chat(number), waiting }
}

fn refused(refusal: Refusal) -> AllocationAnswer {
    AllocationAnswer::Refused(refusal)
}

/// Who got what in an outcome, in order.
fn matches_of(outcome: &AllocationOutcome) -> Vec<(ConversationId, &str)> {
    outcome
        .events
        .iter()
        .filter_map(|event| match event {
            AllocationEvent::Matched { conversation, agent, .. } => Some((*conversation, agent.as_str())),
            _ => None,
        })
        .collect()
}
