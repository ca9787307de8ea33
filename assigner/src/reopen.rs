//! Allocation in the next epoch of the logs: what it held is corrected by the sessions that the store says are open.

use std::collections::BTreeSet;

use kefu_model::allocation::{
    Agent, AgentStatus, Allocation, AllocationEvent, AllocationOutcome, ReadPosition, SessionFact, Waiting,
};
use kefu_model::conversation::SessionStatus;
use kefu_model::{At, Conversation, ConversationId, Partition, UserId};

/// More matches than can have been made since the state was saved last: their numbers are keys of commands, and none may
/// be given twice.
const MATCHES_SKIPPED: u64 = 1_000_000;

/// The state with which a tenant's allocation begins `epoch`, whose conversation logs are read from their start. `open`
/// are the tenant's conversations with an open session; others' are left out.
#[must_use]
pub fn next_epoch(mut state: Allocation, epoch: u64, partitions: u16, open: &[Conversation], now: At) -> Allocation {
    state.matches += MATCHES_SKIPPED;
    let mut facts: Vec<SessionFact> = Vec::new();
    let mut known: BTreeSet<ConversationId> = state.waiting.keys().chain(state.held.keys()).copied().collect();
    for conversation in open {
        let Some(found) = facts_of(conversation, now) else { continue };
        known.remove(&conversation.id);
        facts.extend(found);
    }
    facts.extend(known.into_iter().map(|conversation| SessionFact::Ended { conversation }));
    let read = ReadPosition { epoch, position: 0 };
    let observed = |partition| AllocationEvent::Observed {
        partition: Partition(partition),
        read,
        facts: if partition == 0 { std::mem::take(&mut facts) } else { Vec::new() },
    };
    let events = (0..partitions).map(observed).collect();
    state.apply(&AllocationOutcome { tenant: state.tenant.clone(), at: now, events });
    give_agents_time(&mut state);
    state
}

/// What is known of agents may be older than what they did last. Who was here or has a session keeps it until their lease
/// says otherwise, and gets nothing new before they are back and say how they are.
fn give_agents_time(state: &mut Allocation) {
    for held in state.held.values() {
        state.agents.entry(held.agent.clone()).or_insert(Agent {
            name: None,
            status: AgentStatus::Away,
            present: false,
            capacity: 0,
            last_match: 0,
            last_match_at: None,
            gone_since: None,
            paced_until: None,
        });
    }
    let serving: BTreeSet<UserId> = state.held.values().map(|held| held.agent.clone()).collect();
    for (id, agent) in &mut state.agents {
        if agent.is_here() || serving.contains(id) {
            (agent.present, agent.status, agent.gone_since) = (true, AgentStatus::Away, None);
        }
    }
}

/// What allocation would have read of the conversation's open session.
fn facts_of(conversation: &Conversation, now: At) -> Option<Vec<SessionFact>> {
    let session = conversation.open_session()?;
    let customer = conversation.customer()?;
    let waiting = Waiting {
        session: session.ordinal,
        queued_rev: session.queued_rev,
        opened_at: session.opened_at,
        queued_at: now,
        priority: 0,
        customer: customer.id.clone(),
        name: conversation.members.get(customer).and_then(|member| member.name.clone()),
    };
    let id = conversation.id;
    let mut facts = vec![SessionFact::Queued { conversation: id, waiting }];
    if session.status == SessionStatus::Active
        && let Some(agent) = &session.agent
    {
        facts.push(SessionFact::Assigned { conversation: id, agent: agent.id.clone() });
    }
    Some(facts)
}

#[cfg(test)]
mod tests {
    use kefu_model::conversation::{Interval, Member, Session};
    use kefu_model::{TenantId, User};

    use super::*;

    fn tenant() -> TenantId {
        TenantId::new("t").expect("an id")
    }

    fn user(id: &str) -> UserId {
        UserId::new(id).expect("an id")
    }

    fn open(customer: &str, queued_rev: u64, agent: Option<&str>) -> Conversation {
        let id = ConversationId::support(&tenant(), &user(customer));
        let mut conversation = Conversation::absent(tenant(), id);
        let intervals = vec![Interval { from: 1, until: None }];
        conversation
            .members
            .insert(User::customer(user(customer)), Member { name: None, intervals, read: 0, delivered: 0 });
        conversation.session = Some(Session {
            ordinal: 1,
            status: if agent.is_some() { SessionStatus::Active } else { SessionStatus::Waiting },
            opened_at: At(1_000),
            queued_rev,
            agent: agent.map(|agent| User::agent(user(agent))),
            assigned_at: None,
            ended_at: None,
            ended_by: None,
            rating: None,
        });
        conversation
    }

    #[test]
    fn what_is_held_is_what_the_store_says_is_open() {
        let (waits, active, over) = (open("a", 3, None), open("b", 5, Some("mei")), open("c", 1, None));
        let before = next_epoch(Allocation::empty(tenant()), 2, 4, &[over.clone(), active.clone()], At(2_000));
        assert!(before.waiting.contains_key(&over.id));
        // What was lost with the log: one session was opened and one ended.
        let after = next_epoch(before.clone(), 3, 4, &[waits.clone(), active.clone()], At(3_000));
        assert_eq!(after.waiting.keys().collect::<Vec<_>>(), [&waits.id]);
        assert_eq!(after.waiting[&waits.id].queued_rev, 3);
        assert_eq!(after.held.keys().collect::<Vec<_>>(), [&active.id]);
        assert_eq!(after.load(&user("mei")), 1);
        let mei = &after.agents[&user("mei")];
        assert!(mei.is_here() && !mei.is_available(), "she keeps it, and gets nothing new before she is back");
        assert!(after.matches > before.matches, "no number is given twice");
        assert_eq!(after.read.len(), 4);
        assert!(after.read.values().all(|read| *read == ReadPosition { epoch: 3, position: 0 }));
    }
}
