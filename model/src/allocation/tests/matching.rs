use super::*;

#[test]
fn the_least_loaded_gets_it_and_ties_go_to_who_waited_longest() {
    let mut desk = Desk::with(&[("a", 2), ("b", 2), ("c", 2)]);
    for number in 0..6 {
        desk.queue(number);
    }
    let holders: Vec<_> = (0..6).map(|number| desk.holder(number).unwrap()).collect();
    assert_eq!(holders, ["a", "b", "c", "a", "b", "c"]);
    for number in [1, 4] {
        desk.ended(number);
    }
    desk.queue(7);
    assert_eq!(desk.holder(7), Some("b"), "nobody has less");
    desk.ended(0);
    desk.ended(3);
    desk.queue(8);
    assert_eq!(desk.holder(8), Some("a"));
}

#[test]
fn a_match_says_why() {
    let mut desk = Desk::with(&[("a", 5), ("b", 1)]);
    desk.queue(0);
    let Some((1, Body::Assign { agent, queued_rev, reason, .. })) = desk.owed(0) else {
        panic!("an assignment is owed")
    };
    assert_eq!((agent.id.as_str(), queued_rev), ("a", 3));
    assert_eq!(reason, "least loaded: 0 of 5 sessions; 2 of 2 agents had room");
}

#[test]
fn fifty_visitors_at_once_find_ten_places() {
    let mut desk = Desk::with(&[("a", 5), ("b", 5)]);
    let facts = (0..50).map(|number| queued(number, 0, At(T0 + u64::try_from(number).unwrap()), desk.now)).collect();
    desk.observe(facts);
    assert_eq!((desk.load("a"), desk.load("b")), (5, 5));
    assert_eq!((0..50).filter(|number| desk.waits(*number)).count(), 40);
    assert!((0..10).all(|number| desk.holder(number).is_some()), "those who came first");
    desk.confirm_all();
    for number in 0..50 {
        assert!(desk.holder(number).is_some(), "{number}");
        desk.ended(number);
        assert!(desk.load("a") <= 5 && desk.load("b") <= 5);
        desk.confirm_all();
    }
    assert_eq!(desk.state.matches, 50);
}

#[test]
fn only_who_is_online_here_and_has_room_is_matched() {
    let mut desk = Desk::new();
    desk.queue(0);
    desk.agent("zero", AgentStatus::Online, 0);
    desk.agent("away", AgentStatus::Away, 5);
    desk.agent("busy", AgentStatus::Busy, 5);
    desk.agent("off", AgentStatus::Offline, 5);
    desk.status("unseen", AgentStatus::Online);
    desk.present("silent", true);
    assert!(desk.waits(0));
    desk.present("unseen", true);
    assert_eq!(desk.holder(0), Some("unseen"));
}

