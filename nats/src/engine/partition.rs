//! Drives one owner on a broker: reads the log and IN, appends, loads, ticks.

mod error;
mod intake;
mod status;

pub use error::PartitionError;
pub use status::PartitionStatus;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use kefu_model::ids::At;
use kefu_model::reader::LogCursor;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::backfill::backfill;
use super::budget::Budget;
use super::domain::{Domain, Row, Want};
use super::host::{Host, LoadError, Loader, TICK};
use super::inbox::Inbox;
use super::metrics::OwnerMetrics;
use super::owner::{Effect, Limits, Owner, Route};
use super::reader::{ReadError, look_before, verify};
use super::tail::Tail;
use crate::broker::{Broker, LogName, subject};
use crate::clock;
use crate::payload;
use crate::transport::{CoreEvent, Position, StreamReader, StreamRecord, Subscription, TransportError};

const EVICT_EVERY_TICKS: u32 = 50;
const LOAD_RETRY: Duration = Duration::from_millis(200);
const DRAIN_DEADLINE: Duration = Duration::from_secs(3);
/// What is read again after a claim is this part of what a tail keeps.
const BACKFILL_SHARE: usize = 4;
/// Loads under way at a time.
const LOADS: usize = 256;

type AppendResult = (u64, Result<Position, TransportError>);
type LoadResult<D> = (<D as Domain>::Id, Result<Row<D>, LoadError>);
type BackfillResult<D> = Result<Tail<<D as Domain>::Id, <D as Domain>::Outcome>, ReadError>;

struct Partition<D: Domain, H: Host<D>> {
    broker: Broker,
    log: LogName,
    domain: Arc<D>,
    host: H,
    loader: Arc<dyn Loader<D>>,
    owner: Owner<D>,
    log_reader: Box<dyn StreamReader>,
    /// Until the claim counts.
    inbox: Option<Inbox>,
    in_reader: Option<Box<dyn StreamReader>>,
    messages: Box<dyn Subscription>,
    questions: Box<dyn Subscription>,
    archived: Box<dyn Subscription>,
    appends: FuturesUnordered<BoxFuture<'static, AppendResult>>,
    loads: FuturesUnordered<BoxFuture<'static, LoadResult<D>>>,
    queued_loads: Vec<(D::Id, Want<D::Extra>)>,
    /// Where the owner started: so many bytes of what was before that are read once the log is its own.
    began_after: LogCursor,
    read_back_bytes: usize,
    backfill: Option<BoxFuture<'static, BackfillResult<D>>>,
    own: Option<mpsc::Receiver<(Route, D::Command)>>,
    status: Arc<Mutex<PartitionStatus>>,
    metrics: OwnerMetrics,
    began: Instant,
    /// Of those that the owner read, the ones that were counted.
    void_records: u64,
    ticks: u32,
}

enum Input<D: Domain> {
    Log(Result<StreamRecord, TransportError>),
    In(Result<StreamRecord, TransportError>),
    Appended(AppendResult),
    Loaded(LoadResult<D>),
    Backfilled(BackfillResult<D>),
    Core(Option<CoreEvent>),
    Archived(Option<CoreEvent>),
    Own((Route, D::Command)),
    Tick,
    Stop,
}

/// Which log is owned, by whom and how.
pub struct Ownership {
    /// The broker.
    pub broker: Broker,
    /// The log.
    pub log: LogName,
    /// The worker's name.
    pub worker: String,
    /// The owner's limits.
    pub limits: Limits,
    /// What the tails of the process's logs may take.
    pub budget: Budget,
    /// How it stands is written here.
    pub status: Arc<Mutex<PartitionStatus>>,
    /// What is counted.
    pub metrics: OwnerMetrics,
}

/// Claims a log and owns it until it is lost or `shutdown` asks to hand over.
///
/// # Errors
/// Why ownership ended; `Ok` after a hand-over that was asked for.
pub async fn run_partition<D: Domain, H: Host<D>>(
    ownership: Ownership,
    domain: Arc<D>,
    host: H,
    shutdown: CancellationToken,
) -> Result<(), PartitionError> {
    let (status, metrics, log) = (ownership.status.clone(), ownership.metrics.clone(), ownership.log);
    let result = match shutdown.run_until_cancelled(Partition::open(ownership, domain, host)).await {
        Some(Ok(mut partition)) => partition.run(&shutdown).await,
        Some(Err(error)) => Err(error),
        None => Ok(()),
    };
    *status.lock() = PartitionStatus::default();
    metrics.ended(log, &result);
    result
}

