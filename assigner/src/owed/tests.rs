//! What is to be sent, and when.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use kefu_model::allocation::{AgentStatus, ReadPosition, SessionFact, Settings, Waiting, decide};
use kefu_model::ids::{At, Partition, User, UserId};

use super::*;

fn id(text: &str) -> UserId {
    UserId::new(text).unwrap()
}

/// An agent who was given a visitor.
fn matched() -> Allocation {
    let mut state = Allocation::empty(TenantId::new("t").unwrap());
    let (status, capacity, present) = (Some(AgentStatus::Online), Some(5), Some(true));
    let online = AllocationCommand::Agent { agent: id("mei"), name: None, status, capacity, present };
    let customer = User::customer(id("v"));
    let conversation = ConversationId::support(&state.tenant, &customer.id);
    let waiting = Waiting {
        session: 1,
        queued_rev: 1,
        opened_at: At(1),
        queued_at: At(1),
        priority: 0,
        customer: id("v"),
        name: None,
    };
    let facts = vec![SessionFact::Queued { conversation, waiting }];
    let queued =
        AllocationCommand::Observed { partition: Partition(0), read: ReadPosition { epoch: 1, position: 1 }, facts };
    for command in [online, queued] {
        let (outcome, _) = decide(&state, &command, At(2), &Settings::default());
        state.apply(&outcome.unwrap());
    }
    state
}

#[test]
fn a_match_is_sent_once_it_counts_and_again_only_when_it_could_not_be_taken() {
    let (state, mut sent) = (matched(), HashMap::new());
    assert_eq!(state.matches, 1);
    assert!(due(&mut sent, &state, 0).is_empty(), "it may be lost yet, and its number given to another one");
    assert_eq!(due(&mut sent, &state, 1).len(), 1);
    assert!(due(&mut sent, &state, 1).is_empty(), "it is on its way");
    sent.insert((state.tenant.clone(), 1), Sent::Again);
    assert_eq!(due(&mut sent, &state, 1).len(), 1);
    let nobody = Allocation::empty(state.tenant.clone());
    assert!(due(&mut sent, &nobody, 1).is_empty());
    assert!(sent.is_empty(), "what is owed no more is forgotten");
}
