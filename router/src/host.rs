//! Delivery: what counts goes to the edges that follow its conversation.
//!
//! **Why nothing falls between an attach's answer and the live stream.** An attach is decided like a command: its answer is
//! the state at that moment, held back until every outcome in that state counts. [`ChatHost::counted`] handles outcomes and
//! answers in that order. At the answer the edge is told what it misses up to the state's `rev`, and is entered as a
//! follower; every outcome after that `rev` is handled later, and so goes to this edge too, by the same numbered stream. An
//! outcome of the same record but after the attach is later in the record's order as well.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use kefu_model::{Conversation, ConversationId, Event, Outcome, Refusal, TenantId, User};
use kefu_nats::delivery::{Deliveries, FollowItem, Inbound, Item, Question, reply_refused, reply_snapshot};
use kefu_nats::engine::{Counted, Host, LoadError, Loader, Owner, Route, Start};
use kefu_nats::notice::Notice;
use kefu_nats::transport::{CoreMessage, Reply};
use kefu_nats::view::Cursor;
use kefu_nats::{Broker, LogName};
use kefu_store::{LogReader, Store};

use crate::domain::{ChatAnswer, ChatCommand, Chats};
use crate::loader::{ChatLoader, load_error};
use crate::metrics::Metrics;

/// Missed outcomes in one answer, in bytes; a client that missed more loads history.
const MISSED_BYTES: usize = 256 * 1024;
/// Questions that may wait for their answer.
const QUESTIONS: usize = 10_000;
/// Attaches that may wait for what was before the tail; those beyond are told that their client has to load history.
const HELD_BACK: usize = 10_000;

type Key = (TenantId, ConversationId);

pub(crate) struct ChatHost {
    log: LogName,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    epoch: u64,
    deliveries: Deliveries,
    followers: HashMap<Key, Vec<Arc<str>>>,
    questions: HashMap<u64, Reply>,
    next_question: u64,
    /// Attaches that miss more than a new owner's tail has, until it has what was before.
    held_back: Vec<HeldBack>,
}

struct HeldBack {
    edge: Arc<str>,
    token: u64,
    key: Key,
    cursor: Cursor,
}

impl ChatHost {
    pub(crate) fn new(broker: Broker, log: LogName, store: Arc<dyn Store>, metrics: Arc<Metrics>) -> Self {
        let deliveries = Deliveries::new(broker, log);
        Self {
            log,
            store,
            metrics,
            epoch: 1,
            deliveries,
            followers: HashMap::new(),
            questions: HashMap::new(),
            next_question: 0,
            held_back: Vec::new(),
        }
    }

    async fn deliver(&mut self, key: &Key, outcome: &Outcome, bytes: &bytes::Bytes) {
        if outcome.events().is_empty() {
            return;
        }
        for edge in self.followers.get(key).into_iter().flatten() {
            self.deliveries.push(edge, Item::Outcome(bytes)).await;
        }
        for user in outcome.events().iter().flat_map(|numbered| newcomers(&numbered.event)) {
            let (tenant, conversation) = key.clone();
            self.deliveries.notify(&Notice::Added { tenant, user: user.clone(), conversation }).await;
        }
    }

    async fn answer(&mut self, owner: &Owner<Chats>, route: Route, answer: ChatAnswer) {
        match (route, answer) {
            (Route::Peer { peer, token }, ChatAnswer::Command(answer)) => {
                self.metrics.answered(&answer);
                self.deliveries.push(&peer, Item::Answer(token, answer)).await;
            }
            (Route::Peer { peer, token }, ChatAnswer::Attached { state, cursor }) => {
                self.attached(owner, &peer, token, &state, cursor).await;
            }
            (Route::Question(number), ChatAnswer::Snapshot(state)) => {
                if let Some(reply) = self.questions.remove(&number) {
                    reply_snapshot(reply, self.epoch, &state).await;
                }
            }
            (Route::Question(number), _) => {
                if let Some(reply) = self.questions.remove(&number) {
                    reply_refused(reply, Refusal::Overloaded).await;
                }
            }
            _ => {}
        }
    }

    async fn attached(
        &mut self,
        owner: &Owner<Chats>,
        edge: &Arc<str>,
        token: u64,
        state: &Conversation,
        cursor: Option<Cursor>,
    ) {
        let key = (state.tenant.clone(), state.id);
        let missed = match cursor {
            None => Some(Vec::new()),
            Some(cursor) => {
                let missed = self.missed(owner, &key, state.rev, cursor);
                if missed.is_none() && owner.is_filling_back() && self.held_back.len() < HELD_BACK {
                    self.held_back.push(HeldBack { edge: edge.clone(), token, key, cursor });
                    return;
                }
                missed
            }
        };
        let recovered = missed.is_some();
        self.metrics.attaches.with_label_values(&[if recovered { "yes" } else { "no" }]).inc();
        // One edge, as a rule.
        let followers = self.followers.entry(key).or_insert_with(|| Vec::with_capacity(1));
        if !followers.contains(edge) {
            followers.push(edge.clone());
        }
        let missed = missed.unwrap_or_default();
        self.deliveries.push(edge, Item::Attached { token, state, recovered, missed }).await;
    }

