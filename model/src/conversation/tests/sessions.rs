use super::*;
use crate::limits::{COMMENT_CHARS, REASON_CHARS};

#[test]
fn an_assignment_answers_the_last_queueing_only() {
    let mut talk = Talk::waiting();
    assert_eq!(talk.session().queued_rev, 3);
    assert_eq!(talk.ask(Actor::Worker, assign("a", 2)), refused(Refusal::StaleQueueing));
    assert_eq!(talk.ask(Actor::Worker, assign("a", 4)), refused(Refusal::StaleQueueing));
    numbers(talk.assign("a"));
    assert_eq!(talk.session().status, SessionStatus::Active);
    assert_eq!((talk.session().agent.clone(), talk.session().assigned_at), (Some(agent("a")), Some(talk.now)));
    assert!(talk.state.has_active(&agent("a")));
    assert_eq!(talk.assign("b"), refused(Refusal::HasAgent));
    numbers(talk.ask(Actor::Worker, requeue("a", QueueReason::AgentGone)));
    assert_eq!(talk.ask(Actor::Worker, assign("b", 3)), refused(Refusal::StaleQueueing), "the first queueing is over");
    numbers(talk.assign("b"));
    assert_eq!(talk.session().agent, Some(agent("b")));
    assert!(!talk.state.has_active(&agent("a")), "no session with two agents");
}

#[test]
fn only_workers_give_sessions_away() {
    let mut talk = Talk::active();
    for actor in [visitor(), kefu("a"), supervisor(), by(&agent("root"), Role::Admin)] {
        for body in [assign("b", 3), transfer("a", "b"), requeue("a", QueueReason::Released)] {
            assert_eq!(talk.ask(actor.clone(), body), refused(Refusal::RoleMayNot));
        }
    }
}

#[test]
fn a_transfer_names_who_has_it() {
    let mut talk = Talk::waiting();
    assert_eq!(talk.ask(Actor::Worker, transfer("a", "b")), refused(Refusal::WrongState));
    numbers(talk.assign("a"));
    assert_eq!(talk.ask(Actor::Worker, transfer("b", "c")), refused(Refusal::WrongState));
    assert_eq!(talk.ask(Actor::Worker, transfer("a", "a")), refused(Refusal::HasAgent));
    numbers(talk.ask(Actor::Worker, transfer("a", "b")));
    assert_eq!(talk.session().agent, Some(agent("b")));
    assert_eq!((talk.state.has_active(&agent("a")), talk.state.has_active(&agent("b"))), (false, true));
    numbers(talk.end(kefu("b")));
    assert_eq!(talk.ask(Actor::Worker, transfer("b", "c")), refused(Refusal::NoSession));
}

#[test]
fn a_requeued_session_keeps_its_place() {
    let mut talk = Talk::active();
    let opened_at = talk.session().opened_at;
    assert_eq!(talk.ask(Actor::Worker, requeue("b", QueueReason::AgentGone)), refused(Refusal::WrongState));
    talk.now.0 += 60_000;
    let (rev, _) = numbers(talk.ask(Actor::Worker, requeue("a", QueueReason::AgentGone)));
    assert_eq!((talk.session().status, talk.session().queued_rev), (SessionStatus::Waiting, rev));
    assert_eq!((talk.session().opened_at, &talk.session().agent), (opened_at, &None));
    let Event::SessionQueued { opened_at: told, customer: whose, name: named, reason, .. } =
        &talk.events().last().unwrap().event
    else {
        panic!("it is queued")
    };
    assert_eq!((told, whose, named.clone()), (&opened_at, &customer("v"), name("Visitor")));
    assert_eq!(*reason, QueueReason::AgentGone);
    assert_eq!(talk.ask(Actor::Worker, requeue("a", QueueReason::AgentGone)), refused(Refusal::WrongState));
}

#[test]
fn members_supervisors_and_workers_end_a_session() {
    for actor in [visitor(), kefu("a"), supervisor(), Actor::Worker] {
        let mut talk = Talk::active();
        numbers(talk.end(actor.clone()));
        assert_eq!(talk.session().status, SessionStatus::Ended);
        assert_eq!(talk.session().ended_by.as_ref(), actor.user());
        assert!(talk.state.has_active(&agent("a")), "who served it sees the rating");
        assert!(talk.state.has_active(&customer("v")));
        assert_eq!(talk.end(Actor::Worker), refused(Refusal::NoSession));
        assert!(talk.state.open_session().is_none());
        numbers(talk.ask(visitor(), message("one more thing")));
        assert!(talk.state.has_active(&agent("a")), "and what comes next");
        numbers(talk.assign("b"));
        assert!(!talk.state.has_active(&agent("a")), "until another has it");
    }
    let mut talk = Talk::active();
    assert_eq!(talk.end(kefu("b")), refused(Refusal::NotAMember));
    assert_eq!(talk.end(by(&customer("w"), Role::Customer)), refused(Refusal::NoConversation));
}

