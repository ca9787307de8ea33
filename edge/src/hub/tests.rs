use kefu_model::event::{Audience, QueueReason};
use kefu_model::{At, CommandHash, Content, Event, Identity, Numbered, Outcome, Role, User, Verdict};
use kefu_nats::view::Snapshot;

use super::*;
use crate::frame::{Attached, EventKind, ServerFrame};
use crate::machine::Following;
use crate::testing::{TestEdge, agent, config, customer, frames, tenant};

mod customers;

/// A support conversation whose owner is played by the test.
struct Played {
    state: Conversation,
    log: Vec<Arc<Outcome>>,
}

fn text(text: &str) -> Content {
    Content::Text(text.into())
}

impl Played {
    fn new(customer: &str) -> Self {
        let id = ConversationId::support(&tenant(), &kefu_model::UserId::new(customer).unwrap());
        Self { state: Conversation::absent(tenant(), id), log: Vec::new() }
    }

    fn happen(&mut self, identity: Option<Identity>, events: Vec<Event>) -> Arc<Outcome> {
        let mut numbered = Vec::new();
        for event in events {
            let next = Numbered {
                rev: self.state.rev + u64::from(event.takes_rev()),
                seq: self.state.seq + u64::from(event.takes_seq()),
                event,
            };
            self.state.apply_event(&next, At(1_000)).unwrap();
            numbered.push(next);
        }
        let outcome = Arc::new(Outcome {
            tenant: tenant(),
            conversation: self.state.id,
            identity,
            hash: CommandHash([0; 16]),
            at: At(1_000),
            rev: self.state.rev,
            verdict: Verdict::Accepted(numbered),
        });
        self.log.push(Arc::clone(&outcome));
        outcome
    }

    fn say(&mut self, by: &User, words: &str, audience: Audience) -> Arc<Outcome> {
        let event = Event::Message { by: Some(by.clone()), by_name: None, content: text(words), audience };
        self.happen(None, vec![event])
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(Snapshot { epoch: 1, conversation: self.state.clone() })
    }

    fn outcomes(&self, outcomes: Vec<Arc<Outcome>>) -> LinkEvent {
        LinkEvent::Outcomes { tenant: tenant(), conversation: self.state.id, epoch: 1, outcomes }
    }

    fn attached(&self, token: u64, missed: Vec<Arc<Outcome>>) -> LinkEvent {
        LinkEvent::Attached { token, tenant: tenant(), snapshot: self.snapshot(), recovered: true, missed }
    }

    /// A conversation of `c1` that `a1` has.
    fn served() -> Self {
        let mut played = Self::new("c1");
        let customer = customer("c1").user;
        let agent = agent("a1", Role::Agent).user;
        played.happen(None, vec![Event::Created { members: vec![(customer.clone(), None)] }]);
        played.happen(
            None,
            vec![
                Event::SessionOpened { session: 1 },
                Event::SessionQueued {
                    session: 1,
                    reason: QueueReason::Opened,
                    opened_at: At(1_000),
                    customer: customer.clone(),
                    name: None,
                },
            ],
        );
        played.say(&customer, "hello", Audience::All);
        let reason = "least loaded".to_owned();
        played.happen(None, vec![Event::SessionAssigned { session: 1, agent, name: None, reason }]);
        played
    }
}

fn follow(connection: &Arc<Connection>, conversation: ConversationId, cursor: Option<(u64, u64)>) {
    connection.services.hub.attach(connection, 1, vec![Following { conversation, cursor }]);
}

fn last_token(edge: &TestEdge) -> u64 {
    edge.upstream.attached.lock().last().expect("something was asked").token
}

fn attached_state(frame: &ServerFrame) -> Option<(u64, bool)> {
    match frame {
        ServerFrame::Attached { items, .. } => match &items[..] {
            [Attached::State(state)] => Some((state.rev, state.recovered)),
            _ => None,
        },
        _ => None,
    }
}

fn kinds(frame: &ServerFrame) -> Vec<&'static str> {
    let ServerFrame::Deliver { events, .. } = frame else { return Vec::new() };
    let kind = |kind: &EventKind| match kind {
        EventKind::Hidden => "hidden",
        EventKind::Message { .. } => "message",
        EventKind::SessionAssigned { .. } => "assigned",
        EventKind::MemberAdded { .. } => "member_added",
        _ => "other",
    };
    events.iter().map(|event| kind(&event.kind)).collect()
}

