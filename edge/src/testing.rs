//! Doubles for tests: an upstream that only remembers, and an edge around it.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use kefu_files::Files;
use kefu_live::{Fault, Faulty, Live, MemoryLive};
use kefu_model::allocation::{AllocationAnswer, AllocationCommand};
use kefu_model::command::Answer;
use kefu_model::{At, Command, Conversation, ConversationId, Name, Refusal, Role, TenantId, User, UserId};
use kefu_nats::link::{AttachRequest, LinkStatus, OnAnswer};
use kefu_nats::notice::Notice;
use kefu_nats::report::{ProcessReport, Quantile, Rate, Resources, Timing};
use kefu_nats::transport::TransportError;
use kefu_nats::view::{AllocationView, Snapshot};
use kefu_store::{SqliteConfig, SqliteStore, Store};
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::assets::{Asset, Assets};
use crate::auth::{Admission, Caller, Credential};
use crate::config::{EdgeConfig, TenantConfig};
use crate::connection::{Arrival, Connection, Mail, Transport};
use crate::edge::{EdgeInfo, Parts, assemble};
use crate::frame::{ClientFrame, Codec, ServerFrame};
use crate::machine::Input;
use crate::presence::Chosen;
use crate::services::Services;
use crate::upstream::Upstream;
use crate::{accept, rest, sweep};

/// An upstream that remembers what it was asked.
pub(crate) struct FakeUpstream {
    pub(crate) submitted: Mutex<Vec<(Command, OnAnswer)>>,
    pub(crate) attached: Mutex<Vec<AttachRequest>>,
    pub(crate) detached: Mutex<Vec<ConversationId>>,
    pub(crate) notices: Mutex<Vec<Notice>>,
    pub(crate) allocations: Mutex<Vec<AllocationCommand>>,
    pub(crate) snapshots: Mutex<HashMap<ConversationId, Arc<Snapshot>>>,
    pub(crate) view: Mutex<Result<AllocationView, Refusal>>,
    pub(crate) views_asked: AtomicUsize,
}

impl Default for FakeUpstream {
    fn default() -> Self {
        Self {
            submitted: Mutex::default(),
            attached: Mutex::default(),
            detached: Mutex::default(),
            notices: Mutex::default(),
            allocations: Mutex::default(),
            snapshots: Mutex::default(),
            view: Mutex::new(Ok(AllocationView::default())),
            views_asked: AtomicUsize::new(0),
        }
    }
}

#[async_trait]
impl Upstream for FakeUpstream {
    fn submit(&self, command: &Command, on_answer: OnAnswer) {
        self.submitted.lock().push((command.clone(), on_answer));
    }

    async fn ask(&self, _: &Command, _: Duration) -> Answer {
        Answer::refused(Refusal::NoAnswer)
    }

    fn attach(&self, requests: Vec<AttachRequest>) {
        self.attached.lock().extend(requests);
    }

    fn detach(&self, _: &TenantId, conversation: ConversationId) {
        self.detached.lock().push(conversation);
    }

    async fn snapshot(&self, tenant: &TenantId, conversation: ConversationId) -> Result<Arc<Snapshot>, Refusal> {
        let known = self.snapshots.lock().get(&conversation).cloned();
        let absent = Snapshot { epoch: 1, conversation: Conversation::absent(tenant.clone(), conversation) };
        Ok(known.unwrap_or_else(|| Arc::new(absent)))
    }

    async fn allocation(&self, _: &TenantId, command: &AllocationCommand) -> AllocationAnswer {
        self.allocations.lock().push(command.clone());
        AllocationAnswer::Done
    }

    async fn allocation_view(&self, _: &TenantId) -> Result<AllocationView, Refusal> {
        self.views_asked.fetch_add(1, Ordering::Relaxed);
        // Whoever else asks meanwhile gets a turn.
        tokio::task::yield_now().await;
        self.view.lock().clone()
    }

    async fn notify(&self, notice: &Notice) {
        self.notices.lock().push(notice.clone());
    }