    /// Outcomes after the cursor up to `rev`, if the tail reaches back far enough.
    fn missed(&self, owner: &Owner<Chats>, key: &Key, rev: u64, cursor: Cursor) -> Option<Vec<bytes::Bytes>> {
        if cursor.epoch != self.epoch || cursor.rev > rev {
            return None;
        }
        let mut expected = cursor.rev + 1;
        let mut bytes = 0;
        let mut missed = Vec::new();
        for (_, logged) in owner.tail().of(key) {
            let outcome = &logged.outcome;
            let first = outcome.events().iter().find(|numbered| numbered.event.takes_rev());
            if outcome.rev > rev || outcome.rev < cursor.rev || outcome.events().is_empty() {
                continue;
            }
            if let Some(first) = first {
                if outcome.rev == cursor.rev {
                    continue;
                }
                if first.rev > expected {
                    return None;
                }
                expected = outcome.rev + 1;
            }
            bytes += logged.bytes.len();
            missed.push(logged.bytes.clone());
        }
        (expected == rev + 1 && bytes <= MISSED_BYTES).then_some(missed)
    }

    fn follow(&mut self, edge: &Arc<str>, items: Vec<FollowItem>) -> Vec<(Route, ChatCommand)> {
        self.deliveries.heard(edge);
        let mut attaches = Vec::new();
        for item in items {
            match item {
                FollowItem::Attach { token, tenant, conversation, cursor } => {
                    let route = Route::Peer { peer: edge.clone(), token };
                    attaches.push((route, ChatCommand::Attach { tenant, conversation, cursor }));
                }
                FollowItem::Detach { tenant, conversation } => self.unfollow(&(tenant, conversation), edge),
            }
        }
        attaches
    }

    /// Those that were held back, to be asked again.
    fn let_go(&mut self) -> Vec<(Route, ChatCommand)> {
        let attach = |held: HeldBack| {
            let (tenant, conversation) = held.key;
            let route = Route::Peer { peer: held.edge, token: held.token };
            (route, ChatCommand::Attach { tenant, conversation, cursor: Some(held.cursor) })
        };
        self.held_back.drain(..).map(attach).collect()
    }

    fn unfollow(&mut self, key: &Key, edge: &Arc<str>) {
        self.held_back.retain(|held| held.key != *key || held.edge != *edge);
        if let Some(followers) = self.followers.get_mut(key) {
            followers.retain(|follower| follower != edge);
            if followers.is_empty() {
                self.followers.remove(key);
            }
        }
    }

    fn ask(&mut self, tenant: TenantId, conversation: ConversationId, reply: Reply) -> Vec<(Route, ChatCommand)> {
        if self.questions.len() >= QUESTIONS {
            return Vec::new();
        }
        self.next_question += 1;
        self.questions.insert(self.next_question, reply);
        vec![(Route::Question(self.next_question), ChatCommand::Snapshot { tenant, conversation })]
    }
}

/// Who comes in by an event.
fn newcomers(event: &Event) -> Vec<&User> {
    match event {
        Event::Created { members } => members.iter().map(|(user, _)| user).collect(),
        Event::MemberAdded { user } => vec![user],
        Event::SessionAssigned { agent, .. } | Event::SessionTransferred { agent, .. } => vec![agent],
        _ => Vec::new(),
    }
}

#[async_trait]
impl Host<Chats> for ChatHost {
    async fn start(&mut self) -> Result<Start, LoadError> {
        let checkpoint = self.store.checkpoint(LogReader::Archiver, self.log.partition).await.map_err(load_error)?;
        let start = checkpoint.as_ref().map(crate::start_of).unwrap_or_default();
        self.epoch = start.epoch;
        self.deliveries.open(start.epoch);
        Ok(start)
    }

    fn loader(&self) -> Arc<dyn Loader<Chats>> {
        Arc::new(ChatLoader { store: self.store.clone(), epoch: self.epoch })
    }

    async fn owning(&mut self, generation: u64) {
        self.deliveries.begin(generation);
    }

    async fn counted(&mut self, owner: &Owner<Chats>, counted: Counted<Chats>) {
        if !counted.entries.is_empty() {
            self.metrics.records.inc();
        }
        for entry in counted.entries {
            let verdict = if entry.logged.outcome.events().is_empty() { "unchanged" } else { "changed" };
            self.metrics.outcomes.with_label_values(&[verdict]).inc();
            self.deliver(&entry.id, &entry.logged.outcome, &entry.logged.bytes).await;
            for (route, answer) in entry.answers {
                self.answer(owner, route, answer).await;
            }
        }
        for (route, answer) in counted.answers {
            self.answer(owner, route, answer).await;
        }
        self.deliveries.flush().await;
    }

    async fn message(&mut self, _: &Owner<Chats>, message: CoreMessage) -> Vec<(Route, ChatCommand)> {
        match Inbound::read(message) {
            Ok(Inbound::Follow { edge, items }) => self.follow(&edge, items),
            Ok(Inbound::Question { question: Question::Snapshot(tenant, conversation), reply }) => {
                self.ask(tenant, conversation, reply)
            }
            Ok(Inbound::Question { question: Question::Allocation(_), reply }) => {
                reply_refused(reply, Refusal::NoConversation).await;
                Vec::new()
            }
            Err(error) => {
                tracing::warn!(%error, "a message to the owner cannot be read");
                Vec::new()
            }
        }
    }

    async fn tick(&mut self, owner: &Owner<Chats>) -> Vec<(Route, ChatCommand)> {
        self.metrics.delivered(self.deliveries.take_counts());
        let silent = self.deliveries.forget_silent();
        if !silent.is_empty() {
            self.followers.retain(|_, followers| {
                followers.retain(|follower| !silent.contains(follower));
                !followers.is_empty()
            });
        }
        if owner.is_filling_back() { Vec::new() } else { self.let_go() }
    }

    fn numbers(&self) -> Vec<(String, u64)> {
        self.deliveries.numbers()
    }
}
