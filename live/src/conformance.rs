//! Tests that every implementation of `live` passes. Each takes an empty one and panics where it fails; they run with
//! tokio's clock paused when the implementation's clock is tokio's, and in real time (a few seconds) otherwise.

use std::time::Duration;

use kefu_model::{At, TenantId, User, UserId};

use crate::{
    CachedLogin, Connection, ConnectionCounts, EdgeId, EdgeLease, Live, LiveError, LockPolicy, LockState,
    PresenceLease, PresenceStatus, Quota, RateDecision, RateKey,
};

const TTL: Duration = Duration::from_secs(2);
const CROWD: usize = 2_100;

fn tenant(text: &str) -> TenantId {
    TenantId::new(text).expect("a tenant")
}

fn id(text: &str) -> UserId {
    UserId::new(text).expect("an id")
}

fn lease(agent: &str, edge: &str, status: PresenceStatus, status_at_ms: u64) -> PresenceLease {
    PresenceLease { tenant: tenant("t"), agent: id(agent), edge: EdgeId::new(edge), status, status_at_ms, ttl: TTL }
}

fn connection(id_text: &str, user: &User, edge: &str) -> Connection {
    Connection {
        tenant: tenant("t"),
        id: id_text.into(),
        user: user.clone(),
        edge: EdgeId::new(edge),
        device: "d".into(),
        connected_at: At(1),
        transport: "websocket".into(),
        client: None,
        address: None,
    }
}

fn rate_key(limit: &'static str, tenant_id: &str) -> RateKey {
    RateKey { tenant: tenant(tenant_id), limit, subject: "10.0.0.1".into() }
}

/// Leases are renewed, released, run out and are listed as lapsed.
pub async fn presence(live: &dyn Live) {
    let t = tenant("t");
    live.renew_presence(lease("a", "e1", PresenceStatus::Online, 5)).await.expect("renew");
    live.renew_presence(lease("a", "e2", PresenceStatus::Busy, 7)).await.expect("renew");
    live.renew_presence(lease("b", "e1", PresenceStatus::Away, 1)).await.expect("renew");
    let found = live.presence(&t, &[id("a"), id("x")]).await.expect("presence");
    let a = found[0].as_ref().expect("a is here");
    assert_eq!((a.status, a.edges), (PresenceStatus::Busy, 2), "the latest word of any edge counts");
    assert!(found[1].is_none());
    assert!(live.presence(&tenant("other"), &[id("a")]).await.expect("presence")[0].is_none(), "another tenant");

    let first = live.present(&t, None, 1).await.expect("present");
    assert_eq!(first[0].agent, id("a"));
    let rest = live.present(&t, Some(&id("a")), 10).await.expect("present");
    assert_eq!(rest.iter().map(|presence| presence.agent.clone()).collect::<Vec<_>>(), [id("b")]);

    live.release_presence(&t, &id("a"), &EdgeId::new("e2")).await.expect("release");
    let a = live.presence(&t, &[id("a")]).await.expect("presence").remove(0).expect("still at e1");
    assert_eq!((a.status, a.edges), (PresenceStatus::Online, 1));
    assert!(live.lapsed(&t, TTL * 9).await.expect("lapsed").is_empty());
    live.release_presence(&t, &id("a"), &EdgeId::new("e1")).await.expect("release");
    let lapsed = live.lapsed(&t, TTL * 9).await.expect("lapsed");
    assert!(lapsed.len() == 1 && lapsed[0].agent == id("a") && lapsed[0].released);

    tokio::time::sleep(TTL + Duration::from_millis(100)).await;
    assert!(live.present(&t, None, 10).await.expect("present").is_empty(), "b's lease ran out");
    let lapsed = live.lapsed(&t, TTL * 9).await.expect("lapsed");
    let b = lapsed.iter().find(|lapsed| lapsed.agent == id("b")).expect("b lapsed");
    assert!(!b.released && b.ago >= Duration::from_millis(50));
    live.renew_presence(lease("b", "e1", PresenceStatus::Online, 9)).await.expect("renew");
    assert!(live.lapsed(&t, TTL * 9).await.expect("lapsed").iter().all(|lapsed| lapsed.agent != id("b")));
}

