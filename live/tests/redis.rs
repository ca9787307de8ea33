//! `live` on real Valkey servers: the suite, and what only a server can do: go away, come back, come back empty, be silent.

use std::sync::Arc;
use std::time::Duration;

use kefu_live::testing::{ValkeyCluster, ValkeySentinel, ValkeyServer};
use kefu_live::{
    CachedLogin, Connection, EdgeId, EdgeLease, Live, LiveError, PresenceLease, PresenceStatus, Quota, RateDecision,
    RateKey, RedisConfig, RedisLive, conformance,
};
use kefu_model::{At, TenantId, User, UserId};
use tokio::time::{Instant, sleep};

const LEASE: Duration = Duration::from_secs(30);
/// Both timeouts of a call, and what a busy machine adds.
const BOUND: Duration = Duration::from_secs(4);
/// In which a handle has to be of use again.
const BACK: Duration = Duration::from_secs(10);

fn open(url: impl Into<String>) -> RedisLive {
    RedisLive::open(&RedisConfig::new(url)).expect("a handle")
}

fn tenant() -> TenantId {
    TenantId::new("t").expect("a tenant")
}

fn agent(id: &str) -> UserId {
    UserId::new(id).expect("an id")
}

fn edge() -> EdgeId {
    EdgeId::new("e1")
}

fn lease(id: &str) -> PresenceLease {
    let (tenant, agent) = (tenant(), agent(id));
    PresenceLease { tenant, agent, edge: edge(), status: PresenceStatus::Online, status_at_ms: 1, ttl: LEASE }
}

fn connection(id: &str) -> Connection {
    Connection {
        tenant: tenant(),
        id: id.into(),
        user: User::agent(agent("a")),
        edge: edge(),
        device: "d".into(),
        connected_at: At(1),
        transport: "websocket".into(),
        client: None,
        address: None,
    }
}

fn rate(subject: &str) -> RateKey {
    RateKey { tenant: tenant(), limit: "messages", subject: subject.into() }
}

async fn is_here(live: &RedisLive, id: &str) -> Result<bool, LiveError> {
    Ok(live.presence(&tenant(), &[agent(id)]).await?[0].is_some())
}

/// Asks until it is answered; each call is bounded.
async fn until_back<T>(what: &str, mut call: impl AsyncFnMut() -> Result<T, LiveError>) -> T {
    let started = Instant::now();
    loop {
        let asked = Instant::now();
        let answer = call().await;
        assert!(asked.elapsed() < BOUND, "{what} took {:?}", asked.elapsed());
        match answer {
            Ok(answer) => return answer,
            Err(error) => assert!(started.elapsed() < BACK && error.is_retryable(), "{what}: {error}"),
        }
        sleep(Duration::from_millis(50)).await;
    }
}

async fn fails_in_time(live: &RedisLive) {
    let asked = Instant::now();
    let error = live.presence(&tenant(), &[agent("a")]).await.expect_err("there is no server");
    assert!(error.is_retryable() && asked.elapsed() < BOUND, "{error} after {:?}", asked.elapsed());
}

macro_rules! conforms {
    ($($case:ident)*) => {
        mod one_server {
            $(#[tokio::test]
            async fn $case() {
                let server = super::ValkeyServer::start();
                super::conformance::$case(&super::open(server.url())).await;
            })*
        }

        mod cluster {
            #[tokio::test]
            async fn conforms() {
                let cluster = super::ValkeyCluster::start();
                let prefixed = |prefix: &str| {
                    let config = super::RedisConfig { prefix: prefix.into(), ..super::RedisConfig::new(cluster.url()) };
                    super::RedisLive::open(&config).expect("a handle")
                };
                $(super::conformance::$case(&prefixed(stringify!($case))).await;)*
                let used = cluster.masters().iter().filter(|master| master.command(&["DBSIZE"]) != "int(0)");
                assert!(used.count() > 1, "keys are spread over the masters");
            }
        }
    };
}