#[tokio::test]
async fn notes_are_hidden_from_customers_and_frames_are_shared() {
    let edge = TestEdge::new(config());
    let mut played = Played::served();
    let visitor = edge.connect(customer("c1")).await;
    let desk = edge.connect(agent("a1", Role::Agent)).await;
    let other_desk = edge.connect(agent("a1", Role::Agent)).await;
    for connection in [&visitor, &desk, &other_desk] {
        follow(connection, played.state.id, None);
        if edge.upstream.attached.lock().len() == 1 {
            edge.services.hub.take(played.attached(last_token(&edge), vec![]));
        }
        assert_eq!(attached_state(&frames(connection)[0]), Some((5, true)));
    }
    assert_eq!(edge.upstream.attached.lock().len(), 1, "the others were answered from what is known");
    let agent = agent("a1", Role::Agent).user;
    let note = played.say(&agent, "careful", Audience::Staff);
    let answer = played.say(&agent, "hi", Audience::All);
    edge.services.hub.take(played.outcomes(vec![note, answer]));
    assert_eq!(kinds(&frames(&visitor)[0]), ["hidden", "message"]);
    assert_eq!(kinds(&frames(&desk)[0]), ["message", "message"]);
    assert_eq!(kinds(&frames(&other_desk)[0]), ["message", "message"]);
    assert_eq!(edge.services.metrics.frames_encoded.get(), 2, "one per view");
}