/// Connections are found by id, user and page, and end with their edge.
pub async fn registry(live: &dyn Live) {
    let (t, e1, e2) = (tenant("t"), EdgeId::new("e1"), EdgeId::new("e2"));
    let (agent, customer) = (User::agent(id("1")), User::customer(id("1")));
    assert_eq!(live.register(connection("c1", &agent, "e1")).await, Err(LiveError::UnknownEdge));
    assert_eq!(live.renew_edge(&e1, TTL).await, Ok(EdgeLease::New));
    assert_eq!(live.renew_edge(&e1, TTL).await, Ok(EdgeLease::Renewed));
    live.renew_edge(&e2, TTL).await.expect("renew");
    for (connection_id, user, edge) in
        [("c1", &agent, "e1"), ("c2", &agent, "e2"), ("c3", &customer, "e2"), ("c4", &customer, "e2")]
    {
        live.register(connection(connection_id, user, edge)).await.expect("register");
    }
    live.register(connection("c4", &customer, "e2")).await.expect("registering again changes nothing");
    let counts = live.connection_counts(&t).await.expect("counts");
    assert_eq!((counts.connections, counts.agents, counts.customers), (4, 1, 1));
    let users = [agent.clone(), customer.clone(), User::customer(id("9"))];
    let edges = live.edges_of(&t, &users).await.expect("edges");
    assert_eq!(edges, [vec![e1.clone(), e2.clone()], vec![e2.clone()], vec![]]);
    assert_eq!(live.online(&t, &users).await.expect("online"), [true, true, false]);
    assert_eq!(live.online(&tenant("other"), &users).await.expect("online"), [false; 3]);

    for connection_id in ["c9", "c0", "c5"] {
        live.register(connection(connection_id, &customer, "e2")).await.expect("register");
    }
    let own = live.connections_of(&t, &customer).await.expect("connections");
    let ids: Vec<&str> = own.iter().map(|found| found.id.as_str()).collect();
    assert!(ids.is_sorted() && ids.len() >= 4, "{ids:?}");
    for connection_id in ["c9", "c0", "c5"] {
        live.unregister(&t, connection_id).await.expect("unregister");
    }

    let page = live.connections(&t, None, 3).await.expect("page");
    assert_eq!(page.next.as_deref(), Some("c3"));
    let page = live.connections(&t, page.next.as_deref(), 3).await.expect("page");
    assert_eq!((page.connections.len(), page.next), (1, None));

    live.unregister(&t, "c4").await.expect("unregister");
    assert!(live.connection(&t, "c4").await.expect("connection").is_none());
    assert!(live.connection(&tenant("other"), "c3").await.expect("connection").is_none());
    live.forget_edge(&e1).await.expect("forget");
    let left = live.connections_of(&t, &agent).await.expect("connections");
    assert_eq!(left.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(), ["c2"]);
    tokio::time::sleep(TTL + Duration::from_millis(100)).await;
    assert_eq!(live.connection_counts(&t).await.expect("counts").connections, 0, "e2's lease ran out");
    assert_eq!(live.renew_edge(&e2, TTL).await, Ok(EdgeLease::New), "so it registers again");
}

/// What is there through an edge goes with it; what is renewed stays.
pub async fn edges(live: &dyn Live) {
    let (t, e1, e2) = (tenant("t"), EdgeId::new("e1"), EdgeId::new("e2"));
    let customer = User::customer(id("1"));
    for edge in [&e1, &e2] {
        live.renew_edge(edge, TTL).await.expect("renew");
    }
    live.register(connection("c1", &customer, "e1")).await.expect("register");
    live.register(Connection { tenant: tenant("u"), ..connection("c1", &customer, "e1") }).await.expect("register");
    live.register(connection("c2", &customer, "e2")).await.expect("register");
    for (agent, edge) in [("a", "e1"), ("b", "e1"), ("b", "e2")] {
        live.renew_presence(lease(agent, edge, PresenceStatus::Online, 1)).await.expect("renew");
    }

    tokio::time::sleep(TTL * 2 / 3).await;
    assert_eq!(live.renew_edge(&e1, TTL).await, Ok(EdgeLease::Renewed));
    live.renew_presence(lease("a", "e1", PresenceStatus::Away, 2)).await.expect("renew");
    tokio::time::sleep(TTL / 2).await;
    assert!(live.connection(&t, "c1").await.expect("connection").is_some(), "its edge's lease was renewed");
    assert!(live.connection(&t, "c2").await.expect("connection").is_none(), "e2's was not");
    assert_eq!(live.register(connection("c2", &customer, "e2")).await, Err(LiveError::UnknownEdge));
    let here = live.presence(&t, &[id("a"), id("b")]).await.expect("presence");
    assert_eq!(here[0].as_ref().map(|a| (a.status, a.edges)), Some((PresenceStatus::Away, 1)));
    assert!(here[0].as_ref().is_some_and(|a| a.expires_in <= TTL));
    assert!(here[1].is_none());
    let counts = live.connection_counts(&t).await.expect("counts");
    assert_eq!((counts.connections, counts.agents, counts.customers), (1, 0, 1));

    live.register(Connection { device: "other".into(), ..connection("c1", &customer, "e1") }).await.expect("register");
    assert_eq!(live.connection(&t, "c1").await.expect("connection").map(|found| found.device), Some("other".into()));
    live.forget_edge(&e1).await.expect("forget");
    assert!(live.presence(&t, &[id("a")]).await.expect("presence")[0].is_none(), "the lease went with its edge");
    let lapsed = live.lapsed(&t, TTL * 9).await.expect("lapsed");
    assert_eq!(lapsed.iter().find(|lapsed| lapsed.agent == id("a")).map(|a| a.released), Some(true));
    assert_eq!(lapsed.iter().find(|lapsed| lapsed.agent == id("b")).map(|b| b.released), Some(false));
    assert!(live.lapsed(&tenant("u"), TTL * 9).await.expect("lapsed").is_empty(), "another tenant");
    for other in [&t, &tenant("u")] {
        assert_eq!(live.online(other, std::slice::from_ref(&customer)).await.expect("online"), [false]);
        assert_eq!(live.connection_counts(other).await.expect("counts"), ConnectionCounts::default());
    }
    assert_eq!(live.renew_edge(&e1, TTL).await, Ok(EdgeLease::New));
    assert!(live.connection(&t, "c1").await.expect("connection").is_none(), "a new lease begins with nothing");
}

