//! Two processes share the owning of logs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kefu_model::Conversation;
use kefu_model::conversation::DeviceLog;
use parking_lot::Mutex;
use prometheus::Registry;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::clients::conversation;
use super::domain::{Ask, ChatState, Chats, IdentityName, IdentityRow};
use super::shelf::tenant;
use crate::broker::{Broker, BrokerSettings, LogKind, LogName, is_in_use};
use crate::embedded::{Embedded, EmbeddedConfig};
use crate::engine::worker::{WorkerSettings, run_worker};
use crate::engine::{Counted, Host, Limits, LoadError, Loader, Owner, OwnerMetrics, Route, Row, Start, Want};
use crate::testing::TempDir;
use crate::transport::CoreMessage;

const PARTITIONS: u16 = 8;
const LIMIT: Duration = Duration::from_secs(20);

/// Who claimed each log, in order.
type Board = Arc<Mutex<BTreeMap<LogName, Vec<&'static str>>>>;

/// What is wrong with a process's store.
#[derive(Default)]
struct Trouble {
    away: AtomicBool,
    hangs: AtomicBool,
    /// Claims under way, and the most there were at a time.
    claiming: AtomicUsize,
    claiming_max: AtomicUsize,
}

struct Desk {
    name: &'static str,
    log: LogName,
    board: Board,
    trouble: Arc<Trouble>,
}

#[async_trait]
impl Loader<Chats> for Trouble {
    async fn load(&self, id: &kefu_model::ConversationId, want: &Want<IdentityName>) -> Result<Row<Chats>, LoadError> {
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        Ok(match want {
            Want::State => Row::State { state: ChatState::new(Conversation::absent(tenant(), *id)), position: 0 },
            Want::Extra(extra) => {
                Row::Extra { extra: extra.clone(), row: IdentityRow::Device(DeviceLog::default()), position: 0 }
            }
        })
    }
}

