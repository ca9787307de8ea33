//! Around the decisions: observing, settling debts, checkpoints, and what agents and customers are told.

mod keep;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kefu_model::allocation::{Allocation, AllocationCommand, AllocationEvent, AllocationOutcome, ReadPosition};
use kefu_model::ids::{Partition, User};
use kefu_model::reader::LogCursor;
use kefu_model::{ConversationId, Refusal, TenantId};
use kefu_nats::LogName;
use kefu_nats::delivery::{Deliveries, Inbound, Item, Question, reply_allocation, reply_refused};
use kefu_nats::engine::{Counted, Host, LoadError, Loader, Owner, Route, Start};
use kefu_nats::notice::Notice;
use kefu_nats::transport::{CoreMessage, Reply};
use kefu_nats::view::AllocationView;
use kefu_store::LogReader;
use tokio::sync::mpsc;
use tokio_util::sync::DropGuard;

use crate::AssignerHandles;
use crate::domain::{Allocations, Ask, Told};
use crate::leases::{Leases, Said};
use crate::loader::AllocationLoader;
use crate::metrics::Metrics;
use crate::observe::Reached;
use crate::owed::Debts;

/// Facts and answers on their way to the owner.
const INBOX: usize = 1_024;
/// Questions that may wait for their answer.
const QUESTIONS: usize = 1_000;
/// How often time itself is a command, and leases are compared.
const TICK_EVERY: Duration = Duration::from_millis(500);
/// How often the state is saved while it changes.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// How often it is saved how far conversations' logs were observed, while nothing else changes.
const SAVE_QUIET_EVERY: Duration = Duration::from_secs(60);
/// How often it is said that a queue is too large.
const WARN_EVERY: Duration = Duration::from_secs(10);
/// How often places in the queue are told.
const PLACES_EVERY: Duration = Duration::from_secs(1);

type Places = Vec<(ConversationId, kefu_model::allocation::QueuePlace)>;

pub(crate) struct AllocationHost {
    handles: AssignerHandles,
    log: LogName,
    metrics: Arc<Metrics>,
    loader: Arc<AllocationLoader>,
    start: Start,
    deliveries: Deliveries,
    questions: BTreeMap<u64, Reply>,
    next_question: u64,
    tenants: BTreeMap<TenantId, LastTold>,
    debts: Debts,
    leases: Leases,
    commands: mpsc::Sender<(Route, Ask)>,
    inbox: Option<mpsc::Receiver<(Route, Ask)>>,
    ticked_at: Instant,
    saved_at: Instant,
    saved: LogCursor,
    /// The last try to save failed.
    unsaved: Arc<AtomicBool>,
    save_quiet_every: Duration,
    warned_at: Option<Instant>,
    observers: Option<DropGuard>,
    reached: Vec<Reached>,
    /// Every fact up to there is in what the owner knows to count, as far as it was looked.
    observed: BTreeMap<Partition, ReadPosition>,
}

/// What was told of a tenant last.
#[derive(Default)]
struct LastTold {
    /// The last number of a match or release that counts. What is decided and not known to count yet is not acted on.
    matches: u64,
    places: Places,
    told_at: Option<Instant>,
}

impl AllocationHost {
    pub(crate) fn new(handles: AssignerHandles, log: LogName, metrics: Arc<Metrics>) -> Self {
        let (commands, inbox) = mpsc::channel(INBOX);
        Self {
            deliveries: Deliveries::new(handles.broker.clone(), log),
            debts: Debts::new(handles.link.clone(), commands.clone()),
            leases: Leases::new(handles.live.clone(), commands.clone()),
            handles,
            log,
            metrics,
            loader: Arc::default(),
            start: Start::default(),
            questions: BTreeMap::new(),
            next_question: 0,
            tenants: BTreeMap::new(),
            commands,
            inbox: Some(inbox),
            ticked_at: Instant::now(),
            saved_at: Instant::now(),
            saved: LogCursor::default(),
            unsaved: Arc::default(),
            save_quiet_every: SAVE_QUIET_EVERY,
            warned_at: None,
            observers: None,
            reached: Vec::new(),
            observed: BTreeMap::new(),
        }
    }

    async fn answer(&mut self, route: Route, answer: Told) {
        match (route, answer) {
            (Route::Peer { peer, token }, Told::Command(answer)) => {
                self.metrics.answered(&answer);
                self.deliveries.push(&peer, Item::AllocationAnswer(token, answer)).await;
            }
            (Route::Question(number), answer) => {
                let Some(reply) = self.questions.remove(&number) else { return };
                match answer {
                    Told::View(view) => {
                        if let Err(bytes) = reply_allocation(reply, &view).await {
                            self.warn_of_size(&view, bytes);
                        }
                    }
                    Told::Command(_) => reply_refused(reply, Refusal::Overloaded).await,
                }
            }
            _ => {}
        }
    }

    /// Says now and then that agents cannot be shown the queue.
    fn warn_of_size(&mut self, view: &AllocationView, bytes: usize) {
        if self.warned_at.is_none_or(|warned_at| warned_at.elapsed() >= WARN_EVERY) {
            self.warned_at = Some(Instant::now());
            let (waiting, held) = (view.waiting.len(), view.held.len());
            tracing::warn!(log = %self.log, bytes, waiting, held, "a tenant's queue is too large to be shown; it is refused");
        }
    }

    async fn announce(&mut self, outcome: &AllocationOutcome) {
        let told = self.tenants.entry(outcome.tenant.clone()).or_default();
        for event in &outcome.events {
            match event {
                AllocationEvent::AgentChanged { agent, state } => {
                    let user = User::agent(agent.clone());
                    let (tenant, status) = (outcome.tenant.clone(), state.shown_status());
                    self.handles.broker.notify(&Notice::Presence { tenant, user, status }).await;
                }
                AllocationEvent::Matched { number, .. } => {
                    told.matches = told.matches.max(*number);
                    self.metrics.matches.inc();
                }
                AllocationEvent::Releasing { number, .. } => {
                    told.matches = told.matches.max(*number);
                    self.metrics.requeues.inc();
                }
                _ => {}
            }
        }
    }

