use kefu_live::{EdgeId, Fault};
use kefu_model::At;

use super::*;
use crate::EdgeConfig;
use crate::testing::{TestEdge, config, customer, tenant};

const LINGER_MS: u64 = 400;

fn keeping() -> (TestEdge, CancellationToken) {
    let edge = TestEdge::new(EdgeConfig { customer_linger_ms: LINGER_MS, ..config() });
    let stop = CancellationToken::new();
    tokio::spawn(run(Arc::clone(&edge.services), stop.clone()));
    (edge, stop)
}

/// The next thing that is told, of one customer: who, and whether they came.
async fn next(edge: &mut TestEdge) -> (String, bool) {
    let notice = tokio::time::timeout(Duration::from_secs(10), edge.notices.recv()).await.unwrap().unwrap();
    let Notice::Customers { online, offline, .. } = notice else { panic!("{notice:?}") };
    match (&online[..], &offline[..]) {
        ([one], []) => (one.to_string(), true),
        ([], [one]) => (one.to_string(), false),
        _ => panic!("{online:?} {offline:?}"),
    }
}

#[tokio::test]
async fn the_first_connection_and_the_end_of_the_last_are_told() {
    let (mut edge, _stop) = keeping();
    let first = edge.connect(customer("c1")).await;
    assert_eq!(next(&mut edge).await, ("c1".into(), true));
    let second = edge.connect(customer("c1")).await;
    first.ended();
    let began = Instant::now();
    second.ended();
    assert_eq!(next(&mut edge).await, ("c1".into(), false));
    assert!(began.elapsed() >= Duration::from_millis(LINGER_MS));
}

#[tokio::test]
async fn who_comes_back_soon_or_is_elsewhere_has_not_left() {
    let (mut edge, _stop) = keeping();
    let reloading = edge.connect(customer("c1")).await;
    assert_eq!(next(&mut edge).await, ("c1".into(), true));
    let elsewhere = edge.connect(customer("c2")).await;
    assert_eq!(next(&mut edge).await, ("c2".into(), true));
    let other = EdgeId::new("other");
    edge.services.live.renew_edge(&other, Duration::from_secs(60)).await.unwrap();
    let connection = kefu_live::Connection {
        tenant: tenant(),
        id: "there".into(),
        user: customer("c2").user,
        edge: other,
        device: "d".into(),
        connected_at: At(0),
        transport: "websocket".into(),
        client: None,
        address: None,
    };
    edge.services.live.register(connection).await.unwrap();
    reloading.ended();
    elsewhere.ended();
    let _back = edge.connect(customer("c1")).await;
    assert_eq!(next(&mut edge).await, ("c1".into(), true));
    // What is told next is of somebody who left later than both.
    let last = edge.connect(customer("c3")).await;
    assert_eq!(next(&mut edge).await, ("c3".into(), true));
    last.ended();
    assert_eq!(next(&mut edge).await, ("c3".into(), false));
}

#[tokio::test]
async fn who_is_here_contradicts_that_they_left() {
    let (mut edge, _stop) = keeping();
    let _visitor = edge.connect(customer("c1")).await;
    assert_eq!(next(&mut edge).await, ("c1".into(), true));
    let left = ["c1", "c2"].map(|id| UserId::new(id).unwrap());
    contradict(&edge.services, &tenant(), &left);
    assert_eq!(next(&mut edge).await, ("c1".into(), true));
}

#[tokio::test(start_paused = true)]
async fn nobody_left_in_a_memory_that_was_just_lost() {
    let (mut edge, live) = TestEdge::with_faults(EdgeConfig { customer_linger_ms: 0, ..config() });
    tokio::time::advance(limits::LEASE).await;
    tokio::spawn(run(Arc::clone(&edge.services), CancellationToken::new()));
    let visitor = edge.connect(customer("c1")).await;
    assert_eq!(next(&mut edge).await, ("c1".into(), true));
    live.forget();
    visitor.ended();
    tokio::time::sleep(limits::LEASE - Duration::from_secs(1)).await;
    assert!(edge.notices.try_recv().is_err());
    assert_eq!(next(&mut edge).await, ("c1".into(), false));
}

#[tokio::test(start_paused = true)]
async fn who_came_does_not_wait_for_look_ups_of_who_left() {
    let (mut edge, live) = TestEdge::with_faults(EdgeConfig { customer_linger_ms: 0, ..config() });
    live.set_plan(|method| (method == "online").then_some(Fault::Slow(Duration::from_secs(600))));
    edge.services.customers.left(&tenant(), &customer("c1").user.id);
    edge.services.customers.came(&tenant(), &customer("c2").user.id);
    tokio::spawn(run(Arc::clone(&edge.services), CancellationToken::new()));
    assert_eq!(next(&mut edge).await, ("c2".into(), true));
}
