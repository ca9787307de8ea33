//! Loads, measures, and looks whether all arrived.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::pacer::{Pacer, Schedule};
use super::{Crowd, Hall, Load, Options, soak};
use crate::clock;
use crate::jetstream::{Appended, JetStream};
use crate::report::{Report, grouped};
use crate::site::{Archive, Site, Snapshot};

/// How often progress is printed.
const PROGRESS: Duration = Duration::from_secs(2);
/// The same in a soak, with resident memory.
const SOAK_PROGRESS: Duration = Duration::from_secs(30);
/// What has not arrived when nothing came for so long is lost.
const PATIENCE: Duration = Duration::from_secs(10);
/// What comes twice comes late.
const DOUBLES: Duration = Duration::from_millis(200);
/// The longest wait for what was due and could not be sent in time.
const DRAIN_LIMIT: Duration = Duration::from_secs(120);
/// How often conversations have their turn to be marked; all have had it after a second.
const MARK_TURNS: usize = 20;

/// Counts at a moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    at_ns: u64,
    acked: u64,
    delivered: u64,
}

/// Runs the load; what was measured goes into the report, what went wrong stays in the hall. Gives how many messages were
/// acked a second.
pub async fn run(
    site: &Site,
    jetstream: Option<&JetStream>,
    options: &Options,
    hall: &Rc<Hall>,
    crowd: &mut Crowd,
    archive: Archive,
    report: &mut Report,
) -> anyhow::Result<f64> {
    let start = clock::now_ns() + clock::ns(Duration::from_millis(100));
    let warm = start + clock::ns(Duration::from_secs(options.warmup));
    let end = warm + clock::ns(options.measured());
    hall.measure(warm..end);
    let opened = Reading::of(hall);
    begin(options, hall, crowd, start, end);
    if options.marks {
        crowd.spawn(mark(hall.clone()));
    }
    progress_until(warm, hall, PROGRESS, || {}).await;
    let appended_before = appended(jetstream).await?;
    let (before, first) = (Snapshot::take(site), Reading::of(hall));
    let mut memory = soak::Memory::default();
    let every = if options.minutes.is_some() { SOAK_PROGRESS } else { PROGRESS };
    progress_until(end, hall, every, || {
        if options.minutes.is_some() {
            memory.take(site.resident_bytes());
        }
    })
    .await;
    let (after, last) = (Snapshot::take(site), Reading::of(hall));
    let arrived = Cell::new(false);
    let (appended_after, drained, ()) =
        tokio::join!(appended(jetstream), archive.drain(site, || arrived.get()), async {
            drain(hall).await;
            hall.quiet();
            arrived.set(true);
            tokio::time::sleep(DOUBLES).await;
        });

    let seconds = clock::seconds(first.at_ns, last.at_ns);
    let per_second = |count: u64| count as f64 / seconds;
    let in_all = Reading::of(hall);
    let rates = [
        ("acked", last.acked - first.acked, in_all.acked - opened.acked),
        ("delivered", last.delivered - first.delivered, in_all.delivered),
    ];
    for (name, measured, all) in rates {
        let rate = per_second(measured);
        let text = format!("{}/s, {} in all", grouped(rate), grouped(all as f64));
        report.number(name, serde_json::json!({"per_second": rate, "in_all": all}), text);
    }
    report.number("echoed", hall.counts().echoed.get(), grouped(hall.counts().echoed.get() as f64));
    report.latency("ack", &hall.latencies().ack.borrow());
    report.latency("delivery", &hall.latencies().delivery.borrow());
    if options.rate.is_some() {
        report.latency("late sent", &hall.latencies().sending.borrow());
    }
    report.costs(&after.costs_since(&before));
    let acked = per_second(last.acked - first.acked);
    if let Some((before, after)) = appended_before.zip(appended_after?) {
        after.report(before, acked, report);
    }
    report.number("continuity lost", hall.counts().resumed.get(), hall.counts().resumed.get().to_string());
    report.number("attached early", hall.counts().early.get(), hall.counts().early.get().to_string());
    memory.report(report);
    match drained {
        Ok(drained) => drained.report(report),
        Err(error) => hall.faults().add("archive", || format!("{error:#}")),
    }
    missing(hall, !options.without_echo);
    Ok(acked)
}