#[test]
fn priority_is_worth_a_minute_and_waiting_counts() {
    let mut desk = Desk::new();
    desk.queue_with(0, 0, At(T0));
    desk.queue_with(1, 1, At(T0 + 59_000));
    desk.queue_with(2, 1, At(T0 + 61_000));
    desk.queue_with(3, 2, At(T0 + 119_999));
    desk.queue_with(4, 0, At(T0));
    let order: Vec<_> = desk.state.queue().into_iter().map(|(conversation, _)| conversation).collect();
    assert_eq!(order, [chat(1), chat(3), chat(0), chat(4), chat(2)]);
    let places = desk.state.places();
    assert_eq!(places.iter().map(|(_, place)| place.position).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(places.iter().all(|(_, place)| place.estimate_s.is_none()), "too little is known");
}

#[test]
fn the_estimate_follows_the_pace_of_matches() {
    let mut desk = Desk::with(&[("a", 1)]);
    for number in 0..4 {
        desk.queue(number);
    }
    desk.confirm_all();
    desk.now.0 += 10_000;
    desk.ended(0);
    assert_eq!(desk.state.places()[0].1, QueuePlace { position: 1, estimate_s: Some(10) });
    assert_eq!(desk.state.places()[1].1, QueuePlace { position: 2, estimate_s: Some(20) });
    desk.confirm_all();
    desk.now.0 += 60 * 60_000;
    desk.ended(1);
    assert_eq!(desk.state.match_gap_ms, Some(10_000), "a night says nothing of the pace");
}

#[test]
fn a_session_goes_back_after_the_grace() {
    let mut desk = Desk::with(&[("a", 2)]);
    desk.queue(0);
    desk.assigned(0, "a");
    desk.present("a", false);
    desk.pass(desk.settings.grace_ms - 1);
    assert_eq!(desk.state.held[&chat(0)].stage, Stage::Active);
    desk.pass(1);
    let Some((2, Body::Requeue { from, reason: QueueReason::AgentGone })) = desk.owed(0) else {
        panic!("a requeue is owed")
    };
    assert_eq!(from.id.as_str(), "a");
    assert_eq!(desk.load("a"), 1, "the place is kept until the conversation answers");
    desk.agent("b", AgentStatus::Online, 1);
    desk.queue(0);
    assert_eq!(desk.holder(0), Some("b"));
}

#[test]
fn who_comes_back_in_time_keeps_theirs() {
    for offline in [false, true] {
        let mut desk = Desk::with(&[("a", 2)]);
        desk.queue(0);
        desk.assigned(0, "a");
        if offline {
            desk.status("a", AgentStatus::Offline)
        } else {
            desk.present("a", false)
        }
        desk.pass(desk.settings.grace_ms - 1);
        if offline {
            desk.status("a", AgentStatus::Busy)
        } else {
            desk.present("a", true)
        }
        desk.pass(desk.settings.grace_ms * 2);
        assert_eq!(desk.state.held[&chat(0)].stage, Stage::Active);
        assert!(desk.owed(0).is_none());
    }
}

#[test]
fn a_reservation_of_who_goes_is_released_once_it_is_confirmed() {
    let mut desk = Desk::with(&[("a", 2)]);
    desk.queue(0);
    desk.present("a", false);
    desk.pass(desk.settings.grace_ms * 2);
    assert!(matches!(desk.state.held[&chat(0)].stage, Stage::Reserved { .. }));
    desk.assigned(0, "a");
    assert!(matches!(desk.state.held[&chat(0)].stage, Stage::Releasing { .. }));
}

#[test]
fn who_comes_back_to_a_queue_is_not_flooded() {
    let mut desk = Desk::with(&[("a", 5)]);
    desk.present("a", false);
    for number in 0..8 {
        desk.queue(number);
    }
    desk.present("a", true);
    assert_eq!(desk.load("a"), 1);
    desk.pass(999);
    assert_eq!(desk.load("a"), 1);
    desk.pass(1);
    assert_eq!(desk.load("a"), 2);
    desk.pass(1_000);
    assert_eq!(desk.load("a"), 3);
    desk.pass(desk.settings.pace_for_ms);
    assert_eq!(desk.load("a"), 5, "after that all at once, up to the capacity");
}

#[test]
fn capacities_have_a_limit_and_a_default() {
    let mut desk = Desk::new();
    let agent = |capacity| AllocationCommand::Agent {
        agent: id("a"),
        name: Some(Name::new("Ann").unwrap()),
        status: Some(AgentStatus::Online),
        capacity,
        present: Some(true),
    };
    assert_eq!(desk.ask(&agent(Some(1_001))), refused(Refusal::BadField));
    assert!(desk.state.agents.is_empty());
    assert_eq!(desk.ask(&agent(None)), AllocationAnswer::Done);
    assert_eq!(desk.state.agents[&id("a")].capacity, desk.settings.default_capacity);
    let written = desk.log.len();
    assert_eq!(desk.ask(&agent(None)), AllocationAnswer::Done);
    assert_eq!(desk.log.len(), written, "nothing changed, nothing is written");
}

#[test]
fn less_capacity_takes_nothing_away() {
    let mut desk = Desk::with(&[("a", 3)]);
    for number in 0..3 {
        desk.queue(number);
    }
    desk.confirm_all();
    desk.agent("a", AgentStatus::Online, 1);
    assert_eq!(desk.load("a"), 3);
    desk.queue(3);
    desk.ended(0);
    desk.ended(1);
    assert!(desk.waits(3));
    desk.ended(2);
    assert_eq!(desk.holder(3), Some("a"));
}

#[test]
fn a_waiting_session_is_picked_by_who_is_here_and_has_room() {
    let mut desk = Desk::new();
    desk.agent("a", AgentStatus::Busy, 1);
    desk.queue(0);
    desk.queue(1);
    assert_eq!(desk.pick(9, "a"), refused(Refusal::NoSession));
    assert_eq!(desk.pick(0, "nobody"), refused(Refusal::NoAgent));
    assert_eq!(desk.pick(0, "a"), AllocationAnswer::Done);
    assert_eq!(desk.pick(0, "a"), AllocationAnswer::Done, "again is no fault");
    assert_eq!((desk.state.matches, desk.holder(0)), (1, Some("a")));
    assert_eq!(desk.pick(1, "a"), refused(Refusal::NoRoom));
    desk.agent("b", AgentStatus::Offline, 1);
    assert_eq!(desk.pick(1, "b"), refused(Refusal::NotAvailable));
}

#[test]
fn a_session_is_taken_over_from_who_has_it() {
    let mut desk = Desk::with(&[("a", 1)]);
    desk.queue(0);
    desk.agent("b", AgentStatus::Busy, 1);
    assert_eq!(desk.pick(0, "b"), refused(Refusal::WrongState), "not while it is reserved");
    desk.assigned(0, "a");
    assert_eq!(desk.pick(0, "b"), AllocationAnswer::Done);
    let Some((2, Body::Transfer { from, agent, .. })) = desk.owed(0) else { panic!("a transfer is owed") };
    assert_eq!((from.id.as_str(), agent.id.as_str()), ("a", "b"));
    desk.assigned(0, "b");
    assert_eq!((desk.load("a"), desk.load("b")), (0, 1));
    assert!(desk.owed(0).is_none());
}

#[test]
fn a_session_is_released_by_who_has_it() {
    let mut desk = Desk::with(&[("a", 1)]);
    assert_eq!(desk.release(0, None), refused(Refusal::NoSession));
    desk.queue(0);
    desk.queue(1);
    assert_eq!(desk.release(1, None), AllocationAnswer::Done, "it waits already");
    assert_eq!(desk.release(0, Some("a")), refused(Refusal::WrongState), "reserved only");
    desk.assigned(0, "a");
    assert_eq!(desk.release(0, Some("b")), refused(Refusal::NotAMember));
    assert_eq!(desk.release(0, Some("a")), AllocationAnswer::Done);
    assert_eq!(desk.release(0, None), AllocationAnswer::Done, "again is no fault");
    assert!(matches!(desk.owed(0), Some((2, Body::Requeue { reason: QueueReason::Released, .. }))));
    assert_eq!(desk.pick(0, "a"), refused(Refusal::WrongState));
}
