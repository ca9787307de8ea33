use super::*;
use crate::limits::{INTERVALS, MEMBERS};

fn add(user: &User) -> Body {
    Body::AddMember { user: user.clone() }
}

fn remove(user: &User) -> Body {
    Body::RemoveMember { user: user.clone() }
}

#[test]
fn members_bring_agents_and_customers_into_a_room() {
    let mut talk = Talk::room(&[agent("a")]);
    numbers(talk.ask(kefu("a"), add(&agent("b"))));
    numbers(talk.ask(kefu("b"), add(&customer("v"))));
    assert_eq!(talk.ask(kefu("a"), add(&agent("b"))), refused(Refusal::AlreadyAMember));
    assert_eq!(talk.ask(kefu("c"), add(&agent("d"))), refused(Refusal::NotAMember));
    assert_eq!(talk.ask(visitor(), add(&agent("d"))), refused(Refusal::RoleMayNot));
    assert_eq!(talk.ask(Actor::Worker, add(&agent("d"))), refused(Refusal::RoleMayNot));
    numbers(talk.ask(supervisor(), add(&agent("d"))));
    assert_eq!(talk.ask(supervisor(), message("hi")), refused(Refusal::NotAMember), "a room is not overseen");
}

#[test]
fn members_leave_and_supervisors_remove() {
    let mut talk = Talk::room(&[agent("a"), agent("b"), customer("v")]);
    assert_eq!(talk.ask(kefu("a"), remove(&agent("b"))), refused(Refusal::RoleMayNot));
    assert_eq!(talk.ask(Actor::Worker, remove(&agent("b"))), refused(Refusal::RoleMayNot));
    numbers(talk.ask(kefu("b"), remove(&agent("b"))));
    numbers(talk.ask(visitor(), remove(&customer("v"))));
    assert_eq!(talk.ask(kefu("b"), remove(&agent("b"))), refused(Refusal::NotAMember));
    numbers(talk.ask(supervisor(), remove(&agent("a"))));
    assert_eq!(talk.ask(kefu("a"), message("hi")), refused(Refusal::NotAMember));
}

#[test]
fn members_of_other_conversations_are_not_changed_by_hand() {
    let mut talk = Talk::active();
    assert_eq!(talk.ask(kefu("a"), add(&agent("b"))), refused(Refusal::RoleMayNot));
    assert_eq!(talk.ask(supervisor(), remove(&agent("a"))), refused(Refusal::RoleMayNot));
    assert_eq!(talk.ask(visitor(), remove(&customer("v"))), refused(Refusal::RoleMayNot));
}

#[test]
fn a_room_has_room_for_so_many() {
    let members: Vec<User> = (0..MEMBERS).map(|number| agent(&format!("a{number}"))).collect();
    let mut talk = Talk::room(&members);
    assert_eq!(talk.ask(kefu("a0"), add(&agent("late"))), refused(Refusal::TooManyMembers));
    numbers(talk.ask(kefu("a1"), remove(&members[1])));
    numbers(talk.ask(kefu("a0"), add(&agent("late"))));
}

#[test]
fn a_room_shows_what_happened_while_one_was_in() {
    let (a, b) = (agent("a"), agent("b"));
    let mut talk = Talk::room(std::slice::from_ref(&a));
    let (before, _) = numbers(talk.ask(kefu("a"), message("before")));
    let (came, _) = numbers(talk.ask(kefu("a"), add(&b)));
    let (during, _) = numbers(talk.ask(kefu("a"), message("during")));
    let (went, _) = numbers(talk.ask(kefu("b"), remove(&b)));
    let (after, _) = numbers(talk.ask(kefu("a"), message("after")));
    let (again, _) = numbers(talk.ask(kefu("a"), add(&b)));
    let seen = |rev| talk.sees(&b, Role::Agent, rev);
    assert_eq!([before, came, during, went, after, again].map(seen), [false, true, true, true, false, true]);
    let boss = |rev| talk.sees(&agent("boss"), Role::Admin, rev);
    assert!(!boss(before), "a room is not overseen");
    assert_eq!(talk.state.members[&b].intervals.len(), 2);
}

