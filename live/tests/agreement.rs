//! Both implementations answer any calls alike, as long as no time has to pass.

use std::time::Duration;

use kefu_live::testing::ValkeyServer;
use kefu_live::{
    CachedLogin, Connection, EdgeId, Live, LockPolicy, MemoryLive, PresenceLease, PresenceStatus, Quota, RateDecision,
    RateKey, RedisConfig, RedisLive,
};
use kefu_model::{At, TenantId, User, UserId};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// Longer than the test takes.
const LONG: Duration = Duration::from_secs(500);
const CASES: u32 = 150;

/// A call; numbers choose among a few tenants, agents, edges and ids.
#[derive(Debug, Clone, Copy)]
enum Call {
    RenewPresence { tenant: u8, agent: u8, edge: u8, status: u8 },
    ReleasePresence { tenant: u8, agent: u8, edge: u8 },
    RenewEdge { edge: u8 },
    ForgetEdge { edge: u8 },
    Register { tenant: u8, id: u8, user: u8, edge: u8 },
    Unregister { tenant: u8, id: u8 },
    CheckRate { tenant: u8, subject: u8, cost: u32 },
    RecordFailure { tenant: u8, subject: u8 },
    ClearFailures { tenant: u8, subject: u8 },
    PutLogin { token: u8, user: u8 },
    Invalidate { token: u8 },
}

fn call() -> impl Strategy<Value = Call> {
    let tenant = || 0..2u8;
    let few = || 0..4u8;
    prop_oneof![
        4 => (tenant(), few(), few(), few())
            .prop_map(|(tenant, agent, edge, status)| Call::RenewPresence { tenant, agent, edge, status }),
        2 => (tenant(), few(), few()).prop_map(|(tenant, agent, edge)| Call::ReleasePresence { tenant, agent, edge }),
        3 => few().prop_map(|edge| Call::RenewEdge { edge }),
        1 => few().prop_map(|edge| Call::ForgetEdge { edge }),
        6 => (tenant(), 0..8u8, 0..6u8, few())
            .prop_map(|(tenant, id, user, edge)| Call::Register { tenant, id, user, edge }),
        2 => (tenant(), 0..8u8).prop_map(|(tenant, id)| Call::Unregister { tenant, id }),
        3 => (tenant(), few(), 0..7u32).prop_map(|(tenant, subject, cost)| Call::CheckRate { tenant, subject, cost }),
        2 => (tenant(), few()).prop_map(|(tenant, subject)| Call::RecordFailure { tenant, subject }),
        1 => (tenant(), few()).prop_map(|(tenant, subject)| Call::ClearFailures { tenant, subject }),
        2 => (few(), few()).prop_map(|(token, user)| Call::PutLogin { token, user }),
        1 => few().prop_map(|token| Call::Invalidate { token }),
    ]
}

fn tenant(number: u8) -> TenantId {
    TenantId::new(&format!("t{number}")).expect("a tenant")
}

/// One id is the beginning of another, and one is not ASCII.
fn id(number: u8) -> UserId {
    UserId::new(["a", "ab", "b", "客"][usize::from(number % 4)]).expect("an id")
}

fn user(number: u8) -> User {
    if number < 4 { User::customer(id(number)) } else { User::agent(id(number)) }
}

fn edge(number: u8) -> EdgeId {
    EdgeId::new(["e", "e1", "e12", "f"][usize::from(number % 4)])
}

fn rate_key(number: u8, subject: u8) -> RateKey {
    RateKey { tenant: tenant(number), limit: "messages", subject: format!("s{subject}") }
}

fn status(number: u8) -> PresenceStatus {
    [PresenceStatus::Online, PresenceStatus::Busy, PresenceStatus::Away, PresenceStatus::Offline]
        [usize::from(number % 4)]
}