conforms! { presence registry edges crowds rates lockouts logins incarnation }

#[tokio::test]
async fn every_key_expires() {
    let server = ValkeyServer::start();
    let live = open(server.url());
    live.renew_edge(&edge(), LEASE).await.expect("renew");
    live.renew_presence(lease("a")).await.expect("renew");
    live.register(connection("c")).await.expect("register");
    live.check_rate(&rate("s"), Quota::per_minute(5), 1).await.expect("check");
    let policy = kefu_live::LockPolicy { failures: 3, window: LEASE, lock: LEASE };
    live.record_failure(&rate("s"), policy).await.expect("record");
    let login = CachedLogin { tenant: tenant(), user: User::agent(agent("a")), value: vec![1] };
    live.put_login([1; 32], login, LEASE).await.expect("put");
    live.invalidate_logins(&[[2; 32]]).await.expect("invalidate");
    let script = "local bad = {} for _, key in ipairs(redis.call('KEYS', '*')) do \
                  if redis.call('PTTL', key) < 0 then bad[#bad + 1] = key end end \
                  return table.concat(bad, ' ') .. '|' .. #redis.call('KEYS', '*')";
    let answer = server.command(&["EVAL", script, "0"]);
    let (without, keys) = answer.split_once('|').expect("two parts");
    assert_eq!(without, "", "keys without an expiry");
    assert!(keys.parse::<u32>().expect("a number") > 15, "{keys} keys");
}

#[tokio::test]
async fn what_is_flushed_comes_back_with_renewals() {
    let server = ValkeyServer::start();
    let live = open(server.url());
    assert_eq!(live.renew_edge(&edge(), LEASE).await, Ok(EdgeLease::New));
    live.register(connection("c")).await.expect("register");
    live.renew_presence(lease("a")).await.expect("renew");
    let before = live.incarnation().await.expect("incarnation");
    sleep(Duration::from_millis(20)).await;

    server.command(&["FLUSHALL"]);
    assert_eq!(live.register(connection("c")).await, Err(LiveError::UnknownEdge));
    assert!(!is_here(&live, "a").await.expect("presence"));
    let after = live.incarnation().await.expect("incarnation");
    assert!(after.id != before.id && after.age < Duration::from_secs(5), "so nobody is taken for gone: {after:?}");
    assert!(live.lapsed(&tenant(), LEASE).await.expect("lapsed").is_empty());

    live.renew_presence(lease("a")).await.expect("renew");
    assert_eq!(live.renew_edge(&edge(), LEASE).await, Ok(EdgeLease::New), "so it registers everything again");
    live.register(connection("c")).await.expect("register");
    assert!(is_here(&live, "a").await.expect("presence"));
    assert_eq!(live.incarnation().await.expect("incarnation").id, after.id);
    server.command(&["SCRIPT", "FLUSH"]);
    assert!(is_here(&live, "a").await.expect("a server without the script gets it"));
}

#[tokio::test]
async fn a_restart_needs_no_new_handle() {
    for durable in [false, true] {
        let mut server = if durable { ValkeyServer::start_durable() } else { ValkeyServer::start() };
        let live = open(server.url());
        live.renew_presence(lease("a")).await.expect("renew");
        let before = live.incarnation().await.expect("incarnation");
        server.kill();
        for _ in 0..3 {
            fails_in_time(&live).await;
        }
        server.restart();
        assert_eq!(until_back("presence", async || is_here(&live, "a").await).await, durable);
        let after = live.incarnation().await.expect("incarnation");
        assert_eq!(after.id == before.id, durable, "a memory that was kept is the same one");
    }
}