async fn appended(jetstream: Option<&JetStream>) -> anyhow::Result<Option<Appended>> {
    match jetstream {
        Some(jetstream) => Ok(Some(jetstream.appended().await?)),
        None => Ok(None),
    }
}

fn begin(options: &Options, hall: &Rc<Hall>, crowd: &mut Crowd, start: u64, end: u64) {
    let Some(rate) = options.rate else {
        return hall.begin(Load::Window { size: options.window, each: u32::MAX, until_ns: end });
    };
    let schedule = Schedule::new(start, rate);
    hall.begin(Load::Rate { schedule, due: 0 });
    let (hall, pacer) = (hall.clone(), Pacer::start(schedule, end - 1));
    crowd.spawn(async move {
        loop {
            let due = pacer.next().await;
            hall.arrive(due);
        }
    });
}

async fn mark(hall: Rc<Hall>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / MARK_TURNS as u32);
    for turn in (0..MARK_TURNS).cycle() {
        ticks.tick().await;
        hall.mark(turn, MARK_TURNS);
    }
}

/// Prints what happens until that moment, or until something goes wrong: then going on would tell nothing.
async fn progress_until(until_ns: u64, hall: &Hall, every: Duration, mut look: impl FnMut()) {
    let mut before = Reading::of(hall);
    loop {
        let pause = clock::now_ns() + clock::ns(every);
        while clock::now_ns() < pause.min(until_ns) {
            if hall.faults().total() > 0 {
                hall.quiet();
                return;
            }
            let step = clock::now_ns() + clock::ns(Duration::from_millis(250));
            clock::sleep_until(step.min(pause).min(until_ns)).await;
        }
        let now = Reading::of(hall);
        let seconds = clock::seconds(before.at_ns, now.at_ns);
        let per_second = |count: u64| grouped(count as f64 / seconds);
        println!(
            "  acked {}/s, delivered {}/s",
            per_second(now.acked - before.acked),
            per_second(now.delivered - before.delivered)
        );
        look();
        if now.at_ns >= until_ns {
            return;
        }
        before = now;
    }
}

/// Waits for what is on its way, and for what was due and had to wait.
async fn drain(hall: &Hall) {
    let started = Instant::now();
    let (mut last, mut moved_at) = (Reading::of(hall), Instant::now());
    while owed(hall) > 0 && moved_at.elapsed() < PATIENCE && started.elapsed() < DRAIN_LIMIT {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = Reading::of(hall);
        if (now.acked, now.delivered) != (last.acked, last.delivered) {
            moved_at = Instant::now();
        }
        last = now;
    }
}

/// Messages to be sent, answered or delivered.
fn owed(hall: &Hall) -> u64 {
    let unseen = hall
        .flows()
        .iter()
        .map(|flow| u64::from(flow.sent() - flow.acked()) + u64::from(flow.sent().saturating_sub(flow.seen.count())));
    hall.unsent() + unseen.sum::<u64>()
}

/// Everything that was sent is acked, and everything that was acked arrived once.
fn missing(hall: &Hall, echo: bool) {
    let sum = |count: &dyn Fn(&super::flow::Flow) -> u32| hall.flows().iter().map(|flow| u64::from(count(flow))).sum();
    let unanswered: u64 = sum(&|flow| flow.sent() - flow.acked());
    let undelivered: u64 = sum(&|flow| flow.acked().saturating_sub(flow.seen.count()));
    let unechoed: u64 = if echo { sum(&|flow| flow.acked().saturating_sub(flow.echo.count())) } else { 0 };
    let say = |number: u64, what: &str| format!("{number} messages {what}");
    let unsent = hall.unsent();
    hall.faults().add_many("not sent", unsent, || say(unsent, "were due and could not be sent"));
    hall.faults().add_many("not answered", unanswered, || say(unanswered, "were sent and not answered"));
    hall.faults().add_many("not delivered", undelivered, || say(undelivered, "were acked and not delivered"));
    hall.faults().add_many("not echoed", unechoed, || say(unechoed, "were acked and did not come back to the sender"));
}

impl Reading {
    fn of(hall: &Hall) -> Self {
        let counts = hall.counts();
        Self { at_ns: clock::now_ns(), acked: counts.acked.get(), delivered: counts.delivered.get() }
    }
}