impl<D: Domain, H: Host<D>> Partition<D, H> {
    async fn open(ownership: Ownership, domain: Arc<D>, mut host: H) -> Result<Self, PartitionError> {
        let began = Instant::now();
        let Ownership { broker, log, worker, limits, budget, status, metrics } = ownership;
        if budget.is_used_up() {
            return Err(PartitionError::NoRoom { log });
        }
        let start = host.start().await.map_err(|source| PartitionError::Start { log, source })?;
        let failed = |source| PartitionError::Transport { log, source };
        let transport = broker.transport();
        let messages = transport.subscribe(&subject::attach(log)).await.map_err(failed)?;
        let questions = transport.subscribe(&subject::ask(log)).await.map_err(failed)?;
        let archived = transport.subscribe(&subject::archived(log)).await.map_err(failed)?;
        let ((before, inbox), log_reader) = tokio::try_join!(
            async {
                // Verifying waits for a server that is behind; what it does not have yet would not be seen before.
                verify(&broker, log, start.log_id, start.cursor).await?;
                let before = look_before(&broker, log, &*domain, start.cursor.position).await?;
                let inbox = Inbox::prepare(&broker, log, before.received).await;
                Ok((before, inbox.map_err(|source| PartitionError::of_in(log, source))?))
            },
            async { broker.read_log(log, start.cursor.position + 1).await.map_err(failed) },
        )?;
        let own = host.take_inbox();
        let owner =
            Owner::claim(domain.clone(), limits, &worker, rand::random(), start.cursor, before).with_budget(&budget);
        Ok(Self {
            broker,
            log,
            domain,
            loader: host.loader(),
            host,
            owner,
            log_reader,
            inbox,
            in_reader: None,
            messages,
            questions,
            archived,
            appends: FuturesUnordered::new(),
            loads: FuturesUnordered::new(),
            queued_loads: Vec::new(),
            began_after: start.cursor,
            read_back_bytes: limits.tail_bytes / BACKFILL_SHARE,
            backfill: None,
            own,
            status,
            metrics,
            began,
            void_records: 0,
            ticks: 0,
        })
    }

    async fn run(&mut self, shutdown: &CancellationToken) -> Result<(), PartitionError> {
        let mut ticker = tokio::time::interval(TICK);
        ticker.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut stop_by = None;
        self.status.lock().opened = true;
        self.perform().await?;
        loop {
            let input = self.next_input(&mut ticker, shutdown, stop_by.is_some()).await;
            let ticked = matches!(input, Input::Tick);
            if matches!(input, Input::Stop) {
                self.in_reader = None;
                stop_by = Some(tokio::time::Instant::now() + DRAIN_DEADLINE);
            } else if !(ticked && stop_by.is_some()) {
                self.take(input).await?;
            }
            self.perform().await?;
            self.publish_status(ticked);
            if stop_by.is_some_and(|by| self.owner.is_drained() || tokio::time::Instant::now() >= by) {
                return Ok(());
            }
        }
    }

    async fn next_input(
        &mut self,
        ticker: &mut tokio::time::Interval,
        shutdown: &CancellationToken,
        stopping: bool,
    ) -> Input<D> {
        // Nothing new is taken once it is to stop: what is not decided then is in IN yet, or is asked for again.
        let (taking, ready_for_more) = (!stopping, !stopping && !self.owner.is_saturated());
        // Who asks before the claim counts is answered once it does.
        let owns = self.owner.generation().is_some();
        tokio::select! {
            biased;
            () = shutdown.cancelled(), if !stopping => Input::Stop,
            Some(appended) = self.appends.next() => Input::Appended(appended),
            record = self.log_reader.next() => Input::Log(record),
            Some(loaded) = self.loads.next(), if taking => Input::Loaded(loaded),
            event = self.messages.next(), if taking && owns => Input::Core(event),
            event = self.questions.next(), if taking && owns => Input::Core(event),
            event = self.archived.next() => Input::Archived(event),
            _ = ticker.tick() => Input::Tick,
            tail = until_read(&mut self.backfill), if taking => Input::Backfilled(tail),
            Some(own) = next_own(&mut self.own), if ready_for_more => Input::Own(own),
            record = next_of(&mut self.in_reader), if ready_for_more => Input::In(record),
        }
    }

