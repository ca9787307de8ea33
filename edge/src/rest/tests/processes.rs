//! What processes do and take.

use kefu_nats::report::Heard;

use super::*;
use crate::clock::steady_ms;
use crate::testing::process_report;

const PATHS: [&str; 2] = ["/api/metrics/performance", "/api/metrics/resources"];

#[tokio::test]
async fn only_admins_see_the_processes() {
    let edge = TestEdge::new(config());
    let agent = login(&edge, "kefu001", Role::Agent).await;
    let supervisor = login(&edge, "kefu002", Role::Supervisor).await;
    let admin = login(&edge, "kefu003", Role::Admin).await;
    for path in PATHS {
        expect(&edge, request("GET", path, None, None), 401, 4201).await;
        for token in [&agent, &supervisor] {
            expect(&edge, request("GET", path, Some(token), None), 403, 1103).await;
        }
        let response = call(&edge, request("GET", path, Some(&admin), None)).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(json_of(response).await, json!({"processes": []}));
    }
}

#[tokio::test]
async fn processes_are_told_by_name_until_they_are_gone() {
    let edge = TestEdge::new(config());
    let admin = login(&edge, "kefu003", Role::Admin).await;
    let get = async |path: &str| json_of(call(&edge, request("GET", path, Some(&admin), None)).await).await;
    for name in ["b", "a"] {
        edge.services.processes.hear(Heard::Report(Box::new(process_report(name))), steady_ms());
    }
    let process = |name: &str| {
        json!({"name": name, "roles": ["edge"], "version": "1.2.3", "uptime_s": 7, "window_s": 60.0,
            "timings": [{"name": "kefu_edge_answer_seconds", "labels": {"kind": "chat"}, "unit": "ms", "count": 30,
                "per_second": 0.5, "p50_ms": 1.5, "p95_ms": 20.0, "p99_ms": 20.0, "at_least": ["p99"]}],
            "timings_left_out": 3, "rates": [{"name": "kefu_edge_frames_in_total", "per_second": 2.5}]})
    };
    assert_eq!(get(PATHS[0]).await, json!({"processes": [process("a"), process("b")]}));
    let process = |name: &str| {
        json!({"name": name, "roles": ["edge"], "version": "1.2.3", "started_at": "1970-01-01T00:00:01.000Z",
            "uptime_s": 7, "window_s": 60.0, "resources": {"cpu_cores": 0.25, "memory_bytes": 1_000_000, "connections": 4}})
    };
    assert_eq!(get(PATHS[1]).await, json!({"processes": [process("a"), process("b")]}));
    edge.services.processes.hear(Heard::Gone("a".to_owned()), steady_ms());
    assert_eq!(get(PATHS[1]).await, json!({"processes": [process("b")]}));
}
