//! Histories while the archive is behind the owner.

use std::sync::Arc;

use kefu_model::event::QueueReason;
use kefu_model::{At, Conversation, ConversationId, Event, Numbered, User, UserId};
use kefu_nats::view::Snapshot;
use kefu_store::{LogBatch, Stamp, StateRow};

use super::*;

/// Lets events happen to a conversation.
fn happen(state: &mut Conversation, events: Vec<Event>) {
    for event in events {
        let rev = state.rev + u64::from(event.takes_rev());
        state.apply_event(&Numbered { rev, seq: state.seq, event }, At(1_000)).unwrap();
    }
}

#[tokio::test]
async fn who_came_in_after_the_archived_state_may_look() {
    let edge = TestEdge::new(config());
    let (ann, bob) = (login(&edge, "ann", Role::Agent).await, login(&edge, "bob", Role::Agent).await);
    let customer = User::customer(UserId::new("c1").unwrap());
    let id = ConversationId::support(&tenant(), &customer.id);
    let mut state = Conversation::absent(tenant(), id);
    let queued = Event::SessionQueued {
        session: 1,
        reason: QueueReason::Opened,
        opened_at: At(1_000),
        customer: customer.clone(),
        name: None,
    };
    let created = Event::Created { members: vec![(customer, None)] };
    happen(&mut state, vec![created, Event::SessionOpened { session: 1 }, queued]);
    let archived = StateRow { state: state.clone(), stamp: Stamp::new(1, 1).unwrap() };
    edge.services
        .store
        .write_log_batch(LogBatch { states: vec![archived], ..LogBatch::default() }.into())
        .await
        .unwrap();
    let agent = User::agent(UserId::new("ann").unwrap());
    let assigned = Event::SessionAssigned { session: 1, agent, name: None, reason: "least loaded".into() };
    let archived_rev = state.rev;
    happen(&mut state, vec![assigned]);
    let snapshot = Arc::new(Snapshot { epoch: 1, conversation: state });
    edge.upstream.snapshots.lock().insert(id, snapshot);

    let path = format!("/api/v1/chat/messages?conversation_id={id}");
    let response = call(&edge, request("GET", &path, Some(&ann), None)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let page = json_of(response).await;
    assert_eq!(page["rev"], archived_rev, "what came after is attached: {page}");
    expect(&edge, request("GET", &path, Some(&bob), None), 404, 1201).await;
}
