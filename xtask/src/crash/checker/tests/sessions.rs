//! Who has which session.

use super::{assert_has, check};
use crate::crash::checker::{Fault, most_at_once};
use crate::crash::observed::{Agent, Change, Disputed, Entry, Observations, Span, Transcript, Turn};

/// All moments are after this one, in milliseconds.
const START_MS: u64 = 1_000_000;

fn turn(rev: u64, at_ms: u64, change: Change) -> Entry {
    let kind = match change {
        Change::Assigned { .. } => "session_assigned",
        Change::Transferred { .. } => "session_transferred",
        Change::Requeued { .. } => "session_requeued",
        Change::Ended => "session_ended",
    };
    let (at_ms, print) = (START_MS + at_ms, format!("{kind} {rev}"));
    Entry { rev, seq: None, kind: kind.to_owned(), text: None, turn: Some(Turn { at_ms, change }), print }
}

fn assigned(rev: u64, at_ms: u64, agent: &str) -> Entry {
    turn(rev, at_ms, Change::Assigned { agent: agent.to_owned() })
}

fn transferred(rev: u64, at_ms: u64, from: &str, agent: &str) -> Entry {
    turn(rev, at_ms, Change::Transferred { from: from.to_owned(), agent: agent.to_owned() })
}

fn ended(rev: u64, at_ms: u64) -> Entry {
    turn(rev, at_ms, Change::Ended)
}

fn seen(conversations: &[(&str, Vec<Entry>)]) -> Observations {
    let transcript = |(conversation, entries): &(&str, Vec<Entry>)| Transcript {
        observer: "live".to_owned(),
        conversation: (*conversation).to_owned(),
        staff: false,
        from: 0,
        entries: entries.clone(),
        to_the_end: true,
    };
    let agent =
        |user: &str| Agent { user: user.to_owned(), capacity: 1, connected: vec![Span { from_ms: 0, until_ms: None }] };
    Observations {
        transcripts: conversations.iter().map(transcript).collect(),
        agents: vec![agent("ann"), agent("bob")],
        grace_ms: 1_000,
        ..Observations::default()
    }
}

#[test]
fn one_session_after_the_other_is_well() {
    let observed = seen(&[
        ("s1", vec![assigned(1, 10, "ann"), ended(2, 50), assigned(3, 90, "bob")]),
        // In the same millisecond as the other one's end.
        ("s2", vec![assigned(1, 50, "ann"), ended(2, 50), assigned(3, 60, "ann")]),
    ]);
    assert_eq!(check(&observed), []);
    assert_eq!(most_at_once(&observed), [(1, 1), (1, 1)]);
}

#[test]
fn a_session_given_to_a_second_agent_is_caught() {
    let twice = check(&seen(&[("s1", vec![assigned(1, 10, "ann"), assigned(2, 20, "bob"), ended(3, 30)])]));
    let is_it =
        |fault: &Fault| matches!(fault, Fault::TwoAgents { rev: 2, one, other, .. } if one == "ann" && other == "bob");
    assert_has(&twice, is_it);
    let stolen = check(&seen(&[("s1", vec![assigned(1, 10, "ann"), transferred(2, 20, "bob", "ann"), ended(3, 30)])]));
    assert_has(&stolen, |fault| matches!(fault, Fault::TwoAgents { rev: 2, .. }));
}

#[test]
fn an_agent_above_capacity_is_caught() {
    let above = check(&seen(&[
        ("s1", vec![assigned(1, 10, "ann"), ended(2, 50)]),
        ("s2", vec![assigned(1, 49, "ann"), ended(2, 70)]),
    ]));
    let is_it = |fault: &Fault| {
        matches!(fault, Fault::AboveCapacity { agent, capacity: 1, conversations, .. }
        if agent == "ann" && conversations == &["s1", "s2"])
    };
    assert_has(&above, is_it);
}

/// The session that is passed on counts as the next agent's from a moment on that nobody is told.
#[test]
fn a_session_that_is_passed_on_takes_the_next_agents_place() {
    let passed_on = ("s1", vec![assigned(1, 10, "ann"), transferred(2, 50, "ann", "bob"), ended(3, 90)]);
    let of_ann = ("s2", vec![assigned(1, 45, "ann")]);
    assert_eq!(check(&seen(&[passed_on.clone(), of_ann])), []);
    let of_bob = ("s2", vec![assigned(1, 60, "bob")]);
    assert_has(&check(&seen(&[passed_on, of_bob])), |fault| matches!(fault, Fault::AboveCapacity { .. }));
}

fn given_back(gone: bool, connected: &[(u64, Option<u64>)]) -> Vec<Fault> {
    let requeued = turn(2, 100_000, Change::Requeued { gone });
    let mut observed = seen(&[("s1", vec![assigned(1, 50_000, "ann"), requeued])]);
    let span = |(from, until): &(u64, Option<u64>)| Span {
        from_ms: START_MS + from,
        until_ms: until.map(|until| START_MS + until),
    };
    observed.agents[0].connected = connected.iter().map(span).collect();
    check(&observed)
}

#[test]
fn an_agent_who_stayed_and_is_taken_for_gone_is_caught() {
    let is_it = |fault: &Fault| matches!(fault, Fault::TakenForGone { rev: 2, agent, .. } if agent == "ann");
    assert_has(&given_back(true, &[(0, None)]), is_it);
    assert_has(&given_back(true, &[(0, Some(90_000)), (91_000, None)]), is_it);
    assert_has(&given_back(true, &[(0, Some(98_000))]), is_it);
    assert_has(&given_back(true, &[(0, Some(10_000)), (40_000, None)]), is_it);
}

#[test]
fn an_agent_who_was_away_may_be_taken_for_gone() {
    assert_eq!(given_back(true, &[(0, Some(80_000))]), [], "still away");
    assert_eq!(given_back(true, &[(0, Some(80_000)), (95_000, None)]), [], "just back");
    assert_eq!(given_back(true, &[(0, Some(60_000)), (75_000, None)]), [], "it may have been decided before");
    assert_eq!(given_back(true, &[(0, Some(90_000)), (95_000, None)]), [], "longer than an edge waits");
    assert_eq!(given_back(true, &[]), [], "never there");
    assert_eq!(given_back(false, &[(0, None)]), [], "given back by the agent");
}

#[test]
fn an_allocation_that_contradicts_a_conversation_is_caught() {
    let disputed = Disputed { conversation: "s1".to_owned(), allocation: Vec::new(), told: Some("ann".to_owned()) };
    let observed = Observations { disputed: vec![disputed.clone()], ..seen(&[]) };
    assert_eq!(check(&observed), [Fault::Disputed(disputed)]);
}