    fn status(&self) -> LinkStatus {
        LinkStatus { connected: true, trouble: None, owned: 1, logs: 1, archive_lag_records: 0 }
    }

    fn key(&self) -> &str {
        "0123456789abcdef"
    }

    async fn relay(&self, _: &str, _: Bytes) -> Result<Bytes, TransportError> {
        Err(TransportError::NoResponder { subject: "nobody".to_owned() })
    }
}

struct NoAssets;

impl Assets for NoAssets {
    fn get(&self, path: &str) -> Option<Asset> {
        let page = Asset { bytes: "<p>".into(), mime: "text/html; charset=utf-8".into(), immutable: false };
        let hashed = Asset { immutable: true, ..page.clone() };
        match path {
            "index.html" | "kefu/index.html" | "kehu/index.html" => Some(page),
            "assets/app-1a2b.js" => Some(hashed),
            _ => None,
        }
    }
}

/// An edge with doubles.
pub(crate) struct TestEdge {
    pub(crate) services: Arc<Services>,
    pub(crate) upstream: Arc<FakeUpstream>,
    pub(crate) notices: tokio::sync::mpsc::Receiver<Notice>,
    _folder: TempDir,
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new("default").unwrap()
}

/// A configuration with one tenant.
pub(crate) fn config() -> EdgeConfig {
    EdgeConfig {
        tenants: vec![TenantConfig {
            tenant: tenant(),
            site_key: "default".into(),
            identity_secret: Some("0123456789abcdef0123456789abcdef".to_owned().into()),
            identity_audience: "kefu".into(),
        }],
        public_url: Some("https://chat.example.org".into()),
        ..EdgeConfig::default()
    }
}

impl TestEdge {
    pub(crate) fn new(config: EdgeConfig) -> Self {
        let edge = Self::cold(config);
        edge.services.warmth.complete();
        edge
    }

    /// An edge that has loaded nothing yet.
    pub(crate) fn cold(config: EdgeConfig) -> Self {
        Self::with_live(config, Arc::new(MemoryLive::new(1)))
    }

    /// An edge whose `live` fails as the test likes.
    pub(crate) fn with_faults(config: EdgeConfig) -> (Self, Arc<Faulty>) {
        let live = Arc::new(Faulty::new(|_| None));
        let edge = Self::with_live(config, live.clone());
        edge.services.warmth.complete();
        (edge, live)
    }

    /// An edge whose store fails as the test likes.
    pub(crate) fn with_faulty_store(config: EdgeConfig) -> (Self, Arc<kefu_store::Faulty>) {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(kefu_store::Faulty::new(sqlite(&folder), |_| None));
        let edge = Self::with_backends(config, folder, store.clone(), Arc::new(MemoryLive::new(1)));
        edge.services.warmth.complete();
        (edge, store)
    }

    fn with_live(config: EdgeConfig, live: Arc<dyn Live>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = sqlite(&folder);
        Self::with_backends(config, folder, store, live)
    }

    fn with_backends(config: EdgeConfig, folder: TempDir, store: Arc<dyn Store>, live: Arc<dyn Live>) -> Self {
        let upstream = Arc::new(FakeUpstream::default());
        let prometheus = prometheus::Registry::new();
        let parts = Parts {
            store,
            live,
            files: Files::in_memory(),
            assets: Arc::new(NoAssets),
            prometheus,
            info: EdgeInfo::default(),
        };
        let (services, notices) = assemble(config, parts, upstream.clone(), b"a secret of the deployment").unwrap();
        Self { services, upstream, notices, _folder: folder }
    }

