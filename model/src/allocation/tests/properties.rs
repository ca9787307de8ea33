//! Any commands in any order.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

type Step = (usize, usize, usize, u64);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pause = prop_oneof![10 => 0_u64..3_000, 1 => Just(40_000)];
    vec((0_usize..12, 0_usize..8, 0_usize..4, pause), 1..150)
}

const AGENTS: [&str; 4] = ["a", "b", "c", "d"];

fn command(desk: &mut Desk, (what, number, which, _): Step) -> AllocationCommand {
    let (conversation, agent) = (chat(number), id(AGENTS[which]));
    let observed = |desk: &mut Desk, fact| {
        desk.position += 1;
        let read = ReadPosition { epoch: 1, position: desk.position };
        AllocationCommand::Observed { partition: Partition(0), read, facts: vec![fact] }
    };
    let change = |status, present, capacity| AllocationCommand::Agent {
        agent: id(AGENTS[which]),
        name: None,
        status,
        capacity,
        present,
    };
    match what {
        0..=2 => observed(desk, queued(number, u8::try_from(which).unwrap(), desk.now, desk.now)),
        3 | 4 => {
            let agent = desk.state.held.get(&conversation).map_or(agent, |held| held.agent.clone());
            observed(desk, SessionFact::Assigned { conversation, agent })
        }
        5 => observed(desk, SessionFact::Ended { conversation }),
        6 => change(Some(AgentStatus::Online), Some(true), None),
        7 => change(None, Some(number % 2 == 0), None),
        8 => change(None, Some(true), Some(u16::try_from(number).unwrap())),
        9 => AllocationCommand::Pick { conversation, agent, reason: "picked".to_owned() },
        10 => AllocationCommand::Release { conversation, agent: None },
        _ => {
            let number = desk.owed(number).map_or(0, |(number, _)| number);
            AllocationCommand::Declined { conversation, number }
        }
    }
}

/// Applies an outcome event by event and checks each match by the state before it.
fn check_outcome(before: &Allocation, outcome: &AllocationOutcome) {
    let mut state = before.clone();
    for event in &outcome.events {
        if let AllocationEvent::Matched { conversation, agent, number, from, .. } = event {
            let known = &state.agents[agent];
            assert!(known.is_here(), "{agent} is not here");
            assert!(state.load(agent) < usize::from(known.capacity), "{agent} has no room");
            assert_eq!(*number, state.matches + 1, "dense");
            match from {
                None => assert_eq!(state.queue().iter().filter(|(id, _)| id == conversation).count(), 1),
                Some(from) => assert_eq!(&state.held[conversation].agent, from),
            }
        }
        state.apply_event(event, outcome.at);
        assert!(state.waiting.keys().all(|waiting| !state.held.contains_key(waiting)), "waiting or held, never both");
    }
}

fn check_settled(desk: &Desk) {
    let free = desk.state.eligible(desk.now, &desk.settings);
    assert!(desk.state.waiting.is_empty() || free.is_empty(), "nobody waits while somebody has room");
    let owed: Vec<u64> = desk.state.owed().map(|owed| owed.number).collect();
    assert!(owed.iter().all(|number| *number <= desk.state.matches));
    let mut distinct = owed.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), owed.len(), "each debt has its own number");
}

proptest! {
    #[test]
    fn allocation_keeps_its_invariants(steps in steps()) {
        let mut desk = Desk::with(&[("a", 2), ("b", 1)]);
        for step in steps {
            desk.now.0 += step.3;
            let before = desk.state.clone();
            let written = desk.log.len();
            let command = command(&mut desk, step);
            desk.ask(&command);
            if let Some(outcome) = desk.log.get(written) {
                check_outcome(&before, outcome);
            } else {
                prop_assert_eq!(&before, &desk.state);
            }
            check_settled(&desk);
        }
        let mut checkpoint = Desk::new().state;
        for after in 0..=desk.log.len() {
            let mut replayed = checkpoint.clone();
            desk.log[after..].iter().for_each(|outcome| replayed.apply(outcome));
            prop_assert_eq!(&replayed, &desk.state, "replayed from {}", after);
            if let Some(outcome) = desk.log.get(after) {
                checkpoint.apply(outcome);
            }
        }
    }
}