/// Leases end while nobody can renew them. That says nothing about who is here.
#[tokio::test]
async fn an_outage_longer_than_the_gap_is_a_new_incarnation() {
    let server = ValkeyServer::start_durable();
    let live = open(server.url());
    let short = PresenceLease { ttl: Duration::from_millis(200), ..lease("a") };
    live.renew_presence(short).await.expect("renew");
    let before = live.incarnation().await.expect("incarnation");
    let left: u64 = server
        .command(&["PTTL", "{kefu}:incarnation"])
        .trim_start_matches("int(")
        .trim_end_matches(')')
        .parse()
        .expect("a number");
    assert!((10_000..=15_000).contains(&left), "{left} ms");
    sleep(Duration::from_millis(300)).await;
    assert_eq!(live.lapsed(&tenant(), LEASE).await.expect("lapsed").len(), 1);
    server.command(&["PEXPIRE", "{kefu}:incarnation", "1"]);
    sleep(Duration::from_millis(20)).await;
    assert!(live.lapsed(&tenant(), LEASE).await.expect("lapsed").is_empty(), "unknown, not gone");
    let after = live.incarnation().await.expect("incarnation");
    assert!(after.id != before.id && after.age < before.age + Duration::from_millis(250));
    assert!(live.lapsed(&tenant(), LEASE).await.expect("lapsed").is_empty(), "it ended before this memory began");
}

#[tokio::test]
async fn a_server_that_was_paused_knows_nobody() {
    let server = ValkeyServer::start();
    let live = open(server.url());
    live.renew_presence(PresenceLease { ttl: Duration::from_secs(10), ..lease("a") }).await.expect("renew");
    let before = live.incarnation().await.expect("incarnation");
    server.pause();
    sleep(Duration::from_millis(15_500)).await;
    server.go_on();
    let after = until_back("the incarnation", async || live.incarnation().await).await;
    assert!(!is_here(&live, "a").await.expect("presence"));
    assert!(after.id != before.id && after.age < BACK, "the lease ended, and nobody knows whether the agent is gone");
    assert!(live.lapsed(&tenant(), LEASE).await.expect("lapsed").is_empty());
}

/// The answer that a lease is new may get lost: it is given again to whoever does not know it.
#[tokio::test]
async fn an_edge_that_did_not_hear_that_it_is_new_is_told_again() {
    let server = ValkeyServer::start();
    let (live, restarted) = (open(server.url()), open(server.url()));
    assert_eq!(live.renew_edge(&edge(), LEASE).await, Ok(EdgeLease::New));
    assert_eq!(restarted.renew_edge(&edge(), LEASE).await, Ok(EdgeLease::New));
    assert_eq!(restarted.renew_edge(&edge(), LEASE).await, Ok(EdgeLease::Renewed));
}

#[tokio::test]
async fn a_silent_server_is_not_waited_for() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("redis://{}", silent.local_addr().expect("an address"));
    let accepting = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = silent.accept().await {
            held.push(socket);
        }
    });
    let live = Arc::new(open(url));
    let started = Instant::now();
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let live = Arc::clone(&live);
            tokio::spawn(async move { fails_in_time(&live).await })
        })
        .collect();
    for call in calls {
        call.await.expect("it fails in time");
    }
    assert!(started.elapsed() < BOUND, "they do not wait for one another");
    accepting.abort();
}

#[tokio::test]
async fn a_server_that_falls_silent_is_given_up() {
    let server = ValkeyServer::start();
    let live = open(server.url());
    live.renew_presence(lease("a")).await.expect("renew");
    server.pause();
    fails_in_time(&live).await;
    fails_in_time(&live).await;
    server.go_on();
    assert!(until_back("presence", async || is_here(&live, "a").await).await);
}

#[tokio::test]
async fn connections_are_counted() {
    let mut server = ValkeyServer::start();
    let live = open(server.url());
    assert_eq!((live.connects(), live.is_connected()), (0, false), "nothing was sent yet");
    live.incarnation().await.expect("incarnation");
    live.incarnation().await.expect("incarnation");
    assert_eq!((live.connects(), live.is_connected()), (1, true));
    server.kill();
    fails_in_time(&live).await;
    assert_eq!((live.connects(), live.is_connected()), (1, false));
    server.restart();
    until_back("incarnation", async || live.incarnation().await).await;
    assert_eq!((live.connects(), live.is_connected()), (2, true));
}