#[async_trait]
impl Host<Chats> for Desk {
    async fn start(&mut self) -> Result<Start, LoadError> {
        if self.trouble.away.load(Ordering::Relaxed) {
            return Err(LoadError::Away("on purpose".into()));
        }
        let claiming = self.trouble.claiming.fetch_add(1, Ordering::Relaxed) + 1;
        self.trouble.claiming_max.fetch_max(claiming, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(Start::default())
    }

    fn loader(&self) -> Arc<dyn Loader<Chats>> {
        self.trouble.clone()
    }

    async fn owning(&mut self, _: u64) {
        self.trouble.claiming.fetch_sub(1, Ordering::Relaxed);
        self.board.lock().entry(self.log).or_default().push(self.name);
    }

    async fn counted(&mut self, _: &Owner<Chats>, _: Counted<Chats>) {}

    async fn message(&mut self, _: &Owner<Chats>, _: CoreMessage) -> Vec<(Route, Ask)> {
        Vec::new()
    }

    /// There is always somebody who looks.
    async fn tick(&mut self, _: &Owner<Chats>) -> Vec<(Route, Ask)> {
        vec![(Route::Question(1), Ask::Look(conversation(0)))]
    }

    fn numbers(&self) -> Vec<(String, u64)> {
        Vec::new()
    }
}

struct Process {
    trouble: Arc<Trouble>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn broker(dir: &TempDir) -> Broker {
    let config = EmbeddedConfig { fsync: false, ..EmbeddedConfig::new(dir.path()) };
    let transport = Arc::new(Embedded::open(config).await.unwrap());
    let settings = BrokerSettings { partitions: PARTITIONS, ..BrokerSettings::default() };
    Broker::open(transport, settings).await.unwrap()
}

fn join(broker: &Broker, name: &'static str, board: &Board, away: bool) -> Process {
    let trouble = Arc::new(Trouble { away: away.into(), ..Trouble::default() });
    let settings = WorkerSettings {
        worker: name.to_owned(),
        kind: LogKind::Chat,
        settle: Duration::from_millis(700),
        limits: Limits::default(),
        metrics: OwnerMetrics::register(&Registry::new(), LogKind::Chat).unwrap(),
    };
    let (shared, board, stop) = (trouble.clone(), board.clone(), CancellationToken::new());
    let make_host = move |log| Desk { name, log, board: board.clone(), trouble: shared.clone() };
    let (broker, shutdown, domain) = (broker.clone(), stop.clone(), Arc::new(Chats { deduplicates: true }));
    let task = tokio::spawn(async move { run_worker(broker, settings, domain, make_host, shutdown).await.unwrap() });
    Process { trouble, stop, task }
}

/// Waits until somebody owns each log; says how often logs were claimed.
async fn until_owned(board: &Board, is_so: impl Fn(&str) -> bool) -> usize {
    let began = Instant::now();
    loop {
        {
            let board = board.lock();
            let last = board.values().filter_map(|names| names.last()).filter(|name| is_so(name)).count();
            if last == usize::from(PARTITIONS) {
                return board.values().map(Vec::len).sum();
            }
            assert!(began.elapsed() < LIMIT, "{board:?}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn end(process: Process) {
    process.stop.cancel();
    process.task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_store_is_away_is_passed_over_and_logs_are_claimed_once() {
    let dir = TempDir::new();
    let (broker, board) = (broker(&dir).await, Board::default());
    let (a, b) = (join(&broker, "a", &board, true), join(&broker, "b", &board, false));
    let claims = until_owned(&board, |name| name == "b").await;
    assert_eq!(claims, usize::from(PARTITIONS));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(until_owned(&board, |name| name == "b").await, claims, "it keeps them");
    end(b).await;
    a.trouble.away.store(false, Ordering::Relaxed);
    until_owned(&board, |name| name == "a").await;
    end(a).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_in_use_while_somebody_works_on_them() {
    let dir = TempDir::new();
    let (broker, board) = (broker(&dir).await, Board::default());
    assert!(!is_in_use(&**broker.transport()).await.unwrap());
    let process = join(&broker, "a", &board, true);
    assert!(is_in_use(&**broker.transport()).await.unwrap());
    end(process).await;
    assert!(!is_in_use(&**broker.transport()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_away_for_everybody_makes_no_storm() {
    let dir = TempDir::new();
    let (broker, board) = (broker(&dir).await, Board::default());
    let (a, b) = (join(&broker, "a", &board, true), join(&broker, "b", &board, true));
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert!(board.lock().is_empty(), "a claim is written only by who can go on from it");
    for process in [&a, &b] {
        process.trouble.away.store(false, Ordering::Relaxed);
    }
    until_owned(&board, |_| true).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let claims = until_owned(&board, |_| true).await;
    assert!(claims <= 2 * usize::from(PARTITIONS), "{claims} claims");
    end(a).await;
    end(b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_stop_waits_for_no_load() {
    let dir = TempDir::new();
    let (broker, board) = (broker(&dir).await, Board::default());
    let a = join(&broker, "a", &board, false);
    a.trouble.hangs.store(true, Ordering::Relaxed);
    until_owned(&board, |name| name == "a").await;
    let b = join(&broker, "b", &board, true);
    tokio::time::sleep(Duration::from_secs(1)).await;
    b.trouble.away.store(false, Ordering::Relaxed);
    let began = Instant::now();
    end(a).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    until_owned(&board, |name| name == "b").await;
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    end(b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_holds_is_claimed_at_once_and_what_another_one_holds_step_by_step() {
    let dir = TempDir::new();
    let (broker, board) = (broker(&dir).await, Board::default());
    let b = join(&broker, "b", &board, false);
    until_owned(&board, |name| name == "b").await;
    assert_eq!(b.trouble.claiming_max.load(Ordering::Relaxed), usize::from(PARTITIONS));
    let a = join(&broker, "a", &board, false);
    let began = Instant::now();
    while board.lock().values().filter(|names| names.last() == Some(&"a")).count() < 2 {
        assert!(began.elapsed() < LIMIT, "{board:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(a.trouble.claiming_max.load(Ordering::Relaxed), 1, "one log is a step of {PARTITIONS}");
    end(b).await;
    until_owned(&board, |name| name == "a").await;
    end(a).await;
}