#[tokio::test]
async fn a_resume_gets_what_was_missed_and_what_came_meanwhile_once() {
    let edge = TestEdge::new(config());
    let mut played = Played::served();
    let watcher = edge.connect(agent("a1", Role::Agent)).await;
    follow(&watcher, played.state.id, None);
    edge.services.hub.take(played.attached(last_token(&edge), vec![]));
    let customer_user = customer("c1").user;
    let visitor = edge.connect(customer("c1")).await;
    follow(&visitor, played.state.id, Some((1, 2)));
    let answer = played.attached(last_token(&edge), played.log.clone());
    let meanwhile = played.say(&customer_user, "still there?", Audience::All);
    edge.services.hub.take(played.outcomes(vec![meanwhile]));
    edge.services.hub.take(answer);
    let got = frames(&visitor);
    let revs: Vec<u64> = got
        .iter()
        .filter_map(|frame| match frame {
            ServerFrame::Deliver { events, .. } => Some(events.iter().map(|event| event.rev).collect::<Vec<_>>()),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(attached_state(&got[0]), Some((6, true)));
    assert_eq!(revs, [3, 4, 5, 6]);
    let next = played.say(&customer_user, "hello?", Audience::All);
    edge.services.hub.take(played.outcomes(vec![next]));
    assert_eq!(kinds(&frames(&visitor)[0]), ["message"]);
}

#[tokio::test]
async fn a_hole_in_what_was_missed_is_no_recovery() {
    let edge = TestEdge::new(config());
    let played = Played::served();
    let visitor = edge.connect(customer("c1")).await;
    follow(&visitor, played.state.id, Some((1, 2)));
    edge.services.hub.take(played.attached(last_token(&edge), played.log[2..].to_vec()));
    assert_eq!(attached_state(&frames(&visitor)[0]), Some((5, false)));
}

#[tokio::test]
async fn strangers_are_refused_and_customers_learn_nothing() {
    let edge = TestEdge::new(config());
    let played = Played::served();
    let cases = [(customer("c2"), 1201), (agent("a2", Role::Agent), 1101)];
    for (caller, code) in cases {
        let connection = edge.connect(caller).await;
        follow(&connection, played.state.id, None);
        edge.services.hub.take(played.attached(last_token(&edge), vec![]));
        let ServerFrame::Attached { items, .. } = &frames(&connection)[0] else { panic!("not attached") };
        assert!(matches!(items[..], [Attached::Error { error, .. }] if error == code), "{items:?}");
    }
    let overseer = edge.connect(agent("s1", Role::Supervisor)).await;
    follow(&overseer, played.state.id, None);
    assert!(attached_state(&frames(&overseer)[0]).is_some());
}

#[tokio::test]
async fn being_refused_takes_no_room_of_what_may_be_followed() {
    let edge = TestEdge::new(config());
    let played = Played::served();
    let visitor = edge.connect(customer("c1")).await;
    follow(&visitor, played.state.id, None);
    edge.services.hub.take(played.attached(last_token(&edge), vec![]));
    let stranger = edge.connect(customer("c2")).await;
    for conversation in [played.state.id, Played::new("nobody").state.id] {
        follow(&stranger, conversation, None);
        let absent = Played { state: Conversation::absent(tenant(), conversation), log: Vec::new() };
        let answer = if conversation == played.state.id { &played } else { &absent };
        edge.services.hub.take(answer.attached(last_token(&edge), vec![]));
        assert!(!stranger.follows(conversation), "whether it exists or not");
    }
}

#[tokio::test]
async fn who_came_in_a_moment_ago_is_not_refused_by_what_this_edge_knew() {
    let edge = TestEdge::new(config());
    let mut played = Played::served();
    let visitor = edge.connect(customer("c1")).await;
    follow(&visitor, played.state.id, None);
    edge.services.hub.take(played.attached(last_token(&edge), vec![]));
    frames(&visitor);
    let person = edge.connect(customer("c2")).await;
    let added = played.happen(None, vec![Event::MemberAdded { user: customer("c2").user }]);
    follow(&person, played.state.id, None);
    edge.services.hub.take(played.attached(last_token(&edge), vec![]));
    assert_eq!(attached_state(&frames(&person)[0]), Some((6, true)));
    edge.services.hub.take(played.outcomes(vec![added]));
    assert_eq!(kinds(&frames(&visitor)[0]), ["member_added"]);
    assert!(frames(&person).is_empty(), "they know already");
}

#[tokio::test]
async fn a_customer_follows_a_conversation_that_does_not_exist_yet() {
    let edge = TestEdge::new(config());
    let mut played = Played::new("c1");
    let visitor = edge.connect(customer("c1")).await;
    follow(&visitor, played.state.id, None);
    edge.services.hub.take(played.attached(last_token(&edge), vec![]));
    assert_eq!(attached_state(&frames(&visitor)[0]), Some((0, true)));
    let customer_user = customer("c1").user;
    let created = played.happen(None, vec![Event::Created { members: vec![(customer_user.clone(), None)] }]);
    let first = played.say(&customer_user, "hello", Audience::All);
    edge.services.hub.take(played.outcomes(vec![created, first]));
    assert_eq!(kinds(&frames(&visitor)[0]), ["hidden", "message"]);
}

#[tokio::test]
async fn who_left_sees_placeholders_and_reasons_are_for_staff() {
    let edge = TestEdge::new(config());
    let mut played = Played::served();
    let visitor = edge.connect(customer("c1")).await;
    let desk = edge.connect(agent("a1", Role::Agent)).await;
    follow(&visitor, played.state.id, None);
    edge.services.hub.take(played.attached(last_token(&edge), vec![]));
    follow(&desk, played.state.id, None);
    frames(&visitor);
    frames(&desk);
    let (from, to) = (agent("a1", Role::Agent).user, agent("a2", Role::Agent).user);
    let reason = "picked".to_owned();
    let moved = played
        .happen(None, vec![Event::SessionTransferred { session: 1, from, agent: to.clone(), name: None, reason }]);
    let said = played.say(&to, "I am new here", Audience::All);
    edge.services.hub.take(played.outcomes(vec![moved, said]));
    assert_eq!(kinds(&frames(&desk)[0]), ["other", "hidden"]);
    let ServerFrame::Deliver { events, .. } = &frames(&visitor)[0] else { panic!("nothing delivered") };
    assert!(matches!(events[0].kind, EventKind::SessionTransferred { reason: None, .. }));
}

#[tokio::test]
async fn only_the_sending_device_sees_its_number() {
    let edge = TestEdge::new(config());
    let mut played = Played::served();
    let first = edge.connect(customer("c1")).await;
    let second = edge.connect(customer("c1")).await;
    follow(&first, played.state.id, None);
    edge.services.hub.take(played.attached(last_token(&edge), vec![]));
    follow(&second, played.state.id, None);
    frames(&first);
    frames(&second);
    let device = first.joined().unwrap().internal_device.clone();
    let by = Some(customer("c1").user);
    let event = Event::Message { by, by_name: None, content: text("x"), audience: Audience::All };
    let outcome = played.happen(Some(Identity::Device { device, n: 7 }), vec![event]);
    edge.services.hub.take(played.outcomes(vec![outcome]));
    let numbers: Vec<Option<u64>> = [&first, &second]
        .map(|connection| match &frames(connection)[0] {
            ServerFrame::Deliver { events, .. } => match &events[0].kind {
                EventKind::Message { n, device, .. } => {
                    assert_eq!(n.is_some(), device.is_some());
                    *n
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        })
        .into();
    assert_eq!(numbers, [Some(7), None]);
}

#[tokio::test]
async fn a_hole_in_the_stream_is_asked_for() {
    let edge = TestEdge::new(config());
    let mut played = Played::served();
    let visitor = edge.connect(customer("c1")).await;
    follow(&visitor, played.state.id, None);
    edge.services.hub.take(played.attached(last_token(&edge), vec![]));
    frames(&visitor);
    let by = customer("c1").user;
    let lost = played.say(&by, "lost", Audience::All);
    let seen = played.say(&by, "seen", Audience::All);
    edge.services.hub.take(played.outcomes(vec![Arc::clone(&seen)]));
    assert!(frames(&visitor).is_empty());
    assert_eq!(edge.upstream.attached.lock().len(), 2);
    edge.services.hub.take(played.attached(last_token(&edge), vec![lost, seen]));
    assert_eq!(kinds(&frames(&visitor)[0]), ["message", "message"]);
}

#[tokio::test]
async fn typing_shows_previews_to_agents_only() {
    let mut edge = TestEdge::new(config());
    let played = Played::served();
    let visitor = edge.connect(customer("c1")).await;
    let desk = edge.connect(agent("a1", Role::Agent)).await;
    follow(&visitor, played.state.id, None);
    edge.services.hub.take(played.attached(last_token(&edge), vec![]));
    follow(&desk, played.state.id, None);
    frames(&visitor);
    frames(&desk);
    while edge.notices.try_recv().is_ok() {}
    edge.services.hub.typing(&visitor, played.state.id, true, Some("I wonder".into()));
    let notice = edge.notices.try_recv().unwrap();
    edge.services.hub.take(LinkEvent::Notice(notice));
    assert!(frames(&visitor).is_empty());
    assert!(matches!(&frames(&desk)[..], [ServerFrame::Typing { preview: Some(text), .. }] if text == "I wonder"));
    let stranger = edge.connect(customer("c2")).await;
    edge.services.hub.typing(&stranger, played.state.id, true, None);
    assert!(!matches!(edge.notices.try_recv(), Ok(Notice::Typing { .. })));
}

#[tokio::test]
async fn notices_reach_whom_they_concern() {
    let edge = TestEdge::new(config());
    let played = Played::served();
    let visitor = edge.connect(customer("c1")).await;
    let desk = edge.connect(agent("a1", Role::Agent)).await;
    follow(&visitor, played.state.id, None);
    edge.services.hub.take(played.attached(last_token(&edge), vec![]));
    frames(&visitor);
    frames(&desk);
    let place = kefu_model::allocation::QueuePlace { position: 2, estimate_s: Some(30) };
    let places = vec![(played.state.id, place)];
    edge.services.hub.take(LinkEvent::Notice(Notice::Places { tenant: tenant(), places, waiting: 3 }));
    assert!(matches!(frames(&visitor)[..], [ServerFrame::Queue { position: 2, waiting: 3, .. }]));
    assert!(matches!(frames(&desk)[..], [ServerFrame::Waiting { waiting: 3 }]));
    let user = desk.joined().unwrap().caller.user.clone();
    let added = Notice::Added { tenant: tenant(), user: user.clone(), conversation: played.state.id };
    edge.services.hub.take(LinkEvent::Notice(added));
    assert!(matches!(frames(&desk)[..], [ServerFrame::Added { .. }]));
    let other = Notice::Revoked { tenant: tenant(), user: user.clone(), session: Some("00".into()) };
    edge.services.hub.take(LinkEvent::Notice(other));
    assert!(!desk.is_closed());
    let hash = crate::auth::hex(&[7; 32]);
    edge.services.hub.take(LinkEvent::Notice(Notice::Revoked { tenant: tenant(), user, session: Some(hash) }));
    assert!(desk.is_closed());
    assert_eq!(desk.mailbox.closed_with(), Some(Code::Revoked));
}

#[tokio::test]
async fn marks_are_shown_once_per_member_and_batch() {
    let edge = TestEdge::new(config());
    let mut played = Played::served();
    let visitor = edge.connect(customer("c1")).await;
    follow(&visitor, played.state.id, None);
    edge.services.hub.take(played.attached(last_token(&edge), vec![]));
    frames(&visitor);
    let user = agent("a1", Role::Agent).user;
    let first = played.happen(None, vec![Event::Marked { user: user.clone(), read: 0, delivered: 1 }]);
    let second = played.happen(None, vec![Event::Marked { user, read: 1, delivered: 1 }]);
    edge.services.hub.take(played.outcomes(vec![first, second]));
    assert!(matches!(frames(&visitor)[..], [ServerFrame::Marks { read: 1, delivered: 1, .. }]));
}

#[tokio::test]
async fn what_nobody_follows_is_let_go_after_a_while() {
    let edge = TestEdge::new(config());
    let played = Played::served();
    let visitor = edge.connect(customer("c1")).await;
    follow(&visitor, played.state.id, None);
    edge.services.hub.take(played.attached(last_token(&edge), vec![]));
    let now = crate::clock::steady_ms();
    edge.services.hub.sweep(now + 60_000);
    assert!(edge.upstream.detached.lock().is_empty());
    visitor.ended();
    edge.services.hub.sweep(now);
    assert!(edge.upstream.detached.lock().is_empty(), "a reload may bring it back");
    edge.services.hub.sweep(now + 60_000);
    assert_eq!(*edge.upstream.detached.lock(), [played.state.id]);
}

#[tokio::test]
async fn a_user_has_a_limited_number_of_connections() {
    let edge = TestEdge::new(EdgeConfig { connections_per_user: 1, ..config() });
    let _first = edge.connect(customer("c1")).await;
    let second = edge.connect(customer("c1")).await;
    assert!(second.is_closed());
    assert_eq!(second.mailbox.closed_with(), Some(Code::TooManyConnections));
}