#[tokio::test]
async fn a_handle_may_be_there_before_its_server() {
    let mut server = ValkeyServer::start();
    server.kill();
    let live = open(server.url());
    fails_in_time(&live).await;
    server.restart();
    until_back("an edge", async || live.renew_edge(&edge(), LEASE).await).await;
}

#[tokio::test]
async fn logins_databases_and_sockets_are_told_by_the_address() {
    let server = ValkeyServer::start_with(&["--save", "", "--unixsocket", "socket"]);
    let socket = server.dir().join("socket");
    server.command(&["ACL", "SETUSER", "kefu", "on", ">p@ss", "~{kefu*", "+@all"]);
    server.command(&["CONFIG", "SET", "requirepass", "secret"]);
    let in_one = open(format!("redis://kefu:p%40ss@127.0.0.1:{}/1", server.port()));
    let in_two = open(format!("unix://{}?db=2&pass=secret", socket.display()));
    in_one.renew_presence(lease("a")).await.expect("renew");
    assert!(is_here(&in_one, "a").await.expect("presence"));
    assert!(!is_here(&in_two, "a").await.expect("presence"), "another database");
    for wrong in [server.url(), format!("redis://kefu:wrong@127.0.0.1:{}", server.port())] {
        fails_in_time(&open(wrong)).await;
    }
}