#[test]
fn reasons_are_limited() {
    let mut talk = Talk::active();
    let end = |reason: String| Body::EndSession { reason: Some(reason) };
    assert_eq!(talk.ask(kefu("a"), end(" ".to_owned())), refused(Refusal::Empty));
    assert_eq!(talk.ask(kefu("a"), end("r".repeat(REASON_CHARS + 1))), refused(Refusal::TooLong));
    numbers(talk.ask(kefu("a"), end("r".repeat(REASON_CHARS))));
}

#[test]
fn a_waiting_session_can_end_and_the_next_message_opens_another() {
    let mut talk = Talk::waiting();
    numbers(talk.end(visitor()));
    assert_eq!(talk.assign("a"), refused(Refusal::NoSession));
    numbers(talk.ask(supervisor(), message("bye")));
    assert!(talk.state.open_session().is_none(), "staff do not open one by posting");
    numbers(talk.ask(visitor(), message("one more thing")));
    assert_eq!((talk.session().ordinal, talk.session().status), (2, SessionStatus::Waiting));
}

#[test]
fn opening_a_session_twice_tells_of_the_open_one() {
    let mut talk = Talk::support();
    let (rev, seq) = numbers(talk.ask(visitor(), Body::OpenSession));
    assert_eq!((rev, seq), (3, None));
    assert_eq!(numbers(talk.ask(visitor(), Body::OpenSession)), (3, None), "nothing had to change");
    assert_eq!(talk.session().ordinal, 1);
    assert_eq!(talk.ask(by(&customer("w"), Role::Customer), Body::OpenSession), refused(Refusal::NoConversation));
    numbers(talk.end(visitor()));
    numbers(talk.ask(kefu("a"), Body::OpenSession));
    assert_eq!(talk.session().ordinal, 2);
}

fn rate(session: u64, score: u8) -> Body {
    Body::Rate { session, score, comment: None }
}

#[test]
fn the_customer_rates_an_ended_session_once() {
    let mut talk = Talk::active();
    assert_eq!(talk.ask(visitor(), rate(1, 5)), refused(Refusal::WrongState));
    numbers(talk.end(kefu("a")));
    for score in [0, 6] {
        assert_eq!(talk.ask(visitor(), rate(1, score)), refused(Refusal::BadField));
    }
    let long = Body::Rate { session: 1, score: 5, comment: Some("c".repeat(COMMENT_CHARS + 1)) };
    assert_eq!(talk.ask(visitor(), long), refused(Refusal::TooLong));
    assert_eq!(talk.ask(visitor(), rate(2, 5)), refused(Refusal::NoSession));
    assert_eq!(talk.ask(kefu("a"), rate(1, 5)), refused(Refusal::RoleMayNot));
    assert_eq!(talk.ask(supervisor(), rate(1, 5)), refused(Refusal::RoleMayNot));
    assert_eq!(talk.ask(Actor::Worker, rate(1, 5)), refused(Refusal::RoleMayNot));
    assert_eq!(talk.ask(by(&customer("w"), Role::Customer), rate(1, 5)), refused(Refusal::NoConversation));
    numbers(talk.ask(visitor(), rate(1, 4)));
    assert_eq!(talk.session().rating, Some(4));
    assert_eq!(talk.ask(visitor(), rate(1, 1)), refused(Refusal::RatedAlready));
    numbers(talk.ask(visitor(), message("back")));
    assert_eq!(talk.ask(visitor(), rate(1, 1)), refused(Refusal::NoSession), "only the last one");
}

#[test]
fn a_log_that_does_not_follow_is_refused() {
    let mut talk = Talk::waiting();
    let repeated = talk.log[0].clone();
    let error = talk.state.apply(&repeated).unwrap_err();
    assert_eq!((error.rev, error.seq, error.found_rev, error.found_seq), (4, 1, 1, 0));
    let mut hole = repeated;
    let crate::event::Verdict::Accepted(events) = &mut hole.verdict else { panic!() };
    events.retain(|numbered| numbered.event.takes_seq());
    events[0].rev = 6;
    assert!(talk.state.apply(&hole).is_err());
    assert_eq!(talk.state, Talk::waiting().state, "and changes nothing");
}
