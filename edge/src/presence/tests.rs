use std::sync::Arc;
use std::time::Duration;

use kefu_live::{Faulty, Live, PresenceLease, PresenceStatus};
use kefu_model::Role;
use kefu_model::allocation::AllocationCommand;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::EdgeConfig;
use crate::testing::{TestEdge, agent, config, failing, tenant};

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
    assert_eq!(edge.services.status_of(&caller).await.status, AgentStatus::Busy);
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
    edge.services.presence.heartbeat(&caller, Chosen::ONLINE, until_ms);
    until(&edge, (Some(AgentStatus::Online), Some(true))).await;
    until(&edge, (None, Some(false))).await;
    assert!(crate::clock::steady_ms() >= until_ms);
}

/// The same with a `live` that fails as the test likes, and leases of that length.
fn keeping_with_faults(presence_ttl_ms: u64) -> (TestEdge, Arc<Faulty>, CancellationToken) {
    let config = EdgeConfig { presence_linger_ms: 10, presence_ttl_ms, ..config() };
    let (edge, live) = TestEdge::with_faults(config);
    let stop = CancellationToken::new();
    tokio::spawn(run(Arc::clone(&edge.services), stop.clone()));
    (edge, live, stop)
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1_600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("not so: {what}");
}

#[tokio::test]
async fn allocation_is_told_while_live_is_away_and_the_lease_is_made_later() {
    let (edge, live, _stop) = keeping_with_faults(30_000);
    let calls = failing(&live, &["renew_presence"]);
    let caller = agent("a1", Role::Agent);
    let _desk = edge.connect(caller.clone()).await;
    until(&edge, (Some(AgentStatus::Online), Some(true))).await;
    eventually("the lease is tried again", async || calls.lock().len() > 1).await;
    live.heal();
    let here = async || live.presence(&tenant(), std::slice::from_ref(&caller.user.id)).await.unwrap()[0].is_some();
    eventually("there is a lease", here).await;
    assert_eq!(edge.upstream.allocations.lock().len(), 1, "told once");
}

#[tokio::test]
async fn nobody_is_gone_while_it_cannot_be_looked_up() {
    let (edge, live, _stop) = keeping_with_faults(100);
    let desk = edge.connect(agent("a1", Role::Agent)).await;
    until(&edge, (Some(AgentStatus::Online), Some(true))).await;
    let calls = failing(&live, &["presence"]);
    desk.ended();
    let tries = async || calls.lock().iter().filter(|call| **call == "presence").count() > 1;
    eventually("it is looked up again", tries).await;
    assert_eq!(told(&edge), Some((Some(AgentStatus::Online), Some(true))));
    live.heal();
    until(&edge, (None, Some(false))).await;
}

#[tokio::test]
async fn nobody_is_gone_in_a_memory_that_was_just_lost() {
    let (edge, live, _stop) = keeping_with_faults(600_000);
    let desk = edge.connect(agent("a1", Role::Agent)).await;
    until(&edge, (Some(AgentStatus::Online), Some(true))).await;
    live.forget();
    let calls = failing(&live, &[]);
    desk.ended();
    let tries = async || calls.lock().iter().filter(|call| **call == "presence").count() > 1;
    eventually("it is looked up again", tries).await;
    assert_eq!(told(&edge), Some((Some(AgentStatus::Online), Some(true))));
}

#[tokio::test]
async fn agents_whose_leases_failed_wait_before_the_next_try() {
    let (edge, live, _stop) = keeping_with_faults(30_000);
    let calls = failing(&live, &["renew_presence"]);
    let _desk = edge.connect(agent("a1", Role::Agent)).await;
    eventually("the lease is tried", async || !calls.lock().is_empty()).await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    edge.services.presence.changed.notify_one();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(calls.lock().len(), 1);
    // What the agent wants next does not wait.
    edge.services.presence.set_status(&agent("a1", Role::Agent), AgentStatus::Away, None);
    until(&edge, (Some(AgentStatus::Away), Some(true))).await;
}

#[tokio::test]
async fn what_was_said_last_counts_wherever_it_was_said() {
    let (edge, _stop) = keeping(60_000);
    let caller = agent("a1", Role::Agent);
    let _desk = edge.connect(caller.clone()).await;
    edge.services.presence.set_status(&caller, AgentStatus::Away, None);
    edge.services.presence.until_told(&tenant(), &caller.user.id).await;
    let elsewhere = PresenceLease {
        tenant: tenant(),
        agent: caller.user.id.clone(),
        edge: kefu_live::EdgeId::new("another"),
        status: PresenceStatus::Online,
        status_at_ms: crate::clock::now().0 + 1,
        ttl: Duration::from_secs(30),
    };
    edge.services.live.renew_presence(elsewhere).await.unwrap();
    // The notice has not come yet.
    let last = edge.services.status_of(&caller).await;
    assert_eq!(last.status, AgentStatus::Online);

    // Who takes the agent over on the word of others does not say it anew.
    let (other, _stop) = keeping(60_000);
    other.services.presence.heartbeat(&caller, last, u64::MAX);
    other.services.presence.until_told(&tenant(), &caller.user.id).await;
    let held = other.services.live.presence(&tenant(), std::slice::from_ref(&caller.user.id)).await.unwrap();
    assert_eq!(held[0].as_ref().map(|here| here.status_at_ms), Some(last.at_ms));
}