    async fn take(&mut self, input: Input<D>) -> Result<(), PartitionError> {
        let log = self.log;
        let now = clock::now();
        let lost = |source| PartitionError::Lost { log, source };
        match input {
            Input::Log(record) => {
                let record = record.map_err(|source| PartitionError::Transport { log, source })?;
                self.owner.record(record.position, &record.payload, now).map_err(lost)?;
            }
            Input::Appended((ordinal, result)) => {
                if let Err(error) = &result {
                    let error = error as &dyn std::error::Error;
                    tracing::warn!(%log, ordinal, error, "an append failed; the log is claimed again");
                }
                self.owner.appended(ordinal, result.ok(), now).map_err(lost)?;
            }
            Input::Loaded((id, Ok(row))) => self.owner.loaded(&id, row, now).map_err(lost)?,
            Input::Loaded((id, Err(error))) => {
                let told = &error as &dyn std::error::Error;
                match error {
                    LoadError::Away(_) => tracing::debug!(%log, error = told, "it is tried again"),
                    LoadError::Failed(_) => tracing::warn!(%log, error = told, "it is tried again"),
                }
                self.owner.reload(&id);
            }
            Input::Backfilled(older) => {
                self.backfill = None;
                self.owner.backfilled(older?);
            }
            Input::In(record) => self.take_envelope(record, now).await?,
            Input::Core(event) => self.take_message(event, now).await?,
            Input::Archived(event) => self.take_archived(event),
            Input::Own((route, command)) => self.owner.ask(route, command, now),
            Input::Tick => self.tick(now).await,
            Input::Stop => {}
        }
        Ok(())
    }

    /// Begins to read what was before the tail: deciding and delivering do not wait for it.
    fn read_back(&mut self) {
        let (broker, log, domain, end) = (self.broker.clone(), self.log, self.domain.clone(), self.began_after);
        let keep_bytes = self.read_back_bytes;
        self.backfill = Some(Box::pin(async move { backfill(&broker, log, &*domain, end, keep_bytes).await }));
    }

    async fn take_message(&mut self, event: Option<CoreEvent>, now: At) -> Result<(), PartitionError> {
        match event {
            Some(CoreEvent::Message(message)) => {
                for (route, command) in self.host.message(&self.owner, message).await {
                    self.owner.ask(route, command, now);
                }
                Ok(())
            }
            Some(CoreEvent::Lagged) => Ok(()),
            None => Err(PartitionError::Transport { log: self.log, source: TransportError::Closed }),
        }
    }

    fn take_archived(&mut self, event: Option<CoreEvent>) {
        let message = event.and_then(CoreEvent::into_message);
        if let Some(position) = message.and_then(|message| payload::decode::<u64>(&message.payload).ok()) {
            self.owner.archived(position);
        }
    }

    async fn tick(&mut self, now: At) {
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(EVICT_EVERY_TICKS) {
            self.owner.evict(now);
        }
        if self.owner.generation().is_some() {
            for (route, command) in self.host.tick(&self.owner).await {
                self.owner.ask(route, command, now);
            }
        }
    }

    /// Does what the owner asks, in order.
    async fn perform(&mut self) -> Result<(), PartitionError> {
        self.metrics.decided(&self.owner.take_waits_ms());
        loop {
            let effects = self.owner.effects();
            if effects.is_empty() {
                return Ok(());
            }
            for effect in effects {
                match effect {
                    Effect::Append { ordinal, payload } => self.append(ordinal, payload).await,
                    Effect::Load { id, want } => self.load(id, want),
                    Effect::Owning { generation, in_position } => {
                        tracing::info!(log = %self.log, generation, "owning");
                        self.metrics.claimed(self.began.elapsed());
                        self.take_up_in(in_position).await?;
                        self.host.owning(generation).await;
                        self.read_back();
                    }
                    Effect::Counted(counted) => self.host.counted(&self.owner, counted).await,
                }
            }
            self.start_loads();
        }
    }

    async fn append(&mut self, ordinal: u64, payload: bytes::Bytes) {
        let (began, metrics) = (Instant::now(), self.metrics.clone());
        match self.broker.transport().append(&self.log.log_stream(), payload, None).await {
            Ok(ticket) => self.appends.push(Box::pin(async move {
                let result = ticket.await;
                metrics.appended(began.elapsed());
                (ordinal, result)
            })),
            Err(error) => self.appends.push(Box::pin(async move { (ordinal, Err(error)) })),
        }
    }

    fn load(&mut self, id: D::Id, want: Want<D::Extra>) {
        self.queued_loads.push((id, want));
        self.start_loads();
    }

    fn start_loads(&mut self) {
        while self.loads.len() < LOADS
            && let Some((id, want)) = self.queued_loads.pop()
        {
            let loader = self.loader.clone();
            self.loads.push(Box::pin(async move {
                let row = loader.load(&id, &want).await;
                if row.is_err() {
                    tokio::time::sleep(LOAD_RETRY).await;
                }
                (id, row)
            }));
        }
    }
}

async fn next_own<T>(own: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    match own {
        Some(own) => own.recv().await,
        None => std::future::pending().await,
    }
}

async fn until_read<T>(backfill: &mut Option<BoxFuture<'static, T>>) -> T {
    match backfill {
        Some(backfill) => backfill.await,
        None => std::future::pending().await,
    }
}

async fn next_of(reader: &mut Option<Box<dyn StreamReader>>) -> Result<StreamRecord, TransportError> {
    match reader {
        Some(reader) => reader.next().await,
        None => std::future::pending().await,
    }
}
