//! Any mix of commands, sent in any order and any number of times.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::limits::EDITABLE_MESSAGES;

/// One thing that somebody does; the numbers choose within what is there.
#[derive(Debug, Clone)]
pub(super) struct Step {
    who: usize,
    what: usize,
    number: u64,
    pause_ms: u64,
    staff: bool,
    keyed: bool,
}

pub(super) fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let pause = prop_oneof![8 => 0_u64..2_000, 1 => Just(16 * 60_000)];
    let step = (0_usize..7, 0_usize..15, 0_u64..6, pause, any::<bool>(), any::<bool>())
        .prop_map(|(who, what, number, pause_ms, staff, keyed)| Step { who, what, number, pause_ms, staff, keyed });
    vec(step, 1..most)
}

pub(super) fn actor(who: usize) -> Actor {
    match who {
        0 | 1 => visitor(),
        2 => by(&customer("w"), Role::Customer),
        3 => kefu("a"),
        4 => kefu("b"),
        5 => supervisor(),
        _ => Actor::Worker,
    }
}

fn some_user(number: u64) -> User {
    match number % 4 {
        0 => customer("w"),
        1 => agent("a"),
        2 => agent("b"),
        _ => agent("boss"),
    }
}

pub(super) fn body(state: &Conversation, step: &Step) -> Body {
    let audience = if step.staff { Audience::Staff } else { Audience::All };
    let seq = state.seq.saturating_sub(step.number);
    let to = if step.staff { "a" } else { "b" };
    let held = state.session.as_ref().and_then(|session| session.agent.clone()).unwrap_or_else(|| agent("a"));
    match step.what {
        0..=2 => Body::Message { content: text("words"), audience },
        3 => Body::Edit { seq, content: text("better") },
        4 => Body::Recall { seq },
        5 => Body::Mark { read: Some(seq + 2), delivered: step.staff.then_some(seq) },
        6 => Body::AddMember { user: some_user(step.number) },
        7 => Body::RemoveMember { user: some_user(step.number) },
        8 => Body::OpenSession,
        9 => assign(to, state.session.as_ref().map_or(0, |session| session.queued_rev) + step.number % 2),
        10 => Body::Transfer { from: held, agent: agent(to), name: None, reason: "r".to_owned() },
        11 => Body::Requeue { from: held, reason: QueueReason::Released },
        12 => Body::EndSession { reason: None },
        13 => Body::Link { person: customer(if step.number == 0 { "x" } else { "w" }) },
        _ => Body::Rate { session: step.number % 3, score: 5, comment: None },
    }
}

pub(super) fn run(mut talk: Talk, steps: &[Step]) -> Talk {
    for step in steps {
        talk.now.0 += step.pause_ms;
        let (actor, body) = (actor(step.who), body(&talk.state, step));
        // Commands with an identity are answered; a few of them are sent twice.
        if step.keyed {
            let answer = talk.ask(actor.clone(), body.clone());
            if matches!(answer, Answer::Accepted { .. }) && step.staff {
                talk.used_keys -= 1;
                let length = talk.log.len();
                assert_eq!(talk.ask(actor, body), answer);
                assert_eq!(talk.log.len(), length);
            }
        } else {
            talk.tell(actor, body);
        }
        check(&talk.state);
    }
    talk
}

/// What always holds of a conversation.
fn check(state: &Conversation) {
    for (user, member) in &state.members {
        assert!(member.read <= member.delivered && member.delivered <= state.seq, "{user}: {member:?}");
        assert!(!member.intervals.is_empty());
        for interval in &member.intervals {
            assert!(interval.from <= state.rev && interval.until.is_none_or(|until| interval.from <= until));
        }
        for pair in member.intervals.windows(2) {
            assert!(pair[0].until.is_some_and(|until| until < pair[1].from), "{user}: {:?}", member.intervals);
        }
    }
    if let Some(session) = &state.session {
        assert_eq!(session.status == SessionStatus::Active, session.agent.is_some() && session.ended_at.is_none());
        assert!(session.rating.is_none() || session.status == SessionStatus::Ended);
        // Overseers may have come in by posting; of the others only who has the session is in.
        let inside = state
            .members
            .iter()
            .filter(|(user, member)| user.kind == UserKind::Agent && **user != agent("boss") && member.is_active());
        let holder = session.agent.as_ref().filter(|_| session.status == SessionStatus::Active);
        assert!(holder.is_none_or(|holder| state.has_active(holder)));
        let inside: Vec<&User> = inside.map(|(user, _)| user).collect();
        let active = session.status == SessionStatus::Active;
        assert!(!active || inside.iter().all(|user| Some(*user) == holder), "{inside:?} besides {holder:?}");
    }
    check_customers(state);
    assert!(state.editable.len() <= EDITABLE_MESSAGES);
    assert!(state.editable.iter().zip(state.editable.iter().skip(1)).all(|(a, b)| a.seq < b.seq));
    assert!(state.editable.back().is_none_or(|last| last.seq <= state.seq));
}

