use kefu_model::{Refusal, UserId};
use kefu_nats::view::AgentView;

use super::*;
use crate::testing::{TestEdge, config, tenant};

fn view(agents: &[(AgentStatus, u16)]) -> AllocationView {
    let agents = agents.iter().enumerate().map(|(index, (status, capacity))| AgentView {
        id: UserId::new(&format!("a{index}")).unwrap(),
        name: None,
        status: *status,
        capacity: *capacity,
        load: 0,
    });
    AllocationView { agents: agents.collect(), ..AllocationView::default() }
}

#[test]
fn who_is_online_or_busy_and_has_capacity_takes_chats() {
    use AgentStatus::{Away, Busy, Offline, Online};
    assert_eq!(Service::of(&view(&[])), Service::Away);
    assert_eq!(Service::of(&view(&[(Away, 5), (Offline, 5), (Online, 0)])), Service::Away);
    assert_eq!(Service::of(&view(&[(Offline, 5), (Busy, 1)])), Service::Online);
    assert_eq!(Service::of(&view(&[(Online, 5)])), Service::Online);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_visitors_ask_allocation_once() {
    let edge = TestEdge::new(config());
    let asked = || edge.upstream.views_asked.load(std::sync::atomic::Ordering::Relaxed);
    let tenant = tenant();
    let all = futures::future::join_all((0..1_000).map(|_| service(&edge.services, &tenant))).await;
    assert!(all.iter().all(|service| *service == Service::Away));
    assert_eq!(asked(), 1);
    *edge.upstream.view.lock() = Ok(view(&[(AgentStatus::Online, 5)]));
    assert_eq!(service(&edge.services, &tenant).await, Service::Away, "an answer counts for a while");
    tokio::time::advance(FRESH).await;
    assert_eq!(service(&edge.services, &tenant).await, Service::Online);
    assert_eq!(asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn while_allocation_does_not_answer_what_was_known_counts() {
    let edge = TestEdge::new(config());
    *edge.upstream.view.lock() = Err(Refusal::NoAnswer);
    assert_eq!(service(&edge.services, &tenant()).await, Service::Online, "nobody knows");
    *edge.upstream.view.lock() = Ok(AllocationView::default());
    tokio::time::advance(FRESH).await;
    assert_eq!(service(&edge.services, &tenant()).await, Service::Away);
    *edge.upstream.view.lock() = Err(Refusal::NoAnswer);
    tokio::time::advance(FRESH).await;
    assert_eq!(service(&edge.services, &tenant()).await, Service::Away);
}
