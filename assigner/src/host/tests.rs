//! An assigner beside a router, on the embedded broker and SQLite.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::path::Path;

use kefu_live::MemoryLive;
use kefu_model::allocation::Settings;
use kefu_model::command::Answer;
use kefu_model::ids::{DeviceId, Role, UserId, allocation_partition_of};
use kefu_model::{Actor, Audience, Body, Command, CommandHash, Content, Identity, Parties};
use kefu_nats::embedded::{Embedded, EmbeddedConfig};
use kefu_nats::engine::worker::{WorkerSettings, run_worker};
use kefu_nats::engine::{Limits, OwnerMetrics};
use kefu_nats::link::{LinkConfig, LinkMetrics};
use kefu_nats::{Broker, BrokerSettings, Link, LogKind, codec};
use kefu_router::{Router, RouterConfig};
use kefu_store::{SqliteConfig, SqliteStore, Store};
use prometheus::Registry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;

const WAIT: Duration = Duration::from_secs(20);
const PARTITION: Partition = Partition(0);

struct Deployment {
    handles: AssignerHandles,
    registry: Registry,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Deployment {
    async fn start(folder: &Path) -> Self {
        let transport = Embedded::open(EmbeddedConfig::new(folder.join("log"))).await.unwrap();
        let settings = BrokerSettings { partitions: 1, allocation_partitions: 2, ..BrokerSettings::default() };
        let broker = Broker::open(Arc::new(transport), settings).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&SqliteConfig::new(folder.join("kefu.db"))).unwrap());
        let (events, mut heard) = mpsc::channel(1_000);
        let metrics = LinkMetrics::register(&Registry::new()).unwrap();
        let link = Link::start(broker.clone(), LinkConfig::new("edge".to_owned()), metrics, events).await.unwrap();
        let handles = AssignerHandles { broker, link, store, live: Arc::new(MemoryLive::new(1)) };
        let mut deployment =
            Self { handles, registry: Registry::new(), stop: CancellationToken::new(), tasks: Vec::new() };
        deployment.tasks.push(tokio::spawn(async move { while heard.recv().await.is_some() {} }));
        deployment.route();
        deployment.assign();
        deployment
    }

    fn route(&mut self) {
        let config = RouterConfig { worker: "router".to_owned(), settle: Duration::ZERO, limits: Limits::default() };
        let (broker, store) = (self.handles.broker.clone(), self.handles.store.clone());
        let router = Router::bind(config, broker, store, &Registry::new()).unwrap();
        let stop = self.stop.clone();
        self.tasks.push(tokio::spawn(async move { router.serve(stop).await.unwrap() }));
    }

    fn assign(&mut self) {
        let registry = &self.registry;
        let (handles, metrics) = (self.handles.clone(), Arc::new(Metrics::register(registry).unwrap()));
        let settings = WorkerSettings {
            worker: "assigner".to_owned(),
            kind: LogKind::Allocation,
            settle: Duration::ZERO,
            limits: Limits { hot_idle_ms: u64::MAX, hot_states: usize::MAX, tail_bytes: 0, ..Limits::default() },
            metrics: OwnerMetrics::register(registry, LogKind::Allocation).unwrap(),
        };
        let make_host = move |log| {
            let mut host = AllocationHost::new(handles.clone(), log, metrics.clone());
            host.save_quiet_every = Duration::from_millis(200);
            host
        };
        let (broker, stop) = (self.handles.broker.clone(), self.stop.clone());
        let domain = Arc::new(Allocations { settings: Settings::default() });
        self.tasks
            .push(tokio::spawn(async move { run_worker(broker, settings, domain, make_host, stop).await.unwrap() }));
    }

    async fn say(&self, tenant: &TenantId, n: u64) {
        let visitor = User::customer(UserId::new("v").unwrap());
        let command = Command {
            tenant: tenant.clone(),
            conversation: ConversationId::support(tenant, &visitor.id),
            actor: Actor::User { user: visitor.clone(), role: Role::Customer, name: None },
            identity: Some(Identity::Device { device: DeviceId::new("d").unwrap(), n }),
            hash: CommandHash([1; 16]),
            parties: Some(Parties::Support { customer: visitor, name: None }),
            body: Body::Message { content: Content::Text("hello".to_owned()), audience: Audience::All },
        };
        let answer = self.handles.link.ask(&command, WAIT).await;
        assert!(matches!(answer, Answer::Accepted { .. }), "{answer:?}");
    }

    /// Sessions that wait, of each log owned here.
    fn waiting(&self) -> Vec<f64> {
        let all = self.registry.gather();
        let found = all.iter().filter(|family| family.name() == "kefu_assigner_waiting_sessions");
        found.flat_map(|family| family.get_metric()).map(|metric| metric.get_gauge().get_value()).collect()
    }

    async fn head(&self) -> u64 {
        let log = LogName { kind: LogKind::Chat, partition: PARTITION };
        self.handles.broker.log_info(log).await.unwrap().last
    }

    /// What the checkpoint of an allocation partition says: its tenants, and from where the log needs not be read again.
    async fn saved(&self, allocation: Partition) -> (usize, u64) {
        let checkpoint = self.handles.store.checkpoint(LogReader::Assigner, allocation).await.unwrap();
        let Some(checkpoint) = checkpoint else { return (0, 0) };
        let kept = codec::decode_allocation_checkpoint(&checkpoint.state).unwrap();
        (kept.states.len(), codec::read_until(&kept.states, &kept.observed, PARTITION, 1))
    }

    async fn stop(&mut self) {
        self.stop.cancel();
        self.handles.link.stop().await;
        for task in self.tasks.drain(..) {
            task.await.unwrap();
        }
    }
}

/// Two tenants of the first allocation partition.
fn tenants() -> [TenantId; 2] {
    let all = (0..).map(|n| TenantId::new(&format!("t{n}")).unwrap());
    let mut first = all.filter(|tenant| allocation_partition_of(tenant, 2) == Partition(0));
    [first.next().unwrap(), first.next().unwrap()]
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_a_quiet_tenant_nor_a_partition_without_one_holds_the_observers_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut deployment = Deployment::start(folder.path()).await;
    let [quiet, busy] = tenants();
    deployment.say(&quiet, 1).await;
    for n in 1..=20 {
        deployment.say(&busy, n).await;
    }
    let head = deployment.head().await;
    let began = Instant::now();
    loop {
        let saved = [deployment.saved(Partition(0)).await, deployment.saved(Partition(1)).await];
        if saved == [(2, head), (0, head)] {
            break;
        }
        assert!(began.elapsed() < WAIT, "{saved:?} of {head}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut waiting = deployment.waiting();
    waiting.sort_by(f64::total_cmp);
    assert_eq!(waiting, [0.0, 2.0], "each log says its own");
    deployment.stop().await;
    assert_eq!(deployment.waiting(), [0.0; 0], "what is not owned is not said");
}
