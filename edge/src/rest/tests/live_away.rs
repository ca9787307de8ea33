//! What is answered while `live` is away.

use std::time::{Duration, Instant};

use kefu_live::{Fault, Live};

use super::*;

async fn ready(edge: &TestEdge) -> (StatusCode, String) {
    let response = call(edge, request("GET", "/readyz", None, None)).await;
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn an_edge_is_ready_without_live_and_says_what_is_wrong() {
    let (edge, live) = TestEdge::with_faults(config());
    let (status, lines) = ready(&edge).await;
    assert_eq!((status, lines.contains("live: ok")), (StatusCode::OK, true), "{lines}");
    live.fail();
    let (status, lines) = ready(&edge).await;
    assert_eq!(status, StatusCode::OK, "{lines}");
    assert!(lines.contains("live: live state is not available"), "{lines}");
    let response = call(&edge, request("GET", "/api/system/health", None, None)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(json_of(response).await["status"], "degraded");
    live.set_plan(|_| Some(Fault::Slow(Duration::from_secs(60))));
    let asked = Instant::now();
    let (status, lines) = ready(&edge).await;
    assert!(asked.elapsed() < Duration::from_secs(30));
    assert_eq!((status, lines.contains("live: no answer in time")), (StatusCode::OK, true), "{lines}");
    // What is needed still counts.
    edge.services.leaving.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(ready(&edge).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn what_nobody_knows_is_left_out() {
    let (edge, live) = TestEdge::with_faults(config());
    let boss = login(&edge, "boss", Role::Admin).await;
    let paths = ["/api/users?type=kefu", "/api/users/boss"];
    let told = async |path| {
        let body = json_of(call(&edge, request("GET", path, Some(&boss), None)).await).await;
        let user = if body["items"].is_array() { body["items"][0].clone() } else { body };
        assert_eq!(user["username"], "boss", "{path}: {user}");
        [user["online"].as_bool().map(|online| online.to_string()), user["status"].as_str().map(ToOwned::to_owned)]
    };
    for path in paths {
        assert_eq!(told(path).await, [Some("false".to_owned()), Some("offline".to_owned())], "{path}");
    }
    live.fail();
    for path in paths {
        assert_eq!(told(path).await, [None, None], "{path}");
    }
    let customer = crate::testing::customer("c1").user;
    let conversation = kefu_model::ConversationId::support(&tenant(), &customer.id);
    let mut state = kefu_model::Conversation::absent(tenant(), conversation);
    let member = kefu_model::conversation::Member { name: None, intervals: Vec::new(), read: 0, delivered: 0 };
    state.members.insert(customer.clone(), member);
    let info = users::customer_info(&edge.services, &tenant(), &customer.id, Some(&state)).await.unwrap();
    assert_eq!(info.online, None);
}

#[tokio::test]
async fn who_comes_back_during_a_cleanup_is_not_gone() {
    let (edge, live) = TestEdge::with_faults(config());
    let boss = login(&edge, "boss", Role::Admin).await;
    let lease = |agent| kefu_live::PresenceLease {
        tenant: tenant(),
        agent: kefu_model::UserId::new(agent).unwrap(),
        edge: kefu_live::EdgeId::new("other"),
        status: kefu_live::PresenceStatus::Online,
        status_at_ms: 1,
        ttl: Duration::from_secs(600),
    };
    for agent in ["a1", "a2"] {
        let lease = lease(agent);
        live.renew_presence(lease.clone()).await.unwrap();
        live.release_presence(&lease.tenant, &lease.agent, &lease.edge).await.unwrap();
    }
    let (looking, looked) = tokio::sync::oneshot::channel();
    let mut looking = Some(looking);
    live.set_plan(move |method| {
        (method == "presence").then(|| {
            looking.take().map(|looking| looking.send(()));
            Fault::Slow(Duration::from_millis(300))
        })
    });
    let cleanup = call(&edge, request("POST", "/api/kefu/cleanup", Some(&boss), None));
    let back = async {
        looked.await.unwrap();
        live.renew_presence(lease("a1")).await.unwrap();
    };
    let (answer, ()) = tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(cleanup, back) })
        .await
        .expect("leases are looked at before anybody is told gone");
    assert_eq!(json_of(answer).await["expired"], json!(["a2"]));
}
