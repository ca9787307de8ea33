use kefu_model::{At, Conversation, ConversationId, Event, Numbered, Role, UserId};
use kefu_nats::view::{AllocationView, Snapshot};

use super::*;
use crate::connection::Connection;
use crate::frame::ServerFrame;
use crate::testing::{TestEdge, agent, config, customer, frames, tenant};

fn held(customer: &str, agent: &str, active: bool) -> HeldView {
    let customer = UserId::new(customer).unwrap();
    HeldView {
        conversation: ConversationId::support(&tenant(), &customer),
        session: 1,
        customer,
        name: None,
        agent: UserId::new(agent).unwrap(),
        opened_at: At(7),
        active,
        reason: (!active).then(|| "least loaded".to_owned()),
    }
}

fn shows(edge: &TestEdge, held: Vec<HeldView>) {
    *edge.upstream.view.lock() = Ok(AllocationView { held, ..AllocationView::default() });
}

fn added(connection: &Connection) -> Vec<String> {
    let id = |frame| if let ServerFrame::Added { conversation } = frame { Some(conversation) } else { None };
    frames(connection).into_iter().filter_map(id).collect()
}

/// Makes an agent a member.
fn join(edge: &TestEdge, conversation: ConversationId, user: User) {
    let mut state = Conversation::absent(tenant(), conversation);
    let created = Event::Created { members: vec![(customer("c2").user, None), (user, None)] };
    state.apply_event(&Numbered { rev: 1, seq: 0, event: created }, At(1)).unwrap();
    edge.upstream.snapshots.lock().insert(conversation, Arc::new(Snapshot { epoch: 1, conversation: state }));
}

#[tokio::test]
async fn an_agent_here_is_told_of_what_nobody_told() {
    let edge = TestEdge::new(config());
    let (mine, others) = (held("c1", "a1", true), held("c9", "a9", true));
    let desk = edge.connect(agent("a1", Role::Agent)).await;
    let other = edge.connect(agent("a2", Role::Agent)).await;
    let visitor = edge.connect(customer("c1")).await;
    shows(&edge, vec![mine.clone(), others]);
    assert!(tell_all(&edge.services).await);
    assert_eq!(added(&desk), [mine.conversation.to_string()]);
    assert!(added(&other).is_empty() && added(&visitor).is_empty());

    desk.followed().lock().insert(mine.conversation);
    assert!(tell_all(&edge.services).await);
    assert!(added(&desk).is_empty(), "who follows it knows it");
}

#[tokio::test]
async fn a_reservation_is_told_once_the_conversation_has_confirmed_it() {
    let edge = TestEdge::new(config());
    let reserved = held("c2", "a1", false);
    let desk = edge.connect(agent("a1", Role::Agent)).await;
    shows(&edge, vec![reserved.clone()]);
    assert!(tell_all(&edge.services).await);
    assert!(added(&desk).is_empty(), "its notice is still to come");
    join(&edge, reserved.conversation, agent("a1", Role::Agent).user);
    assert!(tell_all(&edge.services).await);
    assert_eq!(added(&desk), [reserved.conversation.to_string()]);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_answers_it_is_asked_again() {
    let edge = TestEdge::new(config());
    let desk = edge.connect(agent("a1", Role::Agent)).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(run(Arc::clone(&edge.services), stop.clone()));
    *edge.upstream.view.lock() = Err(Refusal::NoAnswer);
    edge.services.newcomers.missed();
    sleep(Duration::from_millis(100)).await;
    assert!(added(&desk).is_empty());
    shows(&edge, vec![held("c1", "a1", true)]);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(added(&desk).len(), 1);
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn many_losses_are_few_looks() {
    let edge = TestEdge::new(config());
    let _desk = edge.connect(agent("a1", Role::Agent)).await;
    let asked_before = edge.upstream.views_asked.load(std::sync::atomic::Ordering::Relaxed);
    let running = tokio::spawn(run(Arc::clone(&edge.services), CancellationToken::new()));
    for _ in 0..100 {
        edge.services.newcomers.missed();
        sleep(Duration::from_millis(10)).await;
    }
    let asked = edge.upstream.views_asked.load(std::sync::atomic::Ordering::Relaxed) - asked_before;
    assert!((1..=3).contains(&asked), "{asked}");
    running.abort();
}
