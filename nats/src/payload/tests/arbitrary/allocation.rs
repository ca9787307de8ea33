//! Any values of allocation.

use kefu_model::Partition;
use kefu_model::allocation::{
    Agent, AgentStatus, Allocation, AllocationCommand, AllocationEvent, AllocationOutcome, Held, ReadPosition,
    SessionFact, Stage, Waiting,
};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::{at, conversation, name, reason, tenant, text, user_id};

pub(super) fn status() -> impl Strategy<Value = AgentStatus> {
    select(vec![AgentStatus::Online, AgentStatus::Away, AgentStatus::Busy, AgentStatus::Offline])
}

fn waiting() -> impl Strategy<Value = Waiting> {
    (any::<u64>(), any::<u64>(), at(), at(), any::<u8>(), user_id(), name()).prop_map(
        |(session, queued_rev, opened_at, queued_at, priority, customer, name)| Waiting {
            session,
            queued_rev,
            opened_at,
            queued_at,
            priority,
            customer,
            name,
        },
    )
}

fn read() -> impl Strategy<Value = ReadPosition> {
    any::<(u64, u64)>().prop_map(|(epoch, position)| ReadPosition { epoch, position })
}

fn facts() -> impl Strategy<Value = Vec<SessionFact>> {
    let fact = prop_oneof![
        (conversation(), waiting()).prop_map(|(conversation, waiting)| SessionFact::Queued { conversation, waiting }),
        (conversation(), user_id()).prop_map(|(conversation, agent)| SessionFact::Assigned { conversation, agent }),
        conversation().prop_map(|conversation| SessionFact::Ended { conversation }),
    ];
    vec(fact, 0..4)
}

fn partition() -> impl Strategy<Value = Partition> {
    any::<u16>().prop_map(Partition)
}

pub(in super::super) fn allocation_command() -> impl Strategy<Value = AllocationCommand> {
    prop_oneof![
        (user_id(), name(), of(status()), of(any::<u16>()), of(any::<bool>())).prop_map(
            |(agent, name, status, capacity, present)| AllocationCommand::Agent {
                agent,
                name,
                status,
                capacity,
                present
            }
        ),
        (partition(), read(), facts()).prop_map(|(partition, read, facts)| AllocationCommand::Observed {
            partition,
            read,
            facts
        }),
        (conversation(), user_id(), text()).prop_map(|(conversation, agent, reason)| AllocationCommand::Pick {
            conversation,
            agent,
            reason
        }),
        (conversation(), of(user_id()))
            .prop_map(|(conversation, agent)| AllocationCommand::Release { conversation, agent }),
        (conversation(), any::<u64>())
            .prop_map(|(conversation, number)| AllocationCommand::Declined { conversation, number }),
        Just(AllocationCommand::Tick),
    ]
}

fn agent() -> impl Strategy<Value = Agent> {
    (name(), status(), any::<(bool, u16, u64)>(), of(at()), of(at()), of(at())).prop_map(
        |(name, status, (present, capacity, last_match), last_match_at, gone_since, paced_until)| Agent {
            name,
            status,
            present,
            capacity,
            last_match,
            last_match_at,
            gone_since,
            paced_until,
        },
    )
}

pub(in super::super) fn allocation_outcome() -> impl Strategy<Value = AllocationOutcome> {
    let event = prop_oneof![
        (user_id(), agent()).prop_map(|(agent, state)| AllocationEvent::AgentChanged { agent, state }),
        (partition(), read(), facts()).prop_map(|(partition, read, facts)| AllocationEvent::Observed {
            partition,
            read,
            facts
        }),
        (conversation(), user_id(), any::<u64>(), of(user_id()), text()).prop_map(
            |(conversation, agent, number, from, reason)| AllocationEvent::Matched {
                conversation,
                agent,
                number,
                from,
                reason
            }
        ),
        (conversation(), any::<u64>(), reason())
            .prop_map(|(conversation, number, reason)| AllocationEvent::Releasing { conversation, number, reason }),
        (conversation(), any::<u64>())
            .prop_map(|(conversation, number)| AllocationEvent::Unmatched { conversation, number }),
    ];
    (tenant(), at(), vec(event, 0..5)).prop_map(|(tenant, at, events)| AllocationOutcome { tenant, at, events })
}

pub(in super::super) fn allocation_state() -> impl Strategy<Value = Allocation> {
    let stage = prop_oneof![
        Just(Stage::Active),
        (any::<u64>(), of(user_id()), text()).prop_map(|(number, from, reason)| Stage::Reserved {
            number,
            from,
            reason
        }),
        (any::<u64>(), reason()).prop_map(|(number, reason)| Stage::Releasing { number, reason }),
    ];
    let held = (waiting(), user_id(), stage).prop_map(|(waiting, agent, stage)| Held { waiting, agent, stage });
    (
        tenant(),
        btree_map(user_id(), agent(), 0..4),
        btree_map(conversation(), waiting(), 0..4),
        btree_map(conversation(), held, 0..4),
        btree_map(partition(), read(), 0..4),
        (any::<u64>(), of(at()), of(0_u64..1_000_000)),
    )
        .prop_map(|(tenant, agents, waiting, held, read, (matches, last_match_at, match_gap_ms))| Allocation {
            tenant,
            agents,
            waiting,
            held,
            read,
            matches,
            last_match_at,
            match_gap_ms,
        })
}
