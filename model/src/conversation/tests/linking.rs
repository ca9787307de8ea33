//! Visitors who turn out to be somebody.

use super::*;

/// Whom the host site vouches for. Sorted before the visitor, as any id may be.
fn person() -> User {
    customer("a-person")
}

fn as_person() -> Actor {
    by(&person(), Role::Customer)
}

fn link(person: &User) -> Body {
    Body::Link { person: person.clone() }
}

/// A conversation whose active session its visitor takes along.
fn linked() -> Talk {
    let mut talk = Talk::active();
    numbers(talk.ask(kefu("a"), message("how can I help?")));
    numbers(talk.ask(visitor(), link(&person())));
    talk
}

#[test]
fn a_linked_person_sees_everything_from_the_beginning() {
    let mut talk = linked();
    numbers(talk.ask(kefu("a"), note("a regular")));
    numbers(talk.ask(kefu("a"), message("welcome")));
    for numbered in talk.log.iter().flat_map(Outcome::events).filter(|numbered| numbered.event.takes_rev()) {
        let (rev, staff) = (numbered.rev, numbered.event.audience() == Audience::Staff);
        for user in [person(), customer("v")] {
            assert_eq!(talk.sees(&user, Role::Customer, rev), !staff, "{user} {rev}");
        }
    }
    assert!(!talk.sees(&customer("w"), Role::Customer, 1));
}

#[test]
fn a_linked_person_has_read_what_the_visitor_read() {
    let mut talk = Talk::active();
    numbers(talk.ask(kefu("a"), message("one")));
    talk.mark(visitor(), Some(2), None);
    numbers(talk.ask(kefu("a"), message("two")));
    numbers(talk.ask(visitor(), link(&person())));
    assert_eq!(talk.marks(&person()), talk.marks(&customer("v")));
    assert_eq!(talk.state.unread(&person()), 1);
}

#[test]
fn the_conversation_stays_the_visitors() {
    let mut talk = linked();
    assert_eq!(talk.state.customer(), Some(&customer("v")));
    assert_eq!(talk.state.linked_person(), Some(&person()));
    numbers(talk.ask(Actor::Worker, requeue("a", QueueReason::AgentGone)));
    let queued = talk.events().filter_map(|numbered| match &numbered.event {
        Event::SessionQueued { customer, name, .. } => Some((customer.clone(), name.clone())),
        _ => None,
    });
    assert_eq!(queued.last(), Some((customer("v"), name("Visitor"))));
}

#[test]
fn the_open_session_goes_on_and_the_person_ends_and_rates_it() {
    let mut talk = linked();
    numbers(talk.ask(as_person(), message("it is me")));
    numbers(talk.ask(visitor(), message("from the other tab")));
    assert_eq!(talk.session().ordinal, 1);
    numbers(talk.end(as_person()));
    numbers(talk.ask(as_person(), Body::Rate { session: 1, score: 5, comment: None }));
    assert_eq!(talk.session().rating, Some(5));
}

#[test]
fn no_session_is_opened_in_a_linked_conversation() {
    let mut talk = linked();
    numbers(talk.end(kefu("a")));
    let rev = talk.state.rev;
    for who in [as_person(), visitor()] {
        assert_eq!(talk.ask(who.clone(), message("once more")), refused(Refusal::Linked));
        assert_eq!(talk.ask(who, Body::OpenSession), refused(Refusal::Linked));
    }
    assert_eq!(talk.ask(kefu("a"), Body::OpenSession), refused(Refusal::Linked));
    assert_eq!(talk.state.rev, rev);
    numbers(talk.ask(kefu("a"), message("goodbye")));
}

#[test]
fn linking_again_changes_nothing_and_another_person_is_refused() {
    let mut talk = linked();
    let before = talk.state.clone();
    numbers(talk.ask(visitor(), link(&person())));
    assert_eq!(talk.ask(visitor(), link(&customer("second"))), refused(Refusal::LinkedToAnother));
    assert_eq!(talk.state, before);
}

#[test]
fn only_the_visitor_can_be_linked_and_only_to_a_customer() {
    let mut talk = Talk::active();
    assert_eq!(talk.ask(as_person(), link(&person())), refused(Refusal::NoConversation));
    for who in [kefu("a"), supervisor(), Actor::Worker] {
        assert_eq!(talk.ask(who, link(&person())), refused(Refusal::RoleMayNot));
    }
    for whom in [agent("a"), customer("v")] {
        assert_eq!(talk.ask(visitor(), link(&whom)), refused(Refusal::RoleMayNot));
    }
    let mut talk = linked();
    assert_eq!(talk.ask(as_person(), link(&customer("friend"))), refused(Refusal::RoleMayNot));
    let mut room = Talk::room(&[agent("a"), customer("v")]);
    assert_eq!(room.ask(visitor(), link(&person())), refused(Refusal::RoleMayNot));
}

#[test]
fn nothing_is_stored_for_a_visitor_who_never_wrote() {
    let mut talk = Talk::support();
    talk.parties = None;
    assert_eq!(talk.ask(visitor(), link(&person())), refused(Refusal::NoConversation));
    assert!(talk.log.is_empty());
}