#[test]
fn past_intervals_are_merged_beyond_the_bound() {
    let b = agent("b");
    let mut talk = Talk::room(&[agent("a")]);
    for _ in 0..INTERVALS + 5 {
        numbers(talk.ask(kefu("a"), add(&b)));
        numbers(talk.ask(kefu("b"), remove(&b)));
    }
    let intervals = &talk.state.members[&b].intervals;
    assert_eq!(intervals.len(), INTERVALS);
    assert_eq!(intervals[0].from, 2, "what was seen stays seen");
    assert!(intervals.windows(2).all(|pair| pair[0].until.is_some_and(|until| until < pair[1].from)));
}

#[test]
fn agents_of_a_session_see_the_whole_past_while_they_have_it() {
    let mut talk = Talk::active();
    numbers(talk.ask(kefu("a"), note("for agents")));
    numbers(talk.ask(Actor::Worker, transfer("a", "b")));
    let (after, _) = numbers(talk.ask(kefu("b"), message("hi")));
    assert!((1..=after).all(|rev| talk.sees(&agent("b"), Role::Agent, rev)));
    assert!(!talk.sees(&agent("a"), Role::Agent, after), "what came after the transfer");
    assert!(talk.sees(&agent("a"), Role::Agent, after - 1), "the transfer itself");
    assert!(talk.sees(&agent("boss"), Role::Supervisor, 6), "support is overseen");
    assert!(!talk.sees(&agent("c"), Role::Agent, 1));
    assert!(!View::of(&talk.state, &agent("c"), Role::Agent).any());
    assert!(View::of(&talk.state, &agent("boss"), Role::Admin).any());
}

#[test]
fn a_customer_whose_kind_is_claimed_by_an_overseeing_role_sees_no_notes() {
    let mut talk = Talk::active();
    let (rev, _) = numbers(talk.ask(kefu("a"), note("for agents")));
    assert!(!talk.sees(&customer("v"), Role::Admin, rev));
}

#[test]
fn marks_rise_and_stay_below_the_head() {
    let v = customer("v");
    let mut talk = Talk::active();
    for words in ["one", "two", "three"] {
        numbers(talk.ask(kefu("a"), message(words)));
    }
    assert_eq!(talk.marks(&v), (1, 1), "sending advances the sender's");
    assert_eq!(talk.state.unread(&v), 3);
    assert_eq!(talk.marks(&agent("a")), (4, 4));
    talk.mark(visitor(), None, Some(3));
    assert_eq!(talk.marks(&v), (1, 3));
    talk.mark(visitor(), Some(2), None);
    assert_eq!(talk.marks(&v), (2, 3));
    assert_eq!(talk.mark(visitor(), Some(1), Some(1)), Decision::Nothing, "they never fall");
    talk.mark(visitor(), Some(u64::MAX), None);
    assert_eq!(talk.marks(&v), (4, 4), "read is delivered, and neither is beyond the head");
    assert_eq!(talk.state.unread(&v), 0);
}

#[test]
fn marks_take_no_rev_and_nobody_answers_them() {
    let mut talk = Talk::active();
    numbers(talk.ask(kefu("a"), message("one")));
    let (rev, at) = (talk.state.rev, talk.state.updated_at);
    talk.now.0 += 50;
    let Decision::Record(outcome) = talk.mark(visitor(), Some(2), None) else { panic!("marks are written down") };
    assert_eq!((outcome.rev, outcome.events()[0].rev, outcome.events()[0].seq), (rev, rev, 2));
    assert_eq!((talk.state.rev, talk.state.updated_at), (rev, at));
    assert_eq!(talk.mark(kefu("c"), Some(1), None), Decision::Nothing, "not a member");
    assert_eq!(talk.mark(Actor::Worker, Some(1), None), Decision::Nothing);
}

#[test]
fn who_comes_in_is_at_the_head() {
    let mut talk = Talk::waiting();
    numbers(talk.ask(visitor(), message("anyone?")));
    numbers(talk.assign("a"));
    assert_eq!(talk.marks(&agent("a")), (2, 2));
    assert_eq!(talk.state.unread(&agent("a")), 0);
    numbers(talk.ask(Actor::Worker, requeue("a", QueueReason::Released)));
    numbers(talk.ask(visitor(), message("hello?")));
    assert_eq!(talk.state.unread(&agent("a")), 1);
    numbers(talk.assign("a"));
    assert_eq!(talk.state.unread(&agent("a")), 0, "also the second time");
    assert_eq!(talk.state.unread(&agent("nobody")), 0);
}