    /// A connection that was welcomed.
    pub(crate) async fn connect(&self, caller: Caller) -> Arc<Connection> {
        let admission = Admission {
            status: caller.is_agent().then_some(Chosen::ONLINE),
            caller,
            connection_id: "c".into(),
            renewed: None,
        };
        let arrival = Arrival { admission: Some(Box::new(admission)), ..Arrival::default() };
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let connection = Connection::new(&self.services, Transport::WebSocket, Codec::Json, address, arrival);
        let device = format!("device-{}", connection.number);
        let hello = ClientFrame::Hello { v: 1, token: None, device, client: None, batch: false };
        connection.input(Input::Frame(hello));
        for _ in 0..1_000 {
            if !frames(&connection).is_empty() {
                return connection;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("no welcome");
    }
}

fn sqlite(folder: &TempDir) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(&SqliteConfig::new(folder.path().join("kefu.db"))).unwrap())
}

/// Serves an edge with doubles on a free port.
pub(crate) async fn serve_on_a_port(config: EdgeConfig) -> (TestEdge, SocketAddr, CancellationToken) {
    serve(TestEdge::new(config)).await
}

/// Serves an edge on a free port.
pub(crate) async fn serve(edge: TestEdge) -> (TestEdge, SocketAddr, CancellationToken) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(sweep::run(Arc::clone(&edge.services), stop.clone()));
    let (services, shutdown) = (Arc::clone(&edge.services), stop.clone());
    tokio::spawn(async move {
        let router = rest::router(&services);
        accept::run(listener, router, &services.config, services.tasks.clone(), shutdown).await;
    });
    (edge, address, stop)
}

/// From now on calls of these methods fail; answers with the calls so far.
pub(crate) fn failing(live: &Faulty, methods: &'static [&'static str]) -> Arc<Mutex<Vec<&'static str>>> {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&calls);
    live.set_plan(move |method| {
        noted.lock().push(method);
        methods.contains(&method).then_some(Fault::Unavailable)
    });
    calls
}

/// The frames queued to a connection.
pub(crate) fn frames(connection: &Connection) -> Vec<ServerFrame> {
    match connection.mailbox.take(&Context::from_waker(Waker::noop()), usize::MAX, usize::MAX) {
        Mail::Frames(frames) => frames.iter().map(|frame| serde_json::from_slice(frame).unwrap()).collect(),
        Mail::Closed(_) | Mail::Nothing => Vec::new(),
    }
}

pub(crate) fn agent(id: &str, role: Role) -> Caller {
    Caller {
        tenant: tenant(),
        user: User::agent(UserId::new(id).unwrap()),
        role,
        name: Name::new(id).ok(),
        capacity: Some(5),
        credential: Credential::Login {
            hash: [7; 32],
            expires_at: At(u64::MAX),
            remember: false,
            last_seen_at: crate::clock::now(),
        },
    }
}

pub(crate) fn customer(id: &str) -> Caller {
    Caller {
        tenant: tenant(),
        user: User::customer(UserId::new(id).unwrap()),
        role: Role::Customer,
        name: None,
        capacity: None,
        credential: Credential::Visitor { issued_at: At(0), expires_at: At(u64::MAX) },
    }
}

/// What an edge of that name may tell of itself.
pub(crate) fn process_report(name: &str) -> ProcessReport {
    let quantile = |ms, at_least| Quantile { ms, at_least };
    let timing = Timing {
        name: "kefu_edge_answer_seconds".to_owned(),
        labels: vec![("kind".to_owned(), "chat".to_owned())],
        count: 30,
        per_second: 0.5,
        p50: quantile(1.5, false),
        p95: quantile(20.0, false),
        p99: quantile(20.0, true),
    };
    ProcessReport {
        name: name.to_owned(),
        roles: vec!["edge".to_owned()],
        version: "1.2.3".to_owned(),
        started_at: At(1_000),
        uptime_s: 7,
        resources: Resources {
            cpu_cores: Some(0.25),
            memory_bytes: Some(1_000_000),
            connections: Some(4),
            ..Resources::default()
        },
        window_ms: 60_000,
        timings: vec![timing],
        timings_left_out: 3,
        rates: vec![Rate { name: "kefu_edge_frames_in_total".to_owned(), per_second: 2.5 }],
    }
}