/// What a call answered, without what depends on the clock.
async fn answer(live: &dyn Live, call: Call, step: u64) -> String {
    match call {
        Call::RenewPresence { tenant: t, agent, edge: e, status: s } => {
            let (tenant, agent, edge, status) = (tenant(t), id(agent), edge(e), status(s));
            let lease = PresenceLease { tenant, agent, edge, status, status_at_ms: step, ttl: LONG };
            format!("{:?}", live.renew_presence(lease).await)
        }
        Call::ReleasePresence { tenant: t, agent, edge: e } => {
            format!("{:?}", live.release_presence(&tenant(t), &id(agent), &edge(e)).await)
        }
        Call::RenewEdge { edge: e } => format!("{:?}", live.renew_edge(&edge(e), LONG).await),
        Call::ForgetEdge { edge: e } => format!("{:?}", live.forget_edge(&edge(e)).await),
        Call::Register { tenant: t, id, user: u, edge: e } => {
            let connection = Connection {
                tenant: tenant(t),
                id: format!("c{id}"),
                user: user(u),
                edge: edge(e),
                device: format!("d{step}"),
                connected_at: At(step),
                transport: "sse".into(),
                client: None,
                address: None,
            };
            format!("{:?}", live.register(connection).await)
        }
        Call::Unregister { tenant: t, id } => format!("{:?}", live.unregister(&tenant(t), &format!("c{id}")).await),
        Call::CheckRate { tenant: t, subject, cost } => {
            let quota = Quota { burst: 5, refill: LONG * 1_000 };
            match live.check_rate(&rate_key(t, subject), quota, cost).await {
                Ok(RateDecision::Allowed { remaining, .. }) => format!("{remaining} left"),
                other => format!("limited {}", other.is_ok()),
            }
        }
        Call::RecordFailure { tenant: t, subject } => {
            let policy = LockPolicy { failures: 3, window: LONG, lock: LONG };
            lock_text(live.record_failure(&rate_key(t, subject), policy).await)
        }
        Call::ClearFailures { tenant: t, subject } => {
            format!("{:?}", live.clear_failures(&rate_key(t, subject)).await)
        }
        Call::PutLogin { token, user: u } => {
            let login = CachedLogin { tenant: tenant(0), user: user(u), value: vec![u; 3] };
            format!("{:?}", live.put_login([token; 32], login, LONG).await)
        }
        Call::Invalidate { token } => format!("{:?}", live.invalidate_logins(&[[token; 32]]).await),
    }
}

fn lock_text(state: Result<kefu_live::LockState, kefu_live::LiveError>) -> String {
    match state {
        Ok(kefu_live::LockState::Locked { .. }) => "locked".into(),
        other => format!("{other:?}"),
    }
}

/// All that can be asked, without what depends on the clock.
async fn picture(live: &dyn Live) -> Vec<String> {
    let mut seen = Vec::new();
    for t in 0..2 {
        let tenant = tenant(t);
        let present = live.present(&tenant, None, 100).await.expect("present");
        seen.extend(
            present.iter().map(|here| format!("{} {:?} {} {}", here.agent, here.status, here.status_at_ms, here.edges)),
        );
        let mut lapsed = live.lapsed(&tenant, LONG).await.expect("lapsed");
        lapsed.sort_by(|a, b| a.agent.cmp(&b.agent));
        seen.extend(lapsed.iter().map(|gone| format!("{} lapsed, released {}", gone.agent, gone.released)));
        let page = live.connections(&tenant, Some("c1"), 3).await.expect("page");
        seen.push(format!("{page:?}"));
        seen.push(format!("{:?}", live.connection_counts(&tenant).await.expect("counts")));
        let users: Vec<User> = (0..8).map(user).collect();
        seen.push(format!("{:?}", live.edges_of(&tenant, &users).await.expect("edges")));
        seen.push(format!("{:?}", live.online(&tenant, &users).await.expect("online")));
        for number in 0..8 {
            seen.push(format!("{:?}", live.connections_of(&tenant, &user(number)).await.expect("connections")));
            seen.push(format!("{:?}", live.connection(&tenant, &format!("c{number}")).await.expect("connection")));
        }
        for subject in 0..4 {
            seen.push(lock_text(live.lock_state(&rate_key(t, subject)).await));
        }
    }
    for token in 0..4 {
        seen.push(format!("{:?}", live.login([token; 32]).await.expect("login")));
    }
    seen
}

#[test]
fn both_answer_alike() {
    let server = ValkeyServer::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let calls = proptest::collection::vec(call(), 1..80);
    let checked = TestRunner::new(config).run(&calls, |calls| {
        server.command(&["FLUSHALL"]);
        runtime.block_on(async {
            let redis = RedisLive::open(&RedisConfig::new(server.url())).expect("a handle");
            let memory = MemoryLive::new(1);
            for (step, call) in (1..).zip(&calls) {
                let (of_redis, of_memory) = (answer(&redis, *call, step).await, answer(&memory, *call, step).await);
                prop_assert_eq!(of_redis, of_memory, "step {} {:?}", step, call);
            }
            prop_assert_eq!(picture(&redis).await, picture(&memory).await);
            Ok(())
        })
    });
    checked.unwrap_or_else(|failure| panic!("{failure}"));
}