#[test]
fn what_cannot_be_used_is_said_at_once() {
    let unusable = |config: RedisConfig| matches!(RedisLive::open(&config), Err(LiveError::Invalid(_)));
    assert!(unusable(RedisConfig::new("localhost")));
    assert!(unusable(RedisConfig::new("redis://h:port")));
    assert!(unusable(RedisConfig::new("redis+cluster://a:b:c,d")));
    assert!(unusable(RedisConfig { prefix: "{".into(), ..RedisConfig::new("redis://h") }));
    assert!(unusable(RedisConfig { tls_ca_file: Some("/nowhere".into()), ..RedisConfig::new("rediss://h") }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_share_a_handle() {
    let server = ValkeyServer::start();
    let live = Arc::new(open(server.url()));
    live.renew_edge(&edge(), LEASE).await.expect("renew");
    let quota = Quota { burst: 100, refill: Duration::from_secs(100_000) };
    let tasks: Vec<_> = (0..500)
        .map(|number| {
            let live = Arc::clone(&live);
            tokio::spawn(async move {
                live.register(connection(&format!("c{number}"))).await.expect("register");
                live.check_rate(&rate("shared"), quota, 1).await.expect("check").is_allowed()
            })
        })
        .collect();
    let mut allowed = 0;
    for task in tasks {
        allowed += usize::from(task.await.expect("it ends"));
    }
    assert_eq!(allowed, 100, "a check is one step");
    let counts = live.connection_counts(&tenant()).await.expect("counts");
    assert_eq!((counts.connections, counts.agents), (500, 1));
}

#[tokio::test]
async fn rates_are_bounded() {
    let server = ValkeyServer::start();
    let live = Arc::new(open(server.url()));
    let quota = Quota { burst: 2, refill: Duration::from_secs(1_000) };
    let most = kefu_live::limits::SUBJECTS;
    for chunk in 0..(most / 1_000 + 30) {
        let calls = (0..1_000).map(|number| {
            let live = Arc::clone(&live);
            tokio::spawn(async move { live.check_rate(&rate(&format!("{chunk}-{number}")), quota, 1).await })
        });
        for call in calls.collect::<Vec<_>>() {
            assert!(matches!(call.await.expect("it ends"), Ok(RateDecision::Allowed { .. })));
        }
    }
    let script = "local sum = 0 for _, key in ipairs(redis.call('KEYS', '*rates*')) do \
                  sum = sum + redis.call('ZCARD', key) end return tostring(sum)";
    let kept: usize = server.command(&["EVAL", script, "0"]).parse().expect("a number");
    assert!(kept <= most && kept > most / 2, "{kept}");
}

#[tokio::test]
async fn leases_are_bounded_and_ended_ones_make_room() {
    let server = ValkeyServer::start();
    let live = open(server.url());
    live.renew_presence(lease("a")).await.expect("renew");
    let ends = "{kefu}:presence:t:ends";
    let fill = |ends_at: &str| {
        let script =
            "for n = 1, tonumber(ARGV[1]) do redis.call('ZADD', KEYS[1], ARGV[2], 'x' .. n .. '\\0e') end return 1";
        server.command(&["EVAL", script, "1", ends, &(kefu_live::limits::LEASES - 1).to_string(), ends_at]);
    };
    fill("9000000000000000");
    assert!(matches!(live.renew_presence(lease("b")).await, Err(LiveError::Full { .. })));
    assert_eq!(live.renew_presence(lease("a")).await, Ok(()), "renewing needs no room");
    let a_moment_ago = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    fill(&a_moment_ago.as_micros().to_string());
    assert_eq!(live.renew_presence(lease("b")).await, Ok(()));
    assert!(is_here(&live, "a").await.expect("presence") && is_here(&live, "b").await.expect("presence"));
}

#[tokio::test]
async fn edges_are_bounded_and_ended_ones_make_room() {
    let server = ValkeyServer::start();
    let live = open(server.url());
    let fill = "for n = 1, tonumber(ARGV[1]) do redis.call('ZADD', KEYS[1], ARGV[2], 'e' .. n .. 'x') end return 1";
    let fill = |ends_at: &str| {
        let count = kefu_live::limits::EDGES.to_string();
        server.command(&["EVAL", fill, "1", "{kefu}:edges", &count, ends_at]);
    };
    fill("9000000000000000");
    assert!(matches!(live.renew_edge(&edge(), LEASE).await, Err(LiveError::Full { .. })));
    fill("1");
    assert_eq!(live.renew_edge(&edge(), LEASE).await, Ok(EdgeLease::New));
}

#[tokio::test]
async fn a_sentinel_finds_the_master_after_each_failover() {
    let mut servers = ValkeySentinel::start();
    let live = open(servers.url());
    live.renew_presence(lease("a")).await.expect("renew");
    servers.fail_over();
    until_back("a renewal", async || live.renew_presence(lease("b")).await).await;
    assert!(is_here(&live, "a").await.expect("presence"), "the replica had it");
    servers.kill_master();
    fails_in_time(&live).await;
    servers.wait_for_living_master();
    until_back("a renewal", async || live.renew_presence(lease("c")).await).await;
    assert!(is_here(&live, "a").await.expect("presence"), "the first master had it again");
}

#[tokio::test]
async fn a_cluster_that_loses_a_master_answers_for_the_others() {
    let mut cluster = ValkeyCluster::start();
    let live = open(cluster.url());
    live.renew_presence(lease("a")).await.expect("renew");
    cluster.master_of("{kefu}:incarnation").kill();
    fails_in_time(&live).await;
    let mut answered = 0;
    for number in 0..50 {
        answered += usize::from(live.check_rate(&rate(&number.to_string()), Quota::per_minute(5), 1).await.is_ok());
        fails_in_time(&live).await;
    }
    assert!(answered > 10, "two of three masters are there: {answered}");
    cluster.master_of("{kefu}:incarnation").restart();
    let incarnation = until_back("the incarnation", async || live.incarnation().await).await;
    assert!(incarnation.age < BACK);
    assert!(!is_here(&live, "a").await.expect("presence"));
}
