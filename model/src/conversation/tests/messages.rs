use super::*;
use crate::limits::{EDIT_WINDOW_MS, EDITABLE_MESSAGES};

#[test]
fn the_first_message_opens_conversation_session_and_queue() {
    let mut talk = Talk::support();
    assert!(!talk.state.exists());
    assert_eq!(numbers(talk.ask(visitor(), message("hello"))), (4, Some(1)));
    let kinds: Vec<_> = talk.events().map(|numbered| (numbered.rev, numbered.seq, &numbered.event)).collect();
    assert!(matches!(
        kinds[..],
        [
            (1, 0, Event::Created { .. }),
            (2, 0, Event::SessionOpened { session: 1 }),
            (3, 0, Event::SessionQueued { session: 1, reason: QueueReason::Opened, .. }),
            (4, 1, Event::Message { .. })
        ]
    ));
    assert_eq!(talk.state.customer(), Some(&customer("v")));
    assert_eq!(talk.state.members[&customer("v")].name, name("Visitor"));
}

#[test]
fn nothing_but_a_message_or_a_session_opens_a_conversation() {
    for body in [
        Body::Edit { seq: 1, content: text("x") },
        Body::Recall { seq: 1 },
        Body::Mark { read: Some(1), delivered: None },
        Body::EndSession { reason: None },
        Body::Rate { session: 1, score: 5, comment: None },
        assign("a", 1),
    ] {
        let mut talk = Talk::support();
        let decision = talk.decide(&talk.command(visitor(), None, body.clone()));
        assert_eq!(decision, Decision::Reply(refused(Refusal::NoConversation)), "{body:?}");
        assert_eq!(talk.ask(visitor(), body), refused(Refusal::NoConversation));
        assert!(talk.log.is_empty(), "what does not exist is not written to");
    }
}

#[test]
fn a_conversation_is_opened_by_its_own_parties_only() {
    let mut talk = Talk::support();
    talk.parties = None;
    assert_eq!(talk.ask(visitor(), message("hello")), refused(Refusal::NoConversation));
    talk.parties = Some(Parties::Support { customer: customer("other"), name: None });
    assert_eq!(talk.ask(visitor(), message("hello")), refused(Refusal::NoConversation), "the id is of other parties");
    let mut talk = Talk::support();
    assert_eq!(talk.ask(by(&customer("w"), Role::Customer), message("hello")), refused(Refusal::NoConversation));
    assert!(talk.log.is_empty());
}

#[test]
fn two_agents_talk_directly_and_nobody_else_does() {
    let (a, b) = (agent("a"), agent("b"));
    let id = ConversationId::direct(&tenant(), &a, &b);
    let mut talk = Talk::of(id, Some(Parties::Direct(b, a)));
    assert_eq!(numbers(talk.ask(kefu("a"), message("lunch?"))), (2, Some(1)));
    assert_eq!(numbers(talk.ask(kefu("b"), message("yes"))), (3, Some(2)));
    assert_eq!(talk.ask(kefu("c"), message("me too")), refused(Refusal::NotAMember));
    assert_eq!(talk.ask(supervisor(), message("no")), refused(Refusal::NotAMember), "not even a supervisor");
    assert_eq!(talk.ask(kefu("a"), Body::OpenSession), refused(Refusal::WrongState));
    assert!(talk.state.session.is_none());
}

#[test]
fn only_who_has_the_session_may_answer_a_visitor() {
    let mut talk = Talk::waiting();
    assert_eq!(talk.ask(kefu("a"), message("hi")), refused(Refusal::NotAMember));
    numbers(talk.assign("a"));
    assert_eq!(numbers(talk.ask(kefu("a"), message("hi"))).1, Some(2));
    assert_eq!(talk.ask(kefu("b"), message("me too")), refused(Refusal::NotAMember));
    assert_eq!(talk.ask(by(&customer("w"), Role::Customer), message("hi")), refused(Refusal::NoConversation));
}

#[test]
fn a_supervisor_comes_in_by_posting() {
    let mut talk = Talk::active();
    let (rev, seq) = numbers(talk.ask(supervisor(), message("let me help")));
    assert_eq!((rev, seq), (7, Some(2)));
    assert!(matches!(talk.events().nth(5).unwrap().event, Event::MemberAdded { .. }));
    assert!(talk.state.has_active(&agent("boss")));
    assert_eq!(talk.session().agent, Some(agent("a")), "the session stays with its agent");
}

#[test]
fn a_private_note_takes_a_rev_and_no_seq() {
    let mut talk = Talk::active();
    assert_eq!(numbers(talk.ask(kefu("a"), note("difficult"))), (6, None));
    assert_eq!(numbers(talk.ask(kefu("a"), message("one moment"))), (7, Some(2)));
    assert_eq!(numbers(talk.ask(visitor(), message("ok"))), (8, Some(3)));
    let revs: Vec<u64> = talk.events().map(|numbered| numbered.rev).collect();
    assert_eq!(revs, (1..=8).collect::<Vec<_>>(), "no hole");
    assert!(!talk.sees(&customer("v"), Role::Customer, 6));
    assert!(talk.sees(&customer("v"), Role::Customer, 7));
    assert!(talk.sees(&agent("a"), Role::Agent, 6));
    assert_eq!(talk.ask(visitor(), note("psst")), refused(Refusal::RoleMayNot));
    assert_eq!(talk.marks(&agent("a")), (2, 2), "a note moves no marks");
}

