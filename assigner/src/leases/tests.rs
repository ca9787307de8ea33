use kefu_live::{EdgeId, Fault, Faulty, PresenceLease, PresenceStatus};

use super::*;

fn tenant() -> TenantId {
    TenantId::new("default").unwrap()
}

fn id(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

/// Leases over a memory that is old enough, where a1 is, and which is told of nobody else.
async fn leases() -> (Leases, Arc<Faulty>, mpsc::Receiver<(Route, Ask)>) {
    let live = Arc::new(Faulty::new(|_| None));
    tokio::time::advance(LEASE).await;
    let lease = PresenceLease {
        tenant: tenant(),
        agent: id("a1"),
        edge: EdgeId::new("edge"),
        status: PresenceStatus::Online,
        status_at_ms: 1,
        ttl: LEASE,
    };
    live.renew_presence(lease).await.unwrap();
    let (commands, told) = mpsc::channel(16);
    (Leases::new(live.clone(), commands), live, told)
}

fn said(agents: &[(&str, bool)]) -> Said {
    Said { tenant: tenant(), agents: agents.iter().map(|(agent, here)| (id(agent), *here)).collect() }
}

/// Who is told to be here or gone.
fn told(commands: &mut mpsc::Receiver<(Route, Ask)>) -> Vec<(String, bool)> {
    let mut told = Vec::new();
    while let Ok((_, Ask::Write(_, AllocationCommand::Agent { agent, present, .. }))) = commands.try_recv() {
        told.push((agent.to_string(), present.unwrap()));
    }
    told
}

#[tokio::test(start_paused = true)]
async fn who_has_no_lease_is_gone_and_who_has_one_is_here() {
    let (leases, _, mut commands) = leases().await;
    leases.compare(&said(&[("a1", false), ("a2", true), ("a3", false)])).await.unwrap();
    assert_eq!(told(&mut commands), [("a1".to_owned(), true), ("a2".to_owned(), false)]);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_gone_in_a_memory_that_is_young() {
    let (leases, live, mut commands) = leases().await;
    live.forget();
    leases.compare(&said(&[("a1", true)])).await.unwrap();
    assert_eq!(told(&mut commands), []);
    tokio::time::advance(LEASE).await;
    leases.compare(&said(&[("a1", true)])).await.unwrap();
    assert_eq!(told(&mut commands), [("a1".to_owned(), false)]);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_gone_when_the_memory_is_lost_during_a_round() {
    let (leases, live, mut commands) = leases().await;
    let mut lost = false;
    live.set_plan(move |method| {
        (method == "incarnation" && !std::mem::replace(&mut lost, true)).then_some(Fault::ForgetAfter)
    });
    leases.compare(&said(&[("a1", true)])).await.unwrap();
    assert_eq!(told(&mut commands), []);
}

#[tokio::test(start_paused = true)]
async fn rounds_do_not_overlap_and_pause_after_a_failure() {
    let (leases, live, _commands) = leases().await;
    let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = {
        let calls = calls.clone();
        move || calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    };
    live.set_plan({
        let count = count.clone();
        move |_| {
            count();
            Some(Fault::Slow(Duration::from_secs(3)))
        }
    });
    let calls = || calls.load(std::sync::atomic::Ordering::Relaxed);
    for _ in 0..4 {
        leases.check([said(&[])].into_iter());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(calls(), 1, "one round asks for the incarnation, the others do not begin");
    tokio::time::sleep(Duration::from_secs(3)).await;
    live.set_plan(move |_| {
        count();
        Some(Fault::Unavailable)
    });
    for _ in 0..8 {
        leases.check([said(&[])].into_iter());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(calls(), 3, "a round every 2 seconds");
}
