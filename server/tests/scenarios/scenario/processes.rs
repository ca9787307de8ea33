//! Admins see what each process does and takes.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use crate::harness::api::Api;
use crate::harness::scene::{Broker, Scene};
use crate::harness::wait::eventually_within;

const PERFORMANCE: &str = "/api/metrics/performance";
const RESOURCES: &str = "/api/metrics/resources";
/// A process tells of itself every 5 seconds, and of what it did from its second report on. The rest is for a busy machine.
const WITHIN: Duration = Duration::from_secs(30);
const ROLES: [&str; 5] = ["archiver", "assigner", "edge", "reporter", "router"];

pub async fn what_processes_do_and_take_is_told(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut chat = scene.chat().await;
    for text in ["one", "two", "three"] {
        chat.visitor.say(&chat.id, text).await;
    }
    chat.agent.until_texts(&chat.id, &["hello", "one", "two", "three"]).await;
    let admin = &scene.admin.api;

    let every_role: BTreeSet<String> = ROLES.map(str::to_owned).into();
    for stage in ["kefu_owner_decided_seconds", "kefu_edge_delivered_seconds"] {
        let timing = told(admin, PERFORMANCE, stage, |processes| {
            let all = processes.iter().flat_map(|process| list(&process["timings"]));
            all.filter(|timing| timing["name"] == stage && count(timing) > 0)
                .max_by_key(|timing| count(timing))
                .cloned()
        })
        .await;
        let of = |field: &str| timing[field].as_f64().unwrap_or_else(|| panic!("no {field} in {timing}"));
        assert!(of("per_second") > 0.0 && of("p50_ms") > 0.0, "{timing}");
        assert!(of("p50_ms") <= of("p95_ms") && of("p95_ms") <= of("p99_ms"), "{timing}");
        assert_eq!(timing["unit"], "ms", "{timing}");
    }
    told(admin, PERFORMANCE, "decided messages", |processes| {
        let mut rates = processes.iter().flat_map(|process| list(&process["rates"]));
        rates
            .find(|rate| rate["name"] == "kefu_router_outcomes_total" && rate["per_second"].as_f64() > Some(0.0))
            .cloned()
    })
    .await;

    let processes = told(admin, RESOURCES, "a full report of every role", |processes| {
        let full = processes.iter().filter(|process| process["resources"]["cpu_cores"].as_f64() > Some(0.0));
        let roles: BTreeSet<String> = full.flat_map(roles).collect();
        (roles == every_role).then(|| processes.to_vec())
    })
    .await;
    let names: Vec<_> = processes.iter().filter_map(|process| process["name"].as_str()).collect();
    assert!(names.is_sorted() && names.len() == processes.len(), "{names:?}");
    if broker == Broker::Cluster {
        assert!(processes.len() >= ROLES.len(), "{names:?}");
    } else {
        assert_eq!(processes.len(), 1, "{names:?}");
    }
    for process in &processes {
        check_resources(process);
    }

    let agent = scene.agent("ann", 5).await;
    let supervisor = scene.staff("sup", "supervisor", 0).await;
    for path in [PERFORMANCE, RESOURCES] {
        for person in [&agent, &supervisor, &chat.visitor.person] {
            person.api.get(path).await.refused(StatusCode::FORBIDDEN, 1103);
        }
        scene.api().get(path).await.refused(StatusCode::UNAUTHORIZED, 4201);
    }
}

fn check_resources(process: &Value) {
    let resources = &process["resources"];
    let of = |field: &str| resources[field].as_u64().unwrap_or_else(|| panic!("no {field} in {process}"));
    assert!(of("memory_bytes") > 1_000_000 && of("threads") > 0, "{process}");
    assert!(of("open_files") > 0 && of("open_files") < of("open_files_limit"), "{process}");
    let has_clients = roles(process).any(|role| role == "edge");
    assert_eq!(resources["connections"].is_u64(), has_clients, "{process}");
    for field in ["name", "version", "started_at"] {
        assert!(process[field].as_str().is_some_and(|text| !text.is_empty()), "no {field} in {process}");
    }
}

/// Asks until the processes say what is looked for.
async fn told<T>(api: &Api, path: &str, what: &str, find: impl Fn(&[Value]) -> Option<T>) -> T {
    eventually_within(WITHIN, what, async || find(list(&api.get(path).await.ok()["processes"]))).await
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn count(timing: &Value) -> u64 {
    timing["count"].as_u64().unwrap_or_default()
}

fn roles(process: &Value) -> impl Iterator<Item = String> {
    list(&process["roles"]).iter().filter_map(|role| role.as_str().map(str::to_owned))
}