/// A support conversation is one visitor's for good, and at most one person's besides, who sees what the visitor sees.
fn check_customers(state: &Conversation) {
    if state.id.kind() != ConversationKind::Support || !state.exists() {
        return;
    }
    assert_eq!(state.customer(), Some(&customer("v")));
    assert!(state.members.keys().filter(|user| user.kind == UserKind::Customer).count() <= 2);
    if let Some(person) = state.linked_person() {
        assert_eq!(state.members[person].intervals, state.members[&customer("v")].intervals);
    }
}

fn check_log(talk: &Talk) {
    let (mut rev, mut seq) = (0, 0);
    for outcome in &talk.log {
        for numbered in outcome.events() {
            rev += u64::from(numbered.event.takes_rev());
            seq += u64::from(numbered.event.takes_seq());
            assert_eq!((numbered.rev, numbered.seq), (rev, seq));
        }
        assert_eq!(outcome.rev, rev);
    }
    assert_eq!((talk.state.rev, talk.state.seq), (rev, seq));
}

fn check_replays(talk: &Talk, start: &Conversation) {
    let mut checkpoint = start.clone();
    for after in 0..=talk.log.len() {
        let mut replayed = checkpoint.clone();
        for outcome in &talk.log[after..] {
            replayed.apply(outcome).unwrap();
        }
        assert_eq!(replayed, talk.state);
        if let Some(outcome) = talk.log.get(after) {
            checkpoint.apply(outcome).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn support_conversations_keep_their_invariants(steps in steps(120)) {
        let talk = run(Talk::support(), &steps);
        check_log(&talk);
        check_replays(&talk, &Talk::support().state);
    }

    #[test]
    fn rooms_keep_theirs(steps in steps(80)) {
        let start = Talk::room(&[agent("a"), customer("v")]);
        let absent = Conversation::absent(tenant(), start.state.id);
        let talk = run(start, &steps);
        check_log(&talk);
        check_replays(&talk, &absent);
    }

    /// Devices and keys whose commands are delayed, repeated and reordered by the network.
    #[test]
    fn any_delivery_of_commands_has_each_effect_once(
        deliveries in vec((0_usize..4, 0_usize..8, 0_u64..400), 0..120),
        devices in 1_usize..4,
    ) {
        let mut talk = Talk::support();
        let mut sent: HashMap<(usize, usize), Answer> = HashMap::new();
        let deliver = |talk: &mut Talk, sent: &mut HashMap<(usize, usize), Answer>, sender: usize, index: usize| {
            let words = message(&format!("{sender}:{index}"));
            let identity = if sender < devices {
                let device = DeviceId::new(&format!("d{sender}")).unwrap();
                Identity::Device { device, n: u64::try_from(index).unwrap() + 1 }
            } else {
                Identity::Key(CommandKey::new(&format!("{sender}:{index}")).unwrap())
            };
            let answer = talk.submit(&talk.command(visitor(), Some(identity), words)).unwrap();
            match (answer, sent.get(&(sender, index))) {
                (Answer::Refused { refusal: Refusal::NotNext, .. }, None) => assert!(sender < devices),
                (answer, Some(known)) => assert_eq!(&answer, known, "the same command, the same answer"),
                (answer @ Answer::Accepted { .. }, None) => {
                    sent.insert((sender, index), answer);
                }
                (answer, None) => panic!("{answer:?}"),
            }
        };
        for (sender, index, pause_ms) in deliveries {
            talk.now.0 += pause_ms;
            deliver(&mut talk, &mut sent, sender, index);
        }
        // Whoever has no answer sends again, each device in its order, until all are answered.
        for sender in 0..4 {
            for index in 0..8 {
                deliver(&mut talk, &mut sent, sender, index);
            }
        }
        check_log(&talk);
        prop_assert_eq!(sent.len(), 32);
        prop_assert_eq!(talk.state.seq, 32);
        let mut said: HashMap<usize, Vec<usize>> = HashMap::new();
        for numbered in talk.events() {
            if let Event::Message { content: Content::Text(words), .. } = &numbered.event {
                let (sender, index) = words.split_once(':').unwrap();
                let (sender, index) = (sender.parse().unwrap(), index.parse().unwrap());
                let Answer::Accepted { seq, .. } = sent[&(sender, index)] else { panic!() };
                prop_assert_eq!(seq, Some(numbered.seq));
                said.entry(sender).or_default().push(index);
            }
        }
        for sender in 0..devices {
            prop_assert_eq!(&said[&sender], &(0..8).collect::<Vec<_>>(), "in the sender's order");
        }
        // Unread is the head minus the mark, and the visitor wrote everything.
        prop_assert_eq!(talk.state.unread(&customer("v")), 0);
    }
}