/// More of everything than one step of an implementation handles.
pub async fn crowds(live: &dyn Live) {
    let (t, e1, ttl) = (tenant("t"), EdgeId::new("e1"), Duration::from_secs(60));
    live.renew_edge(&e1, ttl).await.expect("renew");
    let name = |number: usize| format!("{number:05}");
    for number in 0..CROWD {
        let customer = User::customer(id(&name(number % 600)));
        live.register(connection(&name(number), &customer, "e1")).await.expect("register");
        let lease = PresenceLease { ttl, ..lease(&name(number), "e1", PresenceStatus::Online, 1) };
        live.renew_presence(lease).await.expect("renew");
    }
    let (mut connections, mut agents, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let page = live.connections(&t, after.as_deref(), 1_000).await.expect("page");
        connections.extend(page.connections.into_iter().map(|found| found.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    loop {
        let page = live.present(&t, agents.last(), 700).await.expect("present");
        agents.extend(page.iter().map(|here| here.agent.clone()));
        if page.len() < 700 {
            break;
        }
    }
    let everybody: Vec<String> = (0..CROWD).map(name).collect();
    assert_eq!(connections, everybody);
    assert_eq!(agents.iter().map(UserId::as_str).collect::<Vec<_>>(), everybody);
    assert_eq!(live.presence(&t, &agents).await.expect("presence").iter().flatten().count(), CROWD);
    let users: Vec<User> = (0..CROWD).map(|number| User::customer(id(&name(number)))).collect();
    assert_eq!(live.online(&t, &users).await.expect("online").iter().filter(|online| **online).count(), 600);
    let counts = live.connection_counts(&t).await.expect("counts");
    assert_eq!((counts.connections, counts.customers), (CROWD, 600));
    assert!(matches!(live.present(&t, None, 1_001).await, Err(LiveError::TooMany { .. })));
    assert!(matches!(live.connections(&t, None, 1_001).await, Err(LiveError::TooMany { .. })));

    live.forget_edge(&e1).await.expect("forget");
    assert_eq!(live.lapsed(&t, ttl).await.expect("lapsed").len(), CROWD);
    assert!(live.present(&t, None, 1).await.expect("present").is_empty());
    assert_eq!(live.connection_counts(&t).await.expect("counts"), ConnectionCounts::default());
}

/// A burst, then a steady rate, each subject and limit for itself.
pub async fn rates(live: &dyn Live) {
    let quota = Quota { burst: 3, refill: Duration::from_secs(3) };
    let key = rate_key("messages", "t");
    for remaining in [2, 1, 0] {
        let decision = live.check_rate(&key, quota, 1).await.expect("check");
        assert!(matches!(decision, RateDecision::Allowed { remaining: left, .. } if left == remaining), "{decision:?}");
    }
    let RateDecision::Limited { retry_after } = live.check_rate(&key, quota, 1).await.expect("check") else {
        panic!("the bucket is empty");
    };
    assert!(retry_after <= Duration::from_secs(1));
    assert!(live.check_rate(&rate_key("messages", "u"), quota, 3).await.expect("check").is_allowed());
    assert!(live.check_rate(&rate_key("uploads", "t"), quota, 3).await.expect("check").is_allowed());
    assert!(!live.check_rate(&rate_key("other", "t"), quota, 4).await.expect("check").is_allowed(), "never fits");
    tokio::time::sleep(retry_after).await;
    assert!(live.check_rate(&key, quota, 1).await.expect("check").is_allowed(), "who waits as told may go on");
    let generous = Quota { burst: 3, refill: Duration::from_secs(3_000) };
    let changed = rate_key("changed", "t");
    assert!(live.check_rate(&changed, generous, 3).await.expect("check").is_allowed());
    let RateDecision::Limited { retry_after } = live.check_rate(&changed, quota, 1).await.expect("check") else {
        panic!("what was taken is taken");
    };
    tokio::time::sleep(retry_after).await;
    assert!(live.check_rate(&changed, quota, 1).await.expect("check").is_allowed(), "the quota of now counts");
    let long = RateKey { subject: "x".repeat(1_000), ..key };
    assert!(matches!(live.check_rate(&long, quota, 1).await, Err(LiveError::TooMany { .. })));
}

/// Failures lock, the lock ends, success forgets.
pub async fn lockouts(live: &dyn Live) {
    let policy = LockPolicy { failures: 3, window: TTL, lock: TTL };
    let key = rate_key("login", "t");
    assert_eq!(live.record_failure(&key, policy).await, Ok(LockState::Open { failures: 1 }));
    assert_eq!(live.record_failure(&key, policy).await, Ok(LockState::Open { failures: 2 }));
    live.clear_failures(&key).await.expect("clear");
    for failures in 1..3 {
        assert_eq!(live.record_failure(&key, policy).await, Ok(LockState::Open { failures }));
    }
    assert!(matches!(live.record_failure(&key, policy).await, Ok(LockState::Locked { .. })));
    assert!(matches!(live.lock_state(&key).await, Ok(LockState::Locked { .. })));
    assert_eq!(live.lock_state(&rate_key("login", "u")).await, Ok(LockState::Open { failures: 0 }));
    tokio::time::sleep(TTL + Duration::from_millis(100)).await;
    assert_eq!(live.lock_state(&key).await, Ok(LockState::Open { failures: 0 }));
    assert_eq!(live.record_failure(&key, policy).await, Ok(LockState::Open { failures: 1 }), "it begins anew");
}

/// Logins are cached, expire, and do not come back after they were invalidated.
pub async fn logins(live: &dyn Live) {
    let login = CachedLogin { tenant: tenant("t"), user: User::agent(id("a")), value: vec![1, 2, 3] };
    let (one, two) = ([1; 32], [2; 32]);
    assert_eq!(live.login(one).await, Ok(None));
    assert_eq!(live.put_login(one, login.clone(), TTL).await, Ok(true));
    assert_eq!(live.login(one).await, Ok(Some(login.clone())));
    live.invalidate_logins(&[one]).await.expect("invalidate");
    assert_eq!(live.login(one).await, Ok(None));
    assert_eq!(live.put_login(one, login.clone(), TTL).await, Ok(false), "an overlapping look-up is late");
    live.put_login(two, login.clone(), TTL).await.expect("put");
    tokio::time::sleep(TTL + Duration::from_millis(100)).await;
    assert_eq!(live.login(two).await, Ok(None));
    let unasked: Vec<[u8; 32]> = (10..200).map(|byte| [byte; 32]).collect();
    live.invalidate_logins(&unasked).await.expect("invalidate");
    assert_eq!(live.put_login([77; 32], login.clone(), TTL).await, Ok(false), "cached or not");
    assert_eq!(live.put_login([201; 32], login.clone(), TTL).await, Ok(true));
    let huge = CachedLogin { value: vec![0; 1 << 20], ..login };
    assert!(matches!(live.put_login(two, huge, TTL).await, Err(LiveError::TooMany { .. })));
}

/// The incarnation stays the same and grows old.
pub async fn incarnation(live: &dyn Live) {
    let first = live.incarnation().await.expect("incarnation");
    tokio::time::sleep(Duration::from_millis(50)).await;
    let second = live.incarnation().await.expect("incarnation");
    assert_eq!(first.id, second.id);
    assert!(second.age > first.age);
}
