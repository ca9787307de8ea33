//! A plain publisher: one message a publish, to one stream that is made as a log is.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_nats::jetstream::context::{Context, PublishAckFuture};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, StorageType};
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::JetStream;
use crate::chat::{Pacer, Schedule};
use crate::clock;
use crate::latency::Latency;
use crate::site::{Costs, Site, Snapshot};

/// Most publishes without an answer. A JetStream server refuses more than 10,000 that it has not taken in.
const MOST_IN_FLIGHT: usize = 8_192;

/// How much is published, and when.
#[derive(Debug, Clone, Copy)]
pub struct Demand {
    /// Publishes that may be unanswered; at most 8,192 are.
    pub in_flight: usize,
    /// So many a second, on a fixed schedule; as many as are answered unless given.
    pub rate: Option<u32>,
    /// Time before anything is measured.
    pub warmup: Duration,
    /// How long is measured.
    pub measured: Duration,
}

/// What was published.
#[derive(Debug)]
pub struct Published {
    /// Publishes answered in the measured time, a second.
    pub per_second: f64,
    /// From when one was due, or sent, to its answer.
    pub ack: Latency,
    /// Publishes that were allowed to be unanswered.
    pub in_flight: usize,
    /// Servers that kept each message.
    pub replicas: usize,
    /// Whether they kept it in files.
    pub on_disk: bool,
    /// What processes used in the measured time.
    pub costs: Costs,
}

/// A publish that was sent.
struct Sent {
    intended_ns: u64,
    answer: PublishAckFuture,
    /// Given back once it is answered.
    _place: OwnedSemaphorePermit,
}

/// Makes the stream, publishes `messages` in turn, and deletes the stream whatever happened.
pub async fn publish(
    jetstream: &JetStream,
    site: &Site,
    messages: &[Bytes],
    demand: Demand,
) -> anyhow::Result<Published> {
    let name = format!("plain-{}", jiff::Timestamp::now().as_millisecond());
    let config = jetstream.as_a_log(&name).await?;
    jetstream.context.create_stream(config.clone()).await.with_context(|| format!("cannot make the stream {name}"))?;
    let published = run(jetstream, site, messages, demand, config).await;
    let deleted = jetstream.context.delete_stream(&name).await;
    let published = published?;
    deleted.with_context(|| format!("cannot delete the stream {name}"))?;
    Ok(published)
}

async fn run(
    jetstream: &JetStream,
    site: &Site,
    messages: &[Bytes],
    demand: Demand,
    config: Config,
) -> anyhow::Result<Published> {
    let in_flight = demand.in_flight.clamp(1, MOST_IN_FLIGHT);
    let start_ns = clock::now_ns();
    let warm_ns = start_ns + clock::ns(demand.warmup);
    let measured_ns = warm_ns..warm_ns + clock::ns(demand.measured);
    let (sent, answers) = mpsc::channel(in_flight);
    let sender = Sender {
        context: jetstream.publishing(in_flight),
        subject: config.subjects.first().cloned().context("a stream without a subject")?,
        places: Arc::new(Semaphore::new(in_flight)),
        due: Due::new(demand.rate.map(|rate| Schedule::new(start_ns, rate)), measured_ns.end),
        sent,
    };
    let answered = tokio::task::spawn_local(take_answers(answers, measured_ns.clone()));
    let sending = async {
        tokio::select! {
            sent = sender.send(messages) => sent,
            () = clock::sleep_until(measured_ns.end) => Ok(()),
        }
    };
    let done = tokio::try_join!(sending, costs(site, measured_ns.clone()));
    // What was answered tells more than that nothing could be sent any more.
    let (count, ack) = answered.await??;
    let ((), costs) = done?;
    Ok(Published {
        per_second: count as f64 / demand.measured.as_secs_f64(),
        ack,
        in_flight,
        replicas: config.num_replicas,
        on_disk: config.storage == StorageType::File,
        costs,
    })
}

/// Publishes what is due as long as it is polled.
struct Sender {
    context: Context,
    subject: String,
    places: Arc<Semaphore>,
    due: Due,
    sent: mpsc::Sender<Sent>,
}

impl Sender {
    async fn send(mut self, messages: &[Bytes]) -> anyhow::Result<()> {
        for payload in messages.iter().cycle() {
            let due_ns = self.due.next().await;
            let place = self.places.clone().acquire_owned().await?;
            let intended_ns = due_ns.unwrap_or_else(clock::now_ns);
            let message = PublishMessage::build().payload(payload.clone());
            let sending = self.context.send_publish(self.subject.clone(), message);
            let answer = sending.await.context("a publish was not sent")?;
            // There is room for as many as there are places.
            self.sent.try_send(Sent { intended_ns, answer, _place: place }).ok().context("answers are not taken")?;
        }
        anyhow::bail!("there is nothing to publish")
    }
}

/// When the next publish is due.
struct Due {
    schedule: Option<(Schedule, Pacer)>,
    arrived: u64,
    next: u64,
}

impl Due {
    fn new(schedule: Option<Schedule>, end_ns: u64) -> Self {
        let pace = |schedule| (schedule, Pacer::start(schedule, end_ns - 1));
        Self { schedule: schedule.map(pace), arrived: 0, next: 0 }
    }

    /// Waits until it is; gives when that was. Without a schedule it is at once, and `None`.
    async fn next(&mut self) -> Option<u64> {
        let (schedule, pacer) = self.schedule.as_ref()?;
        while self.next >= self.arrived {
            self.arrived = pacer.next().await;
        }
        self.next += 1;
        Some(schedule.intended_ns(self.next - 1))
    }
}

/// Takes answers in the order of sending, which is the server's too; gives how many came in the measured time, and the
/// latencies of those that were to be sent in it.
async fn take_answers(mut sent: mpsc::Receiver<Sent>, measured_ns: Range<u64>) -> anyhow::Result<(u64, Latency)> {
    let (mut count, mut ack) = (0, Latency::default());
    while let Some(Sent { intended_ns, answer, _place }) = sent.recv().await {
        answer.await.context("a publish was not taken")?;
        let now = clock::now_ns();
        count += u64::from(measured_ns.contains(&now));
        if measured_ns.contains(&intended_ns) {
            ack.record_ns(now.saturating_sub(intended_ns));
        }
    }
    Ok((count, ack))
}

async fn costs(site: &Site, measured_ns: Range<u64>) -> anyhow::Result<Costs> {
    clock::sleep_until(measured_ns.start).await;
    let before = Snapshot::take(site);
    clock::sleep_until(measured_ns.end).await;
    Ok(Snapshot::take(site).costs_since(&before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_arrival_of_a_schedule_is_due_once() {
        let start = clock::now_ns();
        let mut due = Due::new(Some(Schedule::new(start, 1_000)), start + 20_000_000);
        for arrival in 0..20 {
            assert_eq!(due.next().await, Some(start + arrival * 1_000_000));
        }
        let more = tokio::time::timeout(Duration::from_millis(50), due.next()).await;
        assert!(more.is_err(), "nothing is due after the end");
    }

    #[tokio::test]
    async fn without_a_schedule_the_next_is_due_at_once() {
        let mut due = Due::new(None, u64::MAX);
        assert_eq!((due.next().await, due.next().await), (None, None));
    }
}
