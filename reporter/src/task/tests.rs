//! A reporter beside a router, on the embedded broker and SQLite.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;

use kefu_model::command::Answer;
use kefu_model::ids::{DeviceId, Partition, Role, TenantId, User, UserId};
use kefu_model::{Actor, At, Audience, Body, Command, CommandHash, Content, ConversationId, Identity, Parties};
use kefu_nats::embedded::{Embedded, EmbeddedConfig};
use kefu_nats::engine::Limits;
use kefu_nats::link::{LinkConfig, LinkMetrics};
use kefu_nats::{BrokerSettings, Link, LogKind, clock};
use kefu_router::{Router, RouterConfig};
use kefu_store::{Fault, Faulty, Metric, RollupQuery, SqliteConfig, SqliteStore};
use prometheus::Registry;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;

const WAIT: Duration = Duration::from_secs(20);
const HOUR_MS: u64 = 60 * 60 * 1_000;
const LOG: LogName = LogName { kind: LogKind::Chat, partition: Partition(0) };

struct Deployment {
    broker: Broker,
    store: Arc<dyn Store>,
    link: Link,
    sent: u64,
}

impl Deployment {
    async fn start(folder: &Path, stop: &CancellationToken) -> Self {
        let transport = Embedded::open(EmbeddedConfig::new(folder.join("log"))).await.unwrap();
        let settings = BrokerSettings { partitions: 1, ..BrokerSettings::default() };
        let broker = Broker::open(Arc::new(transport), settings).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&SqliteConfig::new(folder.join("kefu.db"))).unwrap());
        let (events, mut heard) = mpsc::channel(1_000);
        let metrics = LinkMetrics::register(&Registry::new()).unwrap();
        let link = Link::start(broker.clone(), LinkConfig::new("edge".to_owned()), metrics, events).await.unwrap();
        tokio::spawn(async move { while heard.recv().await.is_some() {} });
        let config = RouterConfig { worker: "router".to_owned(), settle: Duration::ZERO, limits: Limits::default() };
        let router = Router::bind(config, broker.clone(), store.clone(), &Registry::new()).unwrap();
        tokio::spawn(router.serve(stop.clone()));
        Self { broker, store, link, sent: 0 }
    }

    fn report(&self, checkpoint_every: Duration) -> (CancellationToken, JoinHandle<Result<(), ReporterError>>) {
        self.report_to(self.store.clone(), &Registry::new(), checkpoint_every)
    }

    fn report_to(
        &self,
        store: Arc<dyn Store>,
        registry: &Registry,
        checkpoint_every: Duration,
    ) -> (CancellationToken, JoinHandle<Result<(), ReporterError>>) {
        let stop = CancellationToken::new();
        let task = Task {
            gather: Gather::every(Duration::from_millis(10), 1),
            checkpoint_every,
            broker: self.broker.clone(),
            store,
            metrics: Arc::new(Metrics::register(registry).unwrap()),
            log: LOG,
            reading: Reading::new(stop.clone()),
        };
        (stop, tokio::spawn(task.run()))
    }

    async fn say(&mut self, messages: u64) {
        for _ in 0..messages {
            self.sent += 1;
            let visitor = User::customer(UserId::new("v").unwrap());
            let command = Command {
                tenant: tenant(),
                conversation: ConversationId::support(&tenant(), &visitor.id),
                actor: Actor::User { user: visitor.clone(), role: Role::Customer, name: None },
                identity: Some(Identity::Device { device: DeviceId::new("d").unwrap(), n: self.sent }),
                hash: CommandHash([1; 16]),
                parties: Some(Parties::Support { customer: visitor, name: None }),
                body: Body::Message { content: Content::Text("hello".to_owned()), audience: Audience::All },
            };
            let answer = self.link.ask(&command, WAIT).await;
            assert!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
        }
    }

    /// Waits until every message is counted, once.
    async fn until_counted(&self) {
        let (began, now) = (Instant::now(), clock::now());
        loop {
            let (from, to) = (At(now.0 - HOUR_MS), At(now.0 + HOUR_MS));
            let query = RollupQuery { from, to, agent: None };
            let rows = self.store.rollups(&tenant(), &query).await.unwrap();
            let messages = rows.iter().filter(|row| row.metric == Metric::CustomerMessages).map(|row| row.value);
            let counted: u64 = messages.sum();
            if counted == self.sent {
                return;
            }
            assert!(counted < self.sent && began.elapsed() < WAIT, "{counted} of {}", self.sent);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn saved(&self) -> Option<u64> {
        let checkpoint = self.store.checkpoint(Reader::Reporter, LOG.partition).await.unwrap();
        checkpoint.map(|checkpoint| checkpoint.position)
    }
}

fn tenant() -> TenantId {
    TenantId::new("t").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_written_at_once_and_the_state_now_and_then_and_at_a_stop() {
    let (folder, stop_all) = (tempfile::tempdir().unwrap(), CancellationToken::new());
    let mut deployment = Deployment::start(folder.path(), &stop_all).await;
    let seldom = Duration::from_secs(3_600);
    let (_, task) = deployment.report(seldom);
    deployment.say(3).await;
    deployment.until_counted().await;
    assert_eq!(deployment.saved().await, None, "the state is not written with each batch");
    task.abort();
    let (stop, task) = deployment.report(seldom);
    deployment.say(2).await;
    deployment.until_counted().await;
    stop.cancel();
    task.await.unwrap().unwrap();
    let head = deployment.broker.log_info(LOG).await.unwrap().last;
    assert_eq!(deployment.saved().await, Some(head));
    let (_, task) = deployment.report(Duration::from_millis(100));
    deployment.say(2).await;
    deployment.until_counted().await;
    let (began, head) = (Instant::now(), deployment.broker.log_info(LOG).await.unwrap().last);
    while deployment.saved().await != Some(head) {
        assert!(began.elapsed() < WAIT, "a log that is quiet is saved too");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    task.abort();
    stop_all.cancel();
    deployment.link.stop().await;
}

/// The sum of a metric's values; of a histogram, how many there were.
fn value(registry: &Registry, name: &str) -> f64 {
    let families = registry.gather();
    let metrics = families.iter().filter(|family| family.name() == name).flat_map(|family| family.get_metric());
    let count = |count: u64| f64::from(u32::try_from(count).unwrap());
    metrics
        .map(|metric| {
            metric.get_gauge().get_value()
                + metric.get_counter().get_value()
                + count(metric.get_histogram().get_sample_count())
        })
        .sum()
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
    const LAG: &str = "kefu_reporter_lag_records";
    const OUTCOMES: &str = "kefu_reporter_outcomes_total";
    let (folder, stop_all, registry) = (tempfile::tempdir().unwrap(), CancellationToken::new(), Registry::new());
    let mut deployment = Deployment::start(folder.path(), &stop_all).await;
    let away = |method| (method == "write_rollups").then_some(Fault::Unavailable);
    let faulty = Arc::new(Faulty::new(deployment.store.clone(), away));
    let (stop, task) = deployment.report_to(faulty.clone(), &registry, Duration::from_secs(3_600));
    deployment.say(30).await;
    until("the lag", || value(&registry, LAG) > 20.0).await;
    assert!(value(&registry, OUTCOMES) < 0.5, "nothing is stored");
    faulty.set_plan(|_| None);
    deployment.until_counted().await;
    until("the outcomes", || (value(&registry, OUTCOMES) - 30.0).abs() < 0.5).await;
    assert!(value(&registry, "kefu_reporter_folded_seconds") > 0.5);
    until("no lag", || value(&registry, LAG) < 0.5).await;
    stop.cancel();
    task.await.unwrap().unwrap();
    stop_all.cancel();
    deployment.link.stop().await;
}