#[test]
fn notices_of_the_organisation_come_from_it() {
    let notice = |audience| Body::Message { content: Content::System("closed".to_owned()), audience };
    let mut talk = Talk::active();
    assert_eq!(talk.ask(visitor(), notice(Audience::All)), refused(Refusal::RoleMayNot));
    assert_eq!(talk.ask(kefu("a"), notice(Audience::All)), refused(Refusal::RoleMayNot));
    assert_eq!(numbers(talk.ask(supervisor(), notice(Audience::All))).1, Some(2));
    assert_eq!(numbers(talk.ask(Actor::Worker, notice(Audience::All))).1, Some(3));
    let last = talk.events().last().unwrap();
    assert!(matches!(&last.event, Event::Message { by: None, by_name: None, .. }));
}

#[test]
fn an_edit_does_not_make_a_notice_of_a_message() {
    let mut talk = Talk::active();
    let forged = Body::Edit { seq: 1, content: Content::System("you won".to_owned()) };
    assert_eq!(talk.ask(visitor(), forged.clone()), refused(Refusal::RoleMayNot));
    numbers(talk.ask(supervisor(), forged));
}

#[test]
fn bad_contents_are_refused_before_anything_else() {
    let mut talk = Talk::active();
    for body in [message(" "), Body::Edit { seq: 1, content: text("") }] {
        assert_eq!(talk.ask(visitor(), body), refused(Refusal::Empty));
    }
    assert_eq!(talk.ask(visitor(), message(&"x".repeat(8_001))), refused(Refusal::TooLong));
}

fn edit(seq: u64) -> Body {
    Body::Edit { seq, content: text("better") }
}

#[test]
fn authors_and_supervisors_edit_and_recall() {
    for change in [edit as fn(u64) -> Body, |seq| Body::Recall { seq }] {
        let mut talk = Talk::active();
        numbers(talk.ask(kefu("a"), message("hi")));
        assert_eq!(talk.ask(kefu("a"), change(1)), refused(Refusal::NotTheAuthor));
        assert_eq!(talk.ask(visitor(), change(2)), refused(Refusal::NotTheAuthor));
        assert_eq!(talk.ask(kefu("b"), change(2)), refused(Refusal::NotAMember));
        assert_eq!(talk.ask(Actor::Worker, change(2)), refused(Refusal::RoleMayNot));
        for seq in [0, 3, u64::MAX] {
            assert_eq!(talk.ask(kefu("a"), change(seq)), refused(Refusal::NoMessage));
        }
        assert_eq!(numbers(talk.ask(kefu("a"), change(2))), (7, None));
        assert_eq!(numbers(talk.ask(supervisor(), change(1))), (8, None));
        assert!(!talk.state.has_active(&agent("boss")), "correcting does not make a member");
    }
}

#[test]
fn a_recalled_message_is_gone() {
    let mut talk = Talk::waiting();
    numbers(talk.ask(visitor(), edit(1)));
    numbers(talk.ask(visitor(), Body::Recall { seq: 1 }));
    assert_eq!(talk.ask(visitor(), edit(1)), refused(Refusal::Recalled));
    assert_eq!(talk.ask(visitor(), Body::Recall { seq: 1 }), refused(Refusal::Recalled));
    assert_eq!(talk.state.seq, 1, "its number stays");
}

#[test]
fn the_time_to_edit_passes() {
    let mut talk = Talk::waiting();
    talk.now.0 += EDIT_WINDOW_MS;
    numbers(talk.ask(visitor(), edit(1)));
    talk.now.0 += 1;
    assert_eq!(talk.ask(visitor(), edit(1)), refused(Refusal::TooLate));
    assert_eq!(talk.ask(supervisor(), Body::Recall { seq: 1 }), refused(Refusal::TooLate));
    numbers(talk.ask(visitor(), message("again")));
    assert_eq!(talk.state.editable.len(), 1, "what is past the window is forgotten");
    assert_eq!(talk.ask(visitor(), edit(1)), refused(Refusal::TooLate));
}

#[test]
fn only_so_many_messages_can_be_edited() {
    let mut talk = Talk::waiting();
    for _ in 0..EDITABLE_MESSAGES {
        numbers(talk.ask(visitor(), message("more")));
    }
    assert_eq!(talk.state.editable.len(), EDITABLE_MESSAGES);
    assert_eq!(talk.ask(visitor(), edit(1)), refused(Refusal::TooLate));
    numbers(talk.ask(visitor(), edit(2)));
}