    /// Sends what is owed and tells the places, for every tenant whose state is hot.
    async fn tend(&mut self, owner: &Owner<Allocations>) {
        let mut waiting = 0;
        let mut held = 0;
        for (tenant, told) in &mut self.tenants {
            let Some(state) = owner.state(tenant) else { continue };
            if owner.is_idle() {
                told.matches = state.matches;
            }
            self.debts.settle(state, told.matches);
            waiting += state.waiting.len();
            held += state.held.len();
            if let Some(notice) = told.places(state) {
                self.handles.broker.notify(&notice).await;
            }
        }
        self.metrics.stands(self.log, waiting, held);
    }
}

impl Drop for AllocationHost {
    fn drop(&mut self) {
        self.metrics.ended(self.log);
    }
}

impl LastTold {
    /// A notice, if places changed and the last one is long enough ago.
    fn places(&mut self, state: &Allocation) -> Option<Notice> {
        if self.told_at.is_some_and(|told_at| told_at.elapsed() < PLACES_EVERY) {
            return None;
        }
        let mut places = state.places();
        let waiting = u64::try_from(places.len()).unwrap_or(u64::MAX);
        places.truncate(Notice::MAX_PLACES);
        if places == self.places {
            return None;
        }
        self.places.clone_from(&places);
        self.told_at = Some(Instant::now());
        Some(Notice::Places { tenant: state.tenant.clone(), places, waiting })
    }
}

#[async_trait]
impl Host<Allocations> for AllocationHost {
    async fn start(&mut self) -> Result<Start, LoadError> {
        let checkpoint = self.handles.store.checkpoint(LogReader::Assigner, self.log.partition).await;
        let checkpoint = checkpoint.map_err(|error| {
            let is_away = error.is_retryable();
            LoadError::of_store(error, is_away)
        })?;
        self.loader = AllocationLoader::read(checkpoint.as_ref())?;
        self.tenants = self.loader.states().map(|state| (state.tenant.clone(), LastTold::default())).collect();
        self.observed.clone_from(self.loader.observed());
        self.start = match checkpoint {
            Some(checkpoint) => {
                Start { epoch: checkpoint.epoch, log_id: Some(checkpoint.log_id), cursor: checkpoint.cursor() }
            }
            None => Start::default(),
        };
        let start = self.start;
        if self.start.log_id.is_none() {
            let info = self.handles.broker.log_info(self.log).await.map_err(|error| LoadError::Away(error.into()))?;
            self.start.log_id = Some(info.id.into_bytes());
        }
        self.deliveries.open(start.epoch);
        Ok(start)
    }

    fn loader(&self) -> Arc<dyn Loader<Allocations>> {
        self.loader.clone()
    }

    fn take_inbox(&mut self) -> Option<mpsc::Receiver<(Route, Ask)>> {
        self.inbox.take()
    }

    async fn owning(&mut self, generation: u64) {
        self.deliveries.begin(generation);
        // Every tenant of the checkpoint is made hot.
        for tenant in self.tenants.keys() {
            let _ = self.commands.try_send((Route::Nobody, Ask::Write(tenant.clone(), AllocationCommand::Tick)));
        }
    }

    async fn counted(&mut self, owner: &Owner<Allocations>, counted: Counted<Allocations>) {
        for entry in counted.entries {
            self.metrics.outcomes.inc();
            self.announce(&entry.logged.outcome).await;
            for (route, answer) in entry.answers {
                self.answer(route, answer).await;
            }
        }
        for (route, answer) in counted.answers {
            self.answer(route, answer).await;
        }
        self.deliveries.flush().await;
        self.tend(owner).await;
    }

    async fn message(&mut self, _: &Owner<Allocations>, message: CoreMessage) -> Vec<(Route, Ask)> {
        match Inbound::read(message) {
            Ok(Inbound::Question { question: Question::Allocation(tenant), reply }) => {
                if self.questions.len() >= QUESTIONS {
                    return Vec::new();
                }
                self.next_question += 1;
                self.questions.insert(self.next_question, reply);
                vec![(Route::Question(self.next_question), Ask::View(tenant))]
            }
            Ok(Inbound::Question { reply, .. }) => {
                reply_refused(reply, Refusal::NoConversation).await;
                Vec::new()
            }
            Ok(Inbound::Follow { edge, .. }) => {
                self.deliveries.heard(&edge);
                Vec::new()
            }
            Err(error) => {
                tracing::warn!(%error, "a message to the owner cannot be read");
                Vec::new()
            }
        }
    }

    async fn tick(&mut self, owner: &Owner<Allocations>) -> Vec<(Route, Ask)> {
        if self.observers.is_none() {
            self.observe(owner).await;
        }
        self.tend(owner).await;
        self.save(owner);
        if self.ticked_at.elapsed() < TICK_EVERY {
            return Vec::new();
        }
        self.ticked_at = Instant::now();
        self.deliveries.forget_silent();
        self.leases.check(self.tenants.keys().filter_map(|tenant| owner.state(tenant)).map(Said::from));
        let tick = |tenant: &TenantId| (Route::Nobody, Ask::Write(tenant.clone(), AllocationCommand::Tick));
        self.tenants.keys().map(tick).collect()
    }

    fn numbers(&self) -> Vec<(String, u64)> {
        self.deliveries.numbers()
    }
}

#[cfg(test)]
mod tests;
