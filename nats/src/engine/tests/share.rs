//! Two processes share the reading of logs.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::broker::{Broker, BrokerSettings, LogKind, LogName};
use crate::embedded::{Embedded, EmbeddedConfig};
use crate::engine::{Reading, ShareError, ShareSettings, run_share};
use crate::testing::TempDir;

const PARTITIONS: u16 = 16;
const LIMIT: Duration = Duration::from_secs(20);

/// Who works on each log at the moment.
type Board = Arc<Mutex<BTreeMap<LogName, Vec<&'static str>>>>;

async fn broker(dir: &TempDir) -> Broker {
    let config = EmbeddedConfig { fsync: false, ..EmbeddedConfig::new(dir.path()) };
    let transport = Arc::new(Embedded::open(config).await.unwrap());
    let settings = BrokerSettings { partitions: PARTITIONS, ..BrokerSettings::default() };
    Broker::open(transport, settings).await.unwrap()
}

fn join(broker: &Broker, name: &'static str, work: &'static str, board: &Board) -> (CancellationToken, JoinHandle<()>) {
    join_with(broker, name, work, board, Arc::default())
}

/// One whose work does not get on while that is so.
fn join_with(
    broker: &Broker,
    name: &'static str,
    work: &'static str,
    board: &Board,
    away: Arc<AtomicBool>,
) -> (CancellationToken, JoinHandle<()>) {
    let settle = Duration::from_millis(700);
    let settings = ShareSettings { worker: name.to_owned(), work, kind: LogKind::Chat, settle };
    let (board, broker, stop) = (board.clone(), broker.clone(), CancellationToken::new());
    let shutdown = stop.clone();
    let task = tokio::spawn(async move {
        let work = |log, reading: Reading| {
            let (board, away) = (board.clone(), away.clone());
            async move {
                board.lock().entry(log).or_default().push(name);
                while !reading.stop().is_cancelled() {
                    reading.set_stuck(away.load(Ordering::Relaxed));
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                board.lock().entry(log).or_default().retain(|other| *other != name);
                Ok::<(), Infallible>(())
            }
        };
        run_share(broker, settings, work, shutdown).await.unwrap();
    });
    (stop, task)
}

async fn until(what: &str, board: &Board, is_so: impl Fn(&BTreeMap<LogName, Vec<&'static str>>) -> bool) {
    let began = Instant::now();
    while !is_so(&board.lock()) {
        assert!(began.elapsed() < LIMIT, "{what}: {:?}", board.lock());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn count(board: &BTreeMap<LogName, Vec<&'static str>>, name: &str) -> usize {
    board.values().filter(|names| names.as_slice() == [name]).count()
}

#[tokio::test]
async fn each_log_is_read_by_one_and_whoever_leaves_is_replaced() {
    let dir = TempDir::new();
    let (broker, board) = (broker(&dir).await, Board::default());
    let all = usize::from(PARTITIONS);
    let (stop_a, task_a) = join(&broker, "a", "archive", &board);
    until("one has all", &board, |board| count(board, "a") == all).await;
    let (stop_b, task_b) = join(&broker, "b", "archive", &board);
    until("two share them", &board, |board| {
        let (a, b) = (count(board, "a"), count(board, "b"));
        a > 0 && b > 0 && a + b == all
    })
    .await;
    stop_a.cancel();
    task_a.await.unwrap();
    until("the one that is left has all", &board, |board| count(board, "b") == all).await;
    stop_b.cancel();
    task_b.await.unwrap();
    assert_eq!(count(&board.lock(), "b"), 0);
}

#[tokio::test]
async fn who_does_not_get_on_is_stood_in_for_until_it_does() {
    let dir = TempDir::new();
    let (broker, board) = (broker(&dir).await, Board::default());
    let all = usize::from(PARTITIONS);
    let away = Arc::new(AtomicBool::new(false));
    let (stop_a, task_a) = join_with(&broker, "a", "archive", &board, away.clone());
    let (stop_b, task_b) = join(&broker, "b", "archive", &board);
    until("two share them", &board, |board| count(board, "a") > 0 && count(board, "a") + count(board, "b") == all)
        .await;
    away.store(true, Ordering::Relaxed);
    let reads =
        |board: &BTreeMap<LogName, Vec<&str>>, name| board.values().filter(|names| names.contains(&name)).count();
    until("one reads all", &board, |board| reads(board, "b") == all).await;
    away.store(false, Ordering::Relaxed);
    until("two share them again", &board, |board| {
        count(board, "a") > 0 && count(board, "a") + count(board, "b") == all
    })
    .await;
    for (stop, task) in [(stop_a, task_a), (stop_b, task_b)] {
        stop.cancel();
        task.await.unwrap();
    }
}

#[tokio::test]
async fn different_work_is_not_shared() {
    let dir = TempDir::new();
    let (broker, archives, reports) = (broker(&dir).await, Board::default(), Board::default());
    let all = usize::from(PARTITIONS);
    let (stop_a, task_a) = join(&broker, "a", "archive", &archives);
    let (stop_b, task_b) = join(&broker, "b", "report", &reports);
    until("all are archived", &archives, |board| count(board, "a") == all).await;
    until("all are reported on", &reports, |board| count(board, "b") == all).await;
    stop_a.cancel();
    stop_b.cancel();
    task_a.await.unwrap();
    task_b.await.unwrap();
}

#[tokio::test]
async fn work_that_fails_ends_the_share() {
    #[derive(Debug, thiserror::Error)]
    #[error("on purpose")]
    struct OnPurpose;
    let dir = TempDir::new();
    let broker = broker(&dir).await;
    let settings =
        ShareSettings { worker: "a".to_owned(), work: "archive", kind: LogKind::Chat, settle: Duration::ZERO };
    let work = |_, _| async { Err(OnPurpose) };
    let ended = run_share(broker, settings, work, CancellationToken::new()).await;
    assert!(matches!(ended, Err(ShareError::Work(OnPurpose))));
}
