use super::*;

#[test]
fn a_declined_match_gives_the_place_back() {
    let mut desk = Desk::with(&[("a", 1)]);
    desk.queue(0);
    desk.decline(0, 7);
    assert_eq!(desk.load("a"), 1, "another number is of another match");
    desk.decline(0, 1);
    assert_eq!(desk.load("a"), 0);
    assert!(!desk.waits(0) && desk.owed(0).is_none(), "the conversation's own facts say how it goes on");
    desk.queue(1);
    assert_eq!(desk.holder(1), Some("a"));
    desk.decline(0, 1);
    assert_eq!(desk.holder(1), Some("a"), "a late one changes nothing");
}

#[test]
fn a_declined_take_over_stays_with_whom_it_was() {
    let mut desk = Desk::with(&[("a", 1)]);
    desk.queue(0);
    desk.assigned(0, "a");
    desk.agent("b", AgentStatus::Online, 1);
    desk.pick(0, "b");
    desk.decline(0, 2);
    assert_eq!((desk.holder(0), desk.load("b")), (Some("a"), 0));
    assert_eq!(desk.state.held[&chat(0)].stage, Stage::Active);
}

#[test]
fn a_declined_release_stays_active_and_is_asked_for_again() {
    let mut desk = Desk::with(&[("a", 1)]);
    desk.queue(0);
    desk.assigned(0, "a");
    desk.release(0, None);
    desk.decline(0, 2);
    assert_eq!(desk.state.held[&chat(0)].stage, Stage::Active);
    desk.release(0, None);
    assert_eq!(desk.owed(0).map(|(number, _)| number), Some(3), "under a number of its own");
}

#[test]
fn stale_facts_are_passed_over() {
    let mut desk = Desk::with(&[("a", 1)]);
    desk.queue(0);
    desk.assigned(0, "a");
    let written = desk.log.len();
    for position in [1, 2] {
        let read = ReadPosition { epoch: 1, position };
        let facts = vec![SessionFact::Ended { conversation: chat(0) }];
        let partition = Partition(0);
        assert_eq!(desk.ask(&AllocationCommand::Observed { partition, read, facts }), AllocationAnswer::Done);
    }
    assert_eq!((desk.log.len(), desk.holder(0)), (written, Some("a")));
    let other = AllocationCommand::Observed {
        partition: Partition(1),
        read: ReadPosition { epoch: 1, position: 1 },
        facts: vec![queued(1, 0, desk.now, desk.now)],
    };
    desk.ask(&other);
    assert!(desk.waits(1), "each log has its own position");
    let next_epoch = AllocationCommand::Observed {
        partition: Partition(0),
        read: ReadPosition { epoch: 2, position: 1 },
        facts: vec![SessionFact::Ended { conversation: chat(0) }],
    };
    desk.ask(&next_epoch);
    assert_eq!(desk.holder(1), Some("a"), "an epoch begins anew");
}

#[test]
fn positions_are_written_even_without_facts() {
    let mut desk = Desk::new();
    desk.observe(Vec::new());
    assert_eq!(desk.state.read[&Partition(0)], ReadPosition { epoch: 1, position: 1 });
    assert_eq!(desk.log.len(), 1);
}

#[test]
fn an_end_gives_the_place_to_the_next() {
    let mut desk = Desk::with(&[("a", 1)]);
    desk.queue(0);
    desk.queue(1);
    desk.ended(0);
    assert_eq!((desk.holder(0), desk.holder(1)), (None, Some("a")));
    assert_eq!(matches_of(desk.log.last().unwrap()), [(chat(1), "a")], "in the same outcome");
    desk.ended(9);
    assert_eq!(desk.holder(1), Some("a"));
}

#[test]
fn a_session_queued_again_is_held_by_nobody() {
    let mut desk = Desk::with(&[("a", 1)]);
    desk.queue(0);
    desk.assigned(0, "a");
    desk.status("a", AgentStatus::Busy);
    desk.queue(0);
    assert!(desk.waits(0) && desk.holder(0).is_none());
    assert_eq!(desk.load("a"), 0);
}

#[test]
fn whom_the_conversation_names_has_it() {
    let mut desk = Desk::with(&[("a", 1), ("b", 1)]);
    desk.queue(0);
    assert_eq!(desk.holder(0), Some("a"));
    desk.assigned(0, "b");
    assert_eq!((desk.holder(0), desk.load("a"), desk.load("b")), (Some("b"), 0, 1), "never two agents");
}

#[test]
fn statuses_have_names() {
    for status in [AgentStatus::Online, AgentStatus::Away, AgentStatus::Busy, AgentStatus::Offline] {
        assert_eq!(AgentStatus::parse(status.as_str()), Some(status));
    }
    assert_eq!(AgentStatus::parse("asleep"), None);
    let mut desk = Desk::with(&[("a", 1)]);
    desk.present("a", false);
    assert_eq!(desk.state.agents[&id("a")].shown_status(), AgentStatus::Offline);
}
