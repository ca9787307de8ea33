//! A busy desk: every agent has as many sessions as they take, and more wait.

use kefu_model::allocation::{
    AgentStatus, Allocation, AllocationCommand, AllocationOutcome, ReadPosition, SessionFact, Settings, Waiting, decide,
};
use kefu_model::{At, ConversationId, Partition, TenantId, UserId};

const AGENTS: u64 = 50;
/// Sessions of one agent.
const CAPACITY: u16 = 5;
/// Sessions, held and waiting.
const SESSIONS: u64 = 1_000;
const OPENED_AT: u64 = 1_700_000_000_000;

/// Allocation with everything that it has heard of.
pub(crate) struct Desk {
    state: Allocation,
    settings: Settings,
    now: At,
    read: u64,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let tenant = TenantId::new("default").expect("a tenant");
        let state = Allocation::empty(tenant);
        let mut desk = Self { state, settings: Settings::default(), now: At(OPENED_AT), read: 0 };
        (0..AGENTS).for_each(|number| desk.agent_comes(number));
        let queued = (0..SESSIONS).map(|number| desk.queued(number)).collect();
        desk.observe(queued);
        let held = desk.state.held.iter();
        let assigned = held.map(|(id, held)| SessionFact::Assigned { conversation: *id, agent: held.agent.clone() });
        let assigned = assigned.collect();
        desk.observe(assigned);
        desk
    }

    /// Decides that time has passed, where nothing can be matched.
    pub(crate) fn tick(&self) -> Option<AllocationOutcome> {
        decide(&self.state, &AllocationCommand::Tick, self.now, &self.settings).0
    }

    /// Decides that a session has ended, whose agent gets the next one.
    pub(crate) fn ended(&self) -> Option<AllocationOutcome> {
        let (conversation, _) = self.state.held.iter().next().expect("sessions are held");
        let ended = self.observed(vec![SessionFact::Ended { conversation: *conversation }]);
        decide(&self.state, &ended, self.now, &self.settings).0
    }

    fn agent_comes(&mut self, number: u64) {
        let agent = UserId::new(&format!("agent-{number}")).expect("a user");
        let (status, capacity, present) = (Some(AgentStatus::Online), Some(CAPACITY), Some(true));
        self.apply(&AllocationCommand::Agent { agent, name: None, status, capacity, present });
    }

    fn queued(&self, number: u64) -> SessionFact {
        let customer = UserId::new(&format!("visitor-{number}")).expect("a user");
        let conversation = ConversationId::support(&self.state.tenant, &customer);
        let at = At(OPENED_AT + number);
        let waiting =
            Waiting { session: 1, queued_rev: 3, opened_at: at, queued_at: at, priority: 0, customer, name: None };
        SessionFact::Queued { conversation, waiting }
    }

    fn observed(&self, facts: Vec<SessionFact>) -> AllocationCommand {
        let read = ReadPosition { epoch: 1, position: self.read + 1 };
        AllocationCommand::Observed { partition: Partition(0), read, facts }
    }

    fn observe(&mut self, facts: Vec<SessionFact>) {
        let observed = self.observed(facts);
        self.read += 1;
        self.apply(&observed);
    }

    fn apply(&mut self, command: &AllocationCommand) {
        self.now.0 += 1_000;
        let outcome = decide(&self.state, command, self.now, &self.settings).0.expect("something happens");
        self.state.apply(&outcome);
    }
}
