//! Allocation as the engine decides it.

use bytes::Bytes;
use kefu_model::allocation::{self, Allocation, AllocationAnswer, AllocationCommand, AllocationOutcome, Settings};
use kefu_model::ids::At;
use kefu_model::{Refusal, TenantId};
use kefu_nats::engine::{Domain, Step};
use kefu_nats::view::AllocationView;
use kefu_nats::{PayloadError, codec};

/// The allocation's decider for the engine.
pub(crate) struct Allocations {
    pub(crate) settings: Settings,
}

/// What is asked of a tenant's allocation.
#[derive(Debug)]
pub(crate) enum Ask {
    /// A command.
    Write(TenantId, AllocationCommand),
    /// How it stands.
    View(TenantId),
}

/// What is answered.
#[derive(Debug)]
pub(crate) enum Told {
    /// To a command.
    Command(AllocationAnswer),
    /// To a question.
    View(Box<AllocationView>),
}

impl Domain for Allocations {
    type Id = TenantId;
    type Extra = ();
    type ExtraRow = ();
    type Command = Ask;
    type Outcome = AllocationOutcome;
    type Answer = Told;
    type State = Allocation;

    fn decode_command(&self, bytes: &[u8]) -> Result<Ask, PayloadError> {
        let (tenant, command) = codec::decode_allocation_command(bytes)?;
        Ok(Ask::Write(tenant, command))
    }

    fn encode_outcome(&self, outcome: &AllocationOutcome) -> Bytes {
        codec::encode_allocation_outcome(outcome)
    }

    fn decode_outcome(&self, bytes: &[u8]) -> Result<AllocationOutcome, PayloadError> {
        codec::decode_allocation_outcome(bytes)
    }

    fn command_id(&self, command: &Ask) -> TenantId {
        match command {
            Ask::Write(tenant, _) | Ask::View(tenant) => tenant.clone(),
        }
    }

    fn outcome_id(&self, outcome: &AllocationOutcome) -> TenantId {
        outcome.tenant.clone()
    }

    fn outcome_at(&self, outcome: &AllocationOutcome) -> At {
        outcome.at
    }

    fn missing(&self, _: &Allocation, _: &Ask) -> Option<()> {
        None
    }

    fn decide(&self, state: &Allocation, command: &Ask, now: At) -> Step<AllocationOutcome, Told> {
        match command {
            Ask::View(_) => Step::Answer(Told::View(Box::new(AllocationView::from(state)))),
            Ask::Write(_, command) => {
                let (outcome, answer) = allocation::decide(state, command, now, &self.settings);
                match outcome {
                    Some(outcome) => Step::Record(outcome, Told::Command(answer)),
                    None => Step::Answer(Told::Command(answer)),
                }
            }
        }
    }

    fn apply(&self, state: &mut Allocation, outcome: &AllocationOutcome) -> Result<(), String> {
        state.apply(outcome);
        Ok(())
    }

    fn adopt(&self, _: &mut Allocation, (): &(), (): ()) {}

    fn apply_extra(&self, _: &mut Allocation, (): &(), _: &AllocationOutcome) {}

    fn trim(&self, _: &mut Allocation) {}

    fn is_asked_again(&self, _: &Ask) -> bool {
        false
    }

    fn overloaded(&self) -> Told {
        Told::Command(AllocationAnswer::Refused(Refusal::Overloaded))
    }
}
