//! What a conversation's outcomes say of its session.

use kefu_model::allocation::{SessionFact, Waiting};
use kefu_model::{Event, Outcome};

/// The facts of an outcome, in order.
pub(crate) fn facts_of(outcome: &Outcome) -> Vec<SessionFact> {
    let conversation = outcome.conversation;
    let fact = |numbered: &kefu_model::Numbered| match &numbered.event {
        Event::SessionQueued { session, opened_at, customer, name, .. } => Some(SessionFact::Queued {
            conversation,
            waiting: Waiting {
                session: *session,
                queued_rev: numbered.rev,
                opened_at: *opened_at,
                queued_at: outcome.at,
                priority: 0,
                customer: customer.id.clone(),
                name: name.clone(),
            },
        }),
        Event::SessionAssigned { agent, .. } | Event::SessionTransferred { agent, .. } => {
            Some(SessionFact::Assigned { conversation, agent: agent.id.clone() })
        }
        Event::SessionEnded { .. } => Some(SessionFact::Ended { conversation }),
        _ => None,
    };
    outcome.events().iter().filter_map(fact).collect()
}
