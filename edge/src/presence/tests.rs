use std::sync::Arc;
use std::time::Duration;

use kefu_model::Role;
use kefu_model::allocation::AllocationCommand;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::EdgeConfig;
use crate::testing::{TestEdge, agent, config, tenant};

/// What allocation was told last.
fn told(edge: &TestEdge) -> Option<(Option<AgentStatus>, Option<bool>)> {
    edge.upstream.allocations.lock().last().and_then(|command| match command {
        AllocationCommand::Agent { status, present, .. } => Some((*status, *present)),
        _ => None,
    })
}

async fn until(edge: &TestEdge, wanted: (Option<AgentStatus>, Option<bool>)) {
    for _ in 0..800 {
        if told(edge) == Some(wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("told {:?}, not {wanted:?}", told(edge));
}

fn keeping(presence_linger_ms: u64) -> (TestEdge, CancellationToken) {
    let edge = TestEdge::new(EdgeConfig { presence_linger_ms, ..config() });
    let stop = CancellationToken::new();
    tokio::spawn(run(Arc::clone(&edge.services), stop.clone()));
    (edge, stop)
}

#[tokio::test]
async fn who_connects_is_here_and_who_leaves_is_gone_after_a_while() {
    let (edge, _stop) = keeping(50);
    let caller = agent("a1", Role::Agent);
    let desk = edge.connect(caller.clone()).await;
    until(&edge, (Some(AgentStatus::Online), Some(true))).await;
    let here = edge.services.live.presence(&tenant(), std::slice::from_ref(&caller.user.id)).await.unwrap();
    assert_eq!(here[0].as_ref().map(|here| here.status), Some(PresenceStatus::Online));
    desk.ended();
    until(&edge, (None, Some(false))).await;
    let gone = edge.services.live.presence(&tenant(), &[caller.user.id]).await.unwrap();
    assert!(gone[0].is_none());
}

#[tokio::test]
async fn a_reload_is_no_absence_and_keeps_the_status() {
    let (edge, _stop) = keeping(60_000);
    let caller = agent("a1", Role::Agent);
    let desk = edge.connect(caller.clone()).await;
    until(&edge, (Some(AgentStatus::Online), Some(true))).await;
    edge.services.presence.set_status(&caller, AgentStatus::Busy, None);
    until(&edge, (Some(AgentStatus::Busy), Some(true))).await;
    desk.ended();
    let _again = edge.connect(caller.clone()).await;
    assert_eq!(edge.services.status_of(&caller).await, AgentStatus::Busy);
    let absences = edge
        .upstream
        .allocations
        .lock()
        .iter()
        .any(|command| matches!(command, AllocationCommand::Agent { present: Some(false), .. }));
    assert!(!absences);
}

#[tokio::test]
async fn a_heartbeat_keeps_an_agent_without_a_socket() {
    let (edge, _stop) = keeping(10);
    let caller = agent("a1", Role::Agent);
    let until_ms = crate::clock::steady_ms() + 300;
    edge.services.presence.heartbeat(&caller, AgentStatus::Online, until_ms);
    until(&edge, (Some(AgentStatus::Online), Some(true))).await;
    until(&edge, (None, Some(false))).await;
    assert!(crate::clock::steady_ms() >= until_ms);
}
