use kefu_live::{EdgeId, Fault, PresenceLease, PresenceStatus};
use kefu_model::At;

use super::*;
use crate::testing::{TestEdge, config, customer, failing, tenant};

/// Notes that so many connections went.
fn went(edge: &TestEdge, count: usize) {
    for number in 0..count {
        let wish = Wish::Unregister(tenant());
        edge.services.registry.wishes.lock().wish(format!("gone-{number}"), wish, count);
    }
}

fn count(calls: &Mutex<Vec<&'static str>>, method: &str) -> usize {
    calls.lock().iter().filter(|call| **call == method).count()
}

fn connection(id: &str, edge: &EdgeId) -> kefu_live::Connection {
    kefu_live::Connection {
        tenant: tenant(),
        id: id.into(),
        user: customer("c1").user,
        edge: edge.clone(),
        device: "d".into(),
        connected_at: At(0),
        transport: "websocket".into(),
        client: None,
        address: None,
    }
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_renewed_while_wishes_take_long() {
    let (edge, live) = TestEdge::with_faults(config());
    let renewed = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&renewed);
    live.set_plan(move |method| {
        noted.lock().push(method);
        (method == "unregister").then_some(Fault::Slow(Duration::from_secs(40)))
    });
    went(&edge, 5 * AT_A_TIME);
    tokio::spawn(run(Arc::clone(&edge.services), CancellationToken::new()));
    sleep(Duration::from_secs(65)).await;
    assert!(count(&renewed, "renew_edge") >= 6, "{}", count(&renewed, "renew_edge"));
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_the_batch_and_what_is_left_waits() {
    let (edge, live) = TestEdge::with_faults(config());
    let calls = failing(&live, &["unregister", "renew_edge"]);
    let wishes = 10 * AT_A_TIME;
    went(&edge, wishes);
    tokio::spawn(run(Arc::clone(&edge.services), CancellationToken::new()));
    sleep(Duration::from_millis(500)).await;
    assert_eq!((count(&calls, "unregister"), count(&calls, "renew_edge")), (AT_A_TIME, 1));
    sleep(Duration::from_secs(60)).await;
    assert!(count(&calls, "unregister") <= 20 * AT_A_TIME, "pauses grow: {}", count(&calls, "unregister"));
    let calls = failing(&live, &[]);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(count(&calls, "unregister"), wishes, "all, and each once");
}

#[tokio::test(start_paused = true)]
async fn when_too_many_went_the_registry_is_compared_and_presence_stays() {
    let (edge, live) = TestEdge::with_faults(config());
    let own = &edge.services.edge_id;
    let here = edge.connect(customer("c2")).await;
    let other = EdgeId::new("other");
    for (id, of) in [("ghost", own), ("there", &other)] {
        live.renew_edge(of, LEASE).await.unwrap();
        live.register(connection(id, of)).await.unwrap();
    }
    let lease = PresenceLease {
        tenant: tenant(),
        agent: kefu_model::UserId::new("a1").unwrap(),
        edge: own.clone(),
        status: PresenceStatus::Online,
        status_at_ms: 1,
        ttl: LEASE,
    };
    live.renew_presence(lease.clone()).await.unwrap();
    edge.services.registry.wishes.lock().give_up();
    live.fail();
    tokio::spawn(run(Arc::clone(&edge.services), CancellationToken::new()));
    sleep(Duration::from_secs(3)).await;
    live.heal();
    sleep(Duration::from_secs(10)).await;
    let mut found = Vec::new();
    for id in ["ghost", "there", &here.id] {
        found.push(live.connection(&tenant(), id).await.unwrap().is_some());
    }
    assert_eq!(found, [false, true, true]);
    assert!(live.presence(&tenant(), &[lease.agent]).await.unwrap()[0].is_some());
}

#[tokio::test(start_paused = true)]
async fn a_memory_that_was_lost_is_filled_again() {
    let (edge, live) = TestEdge::with_faults(config());
    let here = edge.connect(customer("c2")).await;
    tokio::spawn(run(Arc::clone(&edge.services), CancellationToken::new()));
    sleep(Duration::from_secs(1)).await;
    assert!(live.connection(&tenant(), &here.id).await.unwrap().is_some());
    live.forget();
    sleep(LEASE / 3).await;
    assert!(live.connection(&tenant(), &here.id).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_live_that_hangs() {
    let (edge, live) = TestEdge::with_faults(config());
    live.set_plan(|_| Some(Fault::Slow(Duration::from_secs(600))));
    let stop = CancellationToken::new();
    stop.cancel();
    let began = tokio::time::Instant::now();
    run(Arc::clone(&edge.services), stop).await;
    assert!(began.elapsed() <= FORGET_WITHIN + Duration::from_secs(1));
}
