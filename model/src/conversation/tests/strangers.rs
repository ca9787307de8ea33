//! Customers who have no part in a conversation: whether it exists or not, they are told the same.

use proptest::prelude::*;

use super::properties::{Step, body, run, steps};
use super::*;
use crate::limits::TEXT_CHARS;

fn stranger() -> Actor {
    by(&customer("s"), Role::Customer)
}

/// Commands that are wrong in themselves, each in its own way.
fn wrong() -> Vec<Body> {
    let reason = |reason: String| Body::EndSession { reason: Some(reason) };
    vec![
        message(""),
        message(&"x".repeat(TEXT_CHARS + 1)),
        note("for staff"),
        Body::Message { content: Content::System("notice".to_owned()), audience: Audience::All },
        Body::Edit { seq: 1, content: text(" ") },
        Body::Edit { seq: 0, content: text("x") },
        Body::Recall { seq: u64::MAX },
        reason(String::new()),
        reason("r".repeat(10_000)),
        Body::Rate { session: 1, score: 9, comment: None },
        Body::Mark { read: None, delivered: None },
        Body::Link { person: customer("s") },
        Body::Link { person: agent("a") },
        Body::AddMember { user: customer("s") },
        assign("a", 1),
        transfer("a", "b"),
    ]
}

fn identities() -> Vec<Option<Identity>> {
    let device = |n| Some(Identity::Device { device: DeviceId::new("d").unwrap(), n });
    vec![None, device(0), device(1), device(7), Some(Identity::Key(CommandKey::new("k").unwrap()))]
}

/// What opens a conversation, rightly or not.
fn claims() -> Vec<Option<Parties>> {
    let support = |id: &str| Some(Parties::Support { customer: customer(id), name: None });
    vec![None, support("v"), support("s"), Some(Parties::Direct(customer("s"), agent("a")))]
}

fn check_told_the_same(talk: &Talk, bodies: Vec<Body>) {
    let absent = Conversation::absent(tenant(), talk.state.id);
    let mut spoke = DeviceLog::default();
    spoke.remember(1, CommandHash([9; 16]), refused(Refusal::NotAMember));
    let kept = KeptAnswer { hash: CommandHash([9; 16]), answer: refused(Refusal::NotAMember) };
    let used = KeyEntry { kept, at: talk.now };
    for body in bodies {
        for identity in identities() {
            for parties in claims() {
                let command = Command { parties, ..talk.command(stranger(), identity.clone(), body.clone()) };
                let unused = DeviceLog::default();
                let (nothing, something) = match &identity {
                    None => (Prior::None, Prior::None),
                    Some(Identity::Device { .. }) => (Prior::Device(&unused), Prior::Device(&spoke)),
                    Some(Identity::Key(_)) => (Prior::Key(None), Prior::Key(Some(&used))),
                };
                let told = decide(&absent, nothing, &command, talk.now);
                assert_eq!(told, Decision::Reply(refused(Refusal::NoConversation)), "{command:?}");
                for prior in [nothing, something] {
                    assert_eq!(decide(&talk.state, prior, &command, talk.now), told, "{command:?}");
                }
                assert!(is_closed_to(&talk.state, &command) && is_closed_to(&absent, &command));
            }
        }
    }
}

fn wanted(talk: &Talk, asked: &Step) -> Vec<Body> {
    let mut bodies = wrong();
    bodies.push(body(&talk.state, asked));
    bodies
}

proptest! {
    #[test]
    fn a_support_conversation_is_as_if_it_did_not_exist(past in steps(40), asked in steps(2)) {
        let talk = run(Talk::support(), &past);
        check_told_the_same(&talk, wanted(&talk, &asked[0]));
    }

    #[test]
    fn so_is_a_room(past in steps(40), asked in steps(2)) {
        let talk = run(Talk::room(&[agent("a"), customer("v")]), &past);
        check_told_the_same(&talk, wanted(&talk, &asked[0]));
    }
}

#[test]
fn who_was_in_knows_that_it_exists() {
    let mut talk = Talk::room(&[agent("a"), customer("v")]);
    numbers(talk.ask(visitor(), Body::RemoveMember { user: customer("v") }));
    assert_eq!(talk.ask(visitor(), message("still?")), refused(Refusal::NotAMember));
}

#[test]
fn ones_own_conversation_is_not_closed_before_it_exists() {
    let talk = Talk::support();
    let hello = talk.command(visitor(), None, message("hello"));
    assert!(!is_closed_to(&talk.state, &hello));
    assert!(matches!(talk.decide(&hello), Decision::Record(_)));
    let unnamed = Command { parties: None, ..hello };
    assert!(is_closed_to(&talk.state, &unnamed), "only who names it as their own opens it");
}
