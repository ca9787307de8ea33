#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;

use kefu_model::command::Answer;
use kefu_model::ids::{DeviceId, Partition, Role, TenantId, User, UserId};
use kefu_model::{Actor, Audience, Body, Command, CommandHash, Content, ConversationId, Identity, Parties};
use kefu_nats::embedded::{Embedded, EmbeddedConfig};
use kefu_nats::engine::Limits;
use kefu_nats::link::{LinkConfig, LinkMetrics};
use kefu_nats::transport::{CoreEvent, Subscription};
use kefu_nats::{BrokerSettings, Link, LogKind};
use kefu_router::{Router, RouterConfig};
use kefu_store::{Fault, Faulty, SqliteConfig, SqliteStore};
use prometheus::Registry;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;

const LOG: LogName = LogName { kind: LogKind::Chat, partition: Partition(0) };

const WAIT: Duration = Duration::from_secs(20);

async fn broker(folder: &Path) -> Broker {
    let transport = Embedded::open(EmbeddedConfig::new(folder.join("log"))).await.unwrap();
    let settings = BrokerSettings { partitions: 1, ..BrokerSettings::default() };
    Broker::open(Arc::new(transport), settings).await.unwrap()
}

fn store(folder: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(&SqliteConfig::new(folder.join("kefu.db"))).unwrap())
}

fn task(broker: &Broker, store: Arc<dyn Store>, registry: &Registry, stop: &CancellationToken) -> Task {
    Task {
        gather: Gather::every(Duration::from_millis(10), 1),
        broker: broker.clone(),
        store,
        metrics: Arc::new(Metrics::register(registry).unwrap()),
        log: LOG,
        reading: Reading::new(stop.clone()),
    }
}

/// A router and a link to it.
async fn link(broker: &Broker, store: &Arc<dyn Store>, stop: &CancellationToken) -> Link {
    let (events, mut heard) = mpsc::channel(1_000);
    let metrics = LinkMetrics::register(&Registry::new()).unwrap();
    let link = Link::start(broker.clone(), LinkConfig::new("edge".to_owned()), metrics, events).await.unwrap();
    tokio::spawn(async move { while heard.recv().await.is_some() {} });
    let config = RouterConfig { worker: "router".to_owned(), settle: Duration::ZERO, limits: Limits::default() };
    let router = Router::bind(config, broker.clone(), store.clone(), &Registry::new()).unwrap();
    tokio::spawn(router.serve(stop.clone()));
    link
}

async fn say(link: &Link, n: u64) {
    let (tenant, visitor) = (TenantId::new("t").unwrap(), User::customer(UserId::new("v").unwrap()));
    let command = Command {
        conversation: ConversationId::support(&tenant, &visitor.id),
        tenant,
        actor: Actor::User { user: visitor.clone(), role: Role::Customer, name: None },
        identity: Some(Identity::Device { device: DeviceId::new("d").unwrap(), n }),
        hash: CommandHash([1; 16]),
        parties: Some(Parties::Support { customer: visitor, name: None }),
        body: Body::Message { content: Content::Text("hello".to_owned()), audience: Audience::All },
    };
    let answer = link.ask(&command, WAIT).await;
    assert!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
}

/// The sum of a metric's values.
fn value(registry: &Registry, name: &str) -> f64 {
    let families = registry.gather();
    let metrics = families.iter().filter(|family| family.name() == name).flat_map(|family| family.get_metric());
    metrics.map(|metric| metric.get_gauge().get_value() + metric.get_counter().get_value()).sum()
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < WAIT, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The log's end moves on while nothing is written, and what is not written is not counted.
#[tokio::test(flavor = "multi_thread")]
async fn the_lag_grows_while_the_store_is_away() {
    const LAG: &str = "kefu_archiver_lag_records";
    const OUTCOMES: &str = "kefu_archiver_outcomes_total";
    let (folder, stop, registry) = (tempfile::tempdir().unwrap(), CancellationToken::new(), Registry::new());
    let (broker, store) = (broker(folder.path()).await, store(folder.path()));
    let link = link(&broker, &store, &stop).await;
    let away = |method| (method == "write_log_batch").then_some(Fault::Unavailable);
    let faulty = Arc::new(Faulty::new(store.clone(), away));
    let running = tokio::spawn(task(&broker, faulty.clone(), &registry, &stop).run());
    say(&link, 1).await;
    until("a call that fails", || value(&registry, "kefu_archiver_retries_total") > 0.0).await;
    let before = value(&registry, LAG);
    for n in 2..=30 {
        say(&link, n).await;
    }
    until("the lag", || value(&registry, LAG) > before + 20.0).await;
    assert!(value(&registry, OUTCOMES) < 0.5, "nothing is archived");
    faulty.set_plan(|_| None);
    until("the archive", || (value(&registry, OUTCOMES) - 30.0).abs() < 0.5).await;
    until("no lag", || value(&registry, LAG) < 0.5).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    link.stop().await;
}

async fn heard(progress: &mut Box<dyn Subscription>) -> bool {
    let event = tokio::time::timeout(2 * ANNOUNCE_EVERY, progress.next()).await;
    matches!(event, Ok(Some(CoreEvent::Message(_))))
}

#[tokio::test]
async fn an_archiver_with_nothing_to_do_says_how_far_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (broker, store) = (broker(folder.path()).await, store(folder.path()));
    let mut progress = broker.transport().subscribe(&format!("archived.{LOG}")).await.unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(task(&broker, store, &Registry::new(), &stop).run());
    for time in 1..=2 {
        assert!(heard(&mut progress).await, "{time}");
    }
    stop.cancel();
    running.await.unwrap().unwrap();
}
