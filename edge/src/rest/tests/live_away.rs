//! What is answered while `live` is away.

use std::time::{Duration, Instant};

use kefu_live::Fault;

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
    edge.services.draining.store(true, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(ready(&edge).await.0, StatusCode::SERVICE_UNAVAILABLE);
}
