//! Chats: each visitor sends, a second device of theirs receives.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::client::{self, Visitor};
use crate::process::usage;

/// How the load is made.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Visitors.
    pub conversations: usize,
    /// Unanswered messages of each.
    pub window: u64,
    /// How long, in seconds.
    pub seconds: u64,
    /// Messages per second of all together.
    pub rate: Option<u64>,
}

#[derive(Default)]
struct Counts {
    delivered: AtomicU64,
    latencies: Mutex<Vec<Duration>>,
}

/// Runs the load and prints a table.
pub async fn run(url: &str, pid: Option<u32>, plan: Plan) -> anyhow::Result<()> {
    let http = reqwest::Client::new();
    let counts = Arc::new(Counts::default());
    let mut visitors = Vec::new();
    for _ in 0..plan.conversations {
        visitors.push(client::visitor(&http, url).await?);
    }
    println!("{} visitors", visitors.len());
    let (began, before) = (Instant::now(), usage(pid));
    let until = began + Duration::from_secs(plan.seconds);
    let pause = plan.rate.map(|rate| Duration::from_secs_f64(plan.conversations as f64 / rate as f64));
    let mut tasks = JoinSet::new();
    for visitor in visitors {
        let (url, counts) = (url.to_owned(), counts.clone());
        tasks.spawn(async move { chat(&url, &visitor, plan.window, pause, until, &counts).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    report(&counts, began.elapsed(), before.zip(usage(pid))).await;
    Ok(())
}

async fn chat(
    url: &str,
    visitor: &Visitor,
    window: u64,
    pause: Option<Duration>,
    until: Instant,
    counts: &Arc<Counts>,
) -> anyhow::Result<()> {
    let (mut watcher, mut watched) = client::connect(url, visitor, "watcher").await?;
    watcher.attach(visitor).await?;
    watched.until("attached").await?;
    let (mut sender, mut receiver) = client::connect(url, visitor, "sender").await?;
    let seen = counts.clone();
    let reading = tokio::spawn(async move {
        while let Ok(frames) = watched.frames().await {
            let events =
                frames.iter().filter(|frame| frame["t"] == "deliver").filter_map(|frame| frame["events"].as_array());
            let messages = events.flatten().filter(|event| event["type"] == "message").count();
            seen.delivered.fetch_add(messages as u64, Ordering::Relaxed);
        }
    });
    let text = "x".repeat(200);
    let mut sent: VecDeque<Instant> = VecDeque::new();
    let mut latencies = Vec::new();
    let (mut n, mut due) = (0, Instant::now());
    while Instant::now() < until || !sent.is_empty() {
        let may_send = Instant::now() < until && pause.is_none_or(|_| Instant::now() >= due);
        if may_send && (sent.len() as u64) < window {
            n += 1;
            let intended = if pause.is_some() { due } else { Instant::now() };
            due += pause.unwrap_or_default();
            sent.push_back(intended);
            sender.message(visitor, n, &text).await?;
            continue;
        }
        let wait =
            if pause.is_some() { due.saturating_duration_since(Instant::now()) } else { Duration::from_secs(20) };
        let wait = if Instant::now() < until { wait.max(Duration::from_micros(100)) } else { Duration::from_secs(20) };
        let Ok(frames) = tokio::time::timeout(wait, receiver.frames()).await else { continue };
        for frame in frames? {
            match frame["t"].as_str() {
                Some("ack") => latencies.extend(sent.pop_front().map(|sent| sent.elapsed())),
                Some("rejected") => bail!("rejected: {frame}"),
                _ => {}
            }
        }
    }
    counts.latencies.lock().await.extend(latencies);
    tokio::time::sleep(Duration::from_millis(200)).await;
    reading.abort();
    drop(watcher);
    Ok(())
}

async fn report(counts: &Counts, took: Duration, usage: Option<(crate::process::Usage, crate::process::Usage)>) {
    let mut latencies = counts.latencies.lock().await;
    latencies.sort_unstable();
    let at = |share: f64| {
        let index = ((latencies.len() as f64 * share) as usize).min(latencies.len().saturating_sub(1));
        latencies.get(index).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    };
    println!("acked      {:>10}  {:>10.0}/s", latencies.len(), latencies.len() as f64 / took.as_secs_f64());
    println!("delivered  {:>10}", counts.delivered.load(Ordering::Relaxed));
    println!("ack ms     p50 {:.2}  p99 {:.2}  max {:.2}", at(0.5), at(0.99), at(1.0));
    if let Some((before, after)) = usage {
        let cores = (after.cpu_seconds - before.cpu_seconds) / took.as_secs_f64();
        println!("process    {cores:.2} cores, {} MiB resident", after.resident_bytes / 1024 / 1024);
    }
}
