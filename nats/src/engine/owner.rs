//! The owner of one log, without I/O.
//!
//! It is a reader too: it applies everything below its claim first, decides ahead on a speculative state, and lets nobody
//! know of an outcome before it knows that the record counts: the append was answered with the position right after the
//! last one it knew, or the record was read back. Whatever goes wrong (a lost or ambiguous append, a foreign claim) ends this
//! `Owner`; a new one claims again and starts from the log. There is one way to recover.

mod loading;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use kefu_model::ids::At;
use kefu_model::reader::{LogCursor, Stamp, Standing};

use super::batch::{Entry, InFlight, Pipeline};
use super::budget::{Budget, Part};
use super::domain::{Domain, Logged, Step, Want, read_outcomes};
use super::intake::Intake;
use super::tail::Tail;
use crate::payload::{self, PayloadError, RecordWire};
use loading::Loading;

/// Limits of an owner.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Records sent and unanswered at a time.
    pub in_flight_records: usize,
    /// Outcomes in one record.
    pub record_outcomes: usize,
    /// Encoded outcomes in one record, in bytes.
    pub record_bytes: usize,
    /// What the tail keeps beyond need, in bytes.
    pub tail_bytes: usize,
    /// Memory that the tails of a process's logs of one kind may take together, in bytes. Once it is used up, a log whose tail
    /// has its share reads no more commands, and none is claimed that is not owned yet.
    pub tails_max_bytes: usize,
    /// Commands that may wait for a decision; beyond it IN is not read.
    pub waiting_commands: usize,
    /// Commands that may wait for one aggregate's load; beyond it they are refused as overloaded.
    pub loading_commands: usize,
    /// Hot states; idle ones are evicted beyond it.
    pub hot_states: usize,
    /// How long a state stays hot without use, in milliseconds.
    pub hot_idle_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            in_flight_records: 2,
            record_outcomes: 2_000,
            record_bytes: 512 * 1024,
            tail_bytes: 1024 * 1024,
            tails_max_bytes: 1024 * 1024 * 1024,
            waiting_commands: 20_000,
            loading_commands: 1_024,
            hot_states: 50_000,
            hot_idle_ms: 60_000,
        }
    }
}

/// Where an answer goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Route {
    /// To an edge or worker that sent the command under that token.
    Peer {
        /// Its incarnation.
        peer: Arc<str>,
        /// Its number for the command.
        token: u64,
    },
    /// To a question that the host keeps under that number.
    Question(u64),
    /// Nowhere.
    Nobody,
}

/// What counts now, in order.
pub struct Counted<D: Domain> {
    /// The record's position, or the last one when only answers were waiting.
    pub position: u64,
    /// Its outcomes, each with the answers that are true right after it and not before.
    pub entries: Vec<CountedEntry<D>>,
    /// Answers that are true after all of them.
    pub answers: Vec<(Route, D::Answer)>,
}

/// An outcome that counts.
pub struct CountedEntry<D: Domain> {
    /// Of which aggregate.
    pub id: D::Id,
    /// The outcome.
    pub logged: Arc<Logged<D::Outcome>>,
    /// Answers that are true right after it.
    pub answers: Vec<(Route, D::Answer)>,
}

/// What the owner asks its driver to do, in order.
pub enum Effect<D: Domain> {
    /// Append this record; tell the result by [`Owner::appended`].
    Append {
        /// Which of ours; 0 is the claim.
        ordinal: u64,
        /// The record.
        payload: Bytes,
    },
    /// Load this; tell the result by [`Owner::loaded`].
    Load {
        /// Of which aggregate.
        id: D::Id,
        /// What.
        want: Want<D::Extra>,
    },
    /// The claim counts: read IN from after this position.
    Owning {
        /// The generation.
        generation: u64,
        /// The last position of IN that is known to be decided.
        in_position: u64,
    },
    /// Deliver.
    Counted(Counted<D>),
}

/// Why an owner is over.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// Somebody else claimed after us.
    #[error("superseded by {worker} at position {position}")]
    Superseded {
        /// Who.
        worker: String,
        /// Where.
        position: u64,
    },
    /// An append failed, or nobody knows whether it happened.
    #[error("an append was lost: record {ordinal}")]
    Append {
        /// Which of ours.
        ordinal: u64,
    },
    /// One of our records was stored but does not count.
    #[error("record {ordinal} at position {position} does not count")]
    Void {
        /// Which of ours.
        ordinal: u64,
        /// Where.
        position: u64,
    },
    /// The log is not what this release can read. Final.
    #[error("the record at position {position} cannot be read")]
    Unreadable {
        /// Where.
        position: u64,
        /// Why.
        source: PayloadError,
    },
    /// The log and a state do not belong together. Final.
    #[error("the log does not follow from the state at position {position}: {why}")]
    Inconsistent {
        /// Where.
        position: u64,
        /// Why.
        why: String,
    },
    /// Records between two positions are gone. Final.
    #[error("records after position {after} are missing: the next one is {next}")]
    Gap {
        /// The last one known.
        after: u64,
        /// The next one read.
        next: u64,
    },
}

impl Lost {
    /// Whether claiming again cannot help: an operator must look.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::Inconsistent { .. } | Self::Gap { .. })
    }
}

struct Hot<S> {
    state: S,
    /// Position of its last outcome that counts.
    position: u64,
    /// Outcomes decided and not known to count.
    pending: usize,
    used_at: At,
}

/// A command that waits.
struct Asked<D: Domain> {
    in_position: Option<u64>,
    route: Route,
    command: D::Command,
    asked_at: At,
}

/// The owner of one log.
pub struct Owner<D: Domain> {
    domain: Arc<D>,
    limits: Limits,
    worker: String,
    nonce: u64,
    cursor: LogCursor,
    counted: LogCursor,
    generation: Option<u64>,
    next_ordinal: u64,
    in_position: u64,
    intake: Intake,
    pipeline: Pipeline<D>,
    hot: HashMap<D::Id, Box<Hot<D::State>>>,
    loading: HashMap<D::Id, Loading<D>>,
    tail: Tail<D::Id, D::Outcome>,
    /// Where the tail started; none once what was before it came, or was given up.
    fills_before: Option<u64>,
    part: Part,
    checkpoint: u64,
    last_at: At,
    void_records: u64,
    waits_ms: Vec<u64>,
    effects: Vec<Effect<D>>,
}

impl<D: Domain> Owner<D> {
    /// Starts behind the archiver's checkpoint: `cursor` is the last record that the store includes, and nothing up to it
    /// was decided after `last_at`. Asks at once for the claim to be appended; the log is to be fed by [`Self::record`] from
    /// `cursor.position + 1` on.
    #[must_use]
    pub fn claim(domain: Arc<D>, limits: Limits, worker: &str, nonce: u64, cursor: LogCursor, last_at: At) -> Self {
        let claim = payload::encode(&RecordWire::Claim(worker.to_owned(), nonce));
        Self {
            domain,
            limits,
            worker: worker.to_owned(),
            nonce,
            cursor,
            counted: cursor,
            generation: None,
            next_ordinal: 1,
            in_position: 0,
            intake: Intake::default(),
            pipeline: Pipeline::new(),
            hot: HashMap::new(),
            loading: HashMap::new(),
            tail: Tail::new(cursor.position),
            fills_before: Some(cursor.position),
            part: Budget::new(limits.tails_max_bytes).part(),
            checkpoint: cursor.position,
            last_at,
            void_records: 0,
            waits_ms: Vec::new(),
            effects: vec![Effect::Append { ordinal: 0, payload: claim }],
        }
    }

    /// Lets it share a budget for tails with the process's other owners.
    #[must_use]
    pub fn with_budget(mut self, budget: &Budget) -> Self {
        self.part = budget.part();
        self.part.set(self.tail.memory_bytes());
        self
    }

    /// Whether what was before the tail may still come, by [`Self::backfilled`].
    #[must_use]
    pub fn is_filling_back(&self) -> bool {
        self.fills_before.is_some()
    }

    /// What was before the cursor that the owner started from; it ends there. It is dropped if the tail, which grows
    /// meanwhile, has forgotten that place.
    pub fn backfilled(&mut self, older: Tail<D::Id, D::Outcome>) {
        if self.fills_before.take() == Some(self.tail.start()) {
            self.tail.put_before(older);
            self.trim();
        }
    }

    /// What is to be done, in order. To be called after every input.
    pub fn effects(&mut self) -> Vec<Effect<D>> {
        self.send();
        std::mem::take(&mut self.effects)
    }

    /// The generation, once the claim counts.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.generation
    }

    /// The last record known, and its standing.
    #[must_use]
    pub fn cursor(&self) -> LogCursor {
        self.cursor
    }

    /// The last record that counts: where a checkpoint of what counts stands.
    #[must_use]
    pub fn counted(&self) -> LogCursor {
        self.counted
    }

    /// The archiver's checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> u64 {
        self.checkpoint
    }

    /// The tail, as of what counts.
    #[must_use]
    pub fn tail(&self) -> &Tail<D::Id, D::Outcome> {
        &self.tail
    }

    /// Records read that do not count.
    #[must_use]
    pub fn void_records(&self) -> u64 {
        self.void_records
    }

    /// How long the commands of IN that were decided since the last call had waited here, in milliseconds. To be called after
    /// every input.
    pub fn take_waits_ms(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.waits_ms)
    }

    /// Whether no more commands should be read for the moment.
    #[must_use]
    pub fn is_saturated(&self) -> bool {
        self.generation.is_none()
            || self.intake.waiting() >= self.limits.waiting_commands
            || self.pipeline.waiting() >= self.limits.waiting_commands
            || self.part.is_full()
    }

    /// Commands that wait for a decision, or for their record to be sent.
    #[must_use]
    pub fn waiting_commands(&self) -> usize {
        self.intake.waiting() + self.pipeline.waiting()
    }

    /// Whether everything decided is known to count, and nothing waits for a load.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.pipeline.is_idle() && self.loading.is_empty()
    }

    /// Whether everything decided is known to count; some commands may wait for a load.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.pipeline.is_idle()
    }

    /// The hot state of an aggregate, speculative.
    #[must_use]
    pub fn state(&self, id: &D::Id) -> Option<&D::State> {
        self.hot.get(id).map(|hot| &hot.state)
    }

    /// A record was read from the log.
    ///
    /// # Errors
    /// [`Lost`] ends this owner.
    pub fn record(&mut self, position: u64, bytes: &[u8], now: At) -> Result<(), Lost> {
        if position <= self.cursor.position {
            return Ok(());
        }
        if position > self.cursor.position + 1 {
            return Err(Lost::Gap { after: self.cursor.position, next: position });
        }
        let record: RecordWire = payload::decode(bytes).map_err(|source| Lost::Unreadable { position, source })?;
        let standing = self.cursor.admit(position, record.stamp());
        match (record, standing) {
            (_, Standing::Void) => {
                self.void_records += 1;
                self.check_own_void(position)
            }
            (RecordWire::Claim(worker, nonce), _) => {
                self.counted = self.cursor;
                self.claimed(position, worker, nonce)
            }
            (RecordWire::Batch(generation, ordinal, in_position, outcomes), _) => {
                self.counted = self.cursor;
                if self.generation == Some(generation) {
                    return self.confirm(position, ordinal, now);
                }
                self.in_position = in_position;
                self.recover(position, &outcomes)
            }
        }
    }

    /// An append was answered: `Some(position)`, or `None` when it failed or nobody knows.
    ///
    /// # Errors
    /// [`Lost`] ends this owner.
    pub fn appended(&mut self, ordinal: u64, position: Option<u64>, now: At) -> Result<(), Lost> {
        if ordinal == 0 {
            return position.map(|_| ()).ok_or(Lost::Append { ordinal });
        }
        let Some(record) = self.pipeline.in_flight.iter_mut().find(|record| record.ordinal == ordinal) else {
            return Ok(());
        };
        record.position = Some(position.ok_or(Lost::Append { ordinal })?);
        self.confirm_adjacent(now)
    }

    /// An envelope of IN: commands of one peer. One that was seen before is passed over.
    pub fn envelope(&mut self, in_position: u64, commands: Vec<(Route, Result<D::Command, PayloadError>)>, now: At) {
        if !self.intake.receive(in_position, commands.len()) {
            return;
        }
        for (route, command) in commands {
            match command {
                Ok(command) => {
                    self.attempt(Asked { in_position: Some(in_position), route, command, asked_at: now }, now)
                }
                Err(error) => {
                    tracing::warn!(%error, in_position, "a command cannot be read; it is passed over");
                    self.intake.decided(in_position);
                }
            }
        }
    }

    /// IN is read from behind this position: what the last record said, or 0 when IN is shorter than that or new.
    pub fn begin_intake(&mut self, received: u64) {
        self.intake = Intake::new(received);
    }

    /// A command or question that does not come from IN.
    pub fn ask(&mut self, route: Route, command: D::Command, now: At) {
        self.attempt(Asked { in_position: None, route, command, asked_at: now }, now);
    }

    /// The archiver has stored everything up to this position.
    pub fn archived(&mut self, position: u64) {
        self.checkpoint = self.checkpoint.max(position.min(self.cursor.position));
        self.trim();
    }

    /// Whatever a load that is under way may lack is kept.
    fn trim(&mut self) {
        if self.loading.is_empty() {
            self.tail.trim(self.checkpoint, self.limits.tail_bytes);
        }
        self.part.set(self.tail.memory_bytes());
    }

    /// Evicts states that are idle and below the checkpoint, and trims the extras of the others.
    pub fn evict(&mut self, now: At) {
        for hot in self.hot.values_mut().filter(|hot| hot.pending == 0) {
            self.domain.trim(&mut hot.state);
        }
        let crowded = self.hot.len() > self.limits.hot_states;
        let (checkpoint, idle_ms) = (self.checkpoint, self.limits.hot_idle_ms);
        self.hot.retain(|_, hot| {
            let needed = hot.pending > 0 || hot.position > checkpoint;
            needed || !(crowded || now.millis_since(hot.used_at) > idle_ms)
        });
        self.hot.shrink_to(self.hot.len() * 2);
    }

    fn claimed(&mut self, position: u64, worker: String, nonce: u64) -> Result<(), Lost> {
        if nonce == self.nonce && worker == self.worker && self.generation.is_none() {
            self.generation = Some(position);
            self.tail.push(position, []);
            self.effects.push(Effect::Owning { generation: position, in_position: self.in_position });
            return Ok(());
        }
        if self.generation.is_some() {
            return Err(Lost::Superseded { worker, position });
        }
        self.tail.push(position, []);
        Ok(())
    }

    /// Another owner's record that counts, read before our claim.
    fn recover(&mut self, position: u64, outcomes: &[&serde_bytes::Bytes]) -> Result<(), Lost> {
        let logged = read_outcomes(&*self.domain, outcomes).map_err(|source| Lost::Unreadable { position, source })?;
        for (_, logged) in &logged {
            self.last_at = self.last_at.max(self.domain.outcome_at(&logged.outcome));
        }
        self.tail.push(position, logged);
        self.part.set(self.tail.memory_bytes());
        Ok(())
    }

    /// A void record is harmless unless it is one of ours: then the pipeline is broken.
    fn check_own_void(&mut self, position: u64) -> Result<(), Lost> {
        match self.pipeline.in_flight.iter().find(|record| record.position == Some(position)) {
            Some(record) => Err(Lost::Void { ordinal: record.ordinal, position }),
            None => Ok(()),
        }
    }

    fn confirm_adjacent(&mut self, now: At) -> Result<(), Lost> {
        while let Some((position, ordinal)) =
            self.pipeline.in_flight.front().and_then(|record| Some((record.position?, record.ordinal)))
        {
            if position <= self.cursor.position {
                return Err(Lost::Void { ordinal, position });
            }
            if position > self.cursor.position + 1 {
                return Ok(());
            }
            let generation = self.cursor.generation;
            if self.cursor.admit(position, Stamp::Batch { generation, ordinal }) == Standing::Void {
                return Err(Lost::Void { ordinal, position });
            }
            self.counted = self.cursor;
            self.confirm(position, ordinal, now)?;
        }
        Ok(())
    }

    /// One of our records counts.
    fn confirm(&mut self, position: u64, ordinal: u64, now: At) -> Result<(), Lost> {
        let Some(record) = self.pipeline.in_flight.pop_front().filter(|record| record.ordinal == ordinal) else {
            return Err(Lost::Void { ordinal, position });
        };
        let mut entries: Vec<CountedEntry<D>> = Vec::with_capacity(record.entries.len());
        for Entry { id, logged, answers } in record.entries {
            if let Some(hot) = self.hot.get_mut(&id) {
                hot.pending = hot.pending.saturating_sub(1);
                hot.position = position;
                hot.used_at = now;
            }
            entries.push(CountedEntry { id, logged, answers });
        }
        self.tail.push(position, entries.iter().map(|entry| (entry.id.clone(), entry.logged.clone())));
        self.part.set(self.tail.memory_bytes());
        self.effects.push(Effect::Counted(Counted { position, entries, answers: record.answers }));
        Ok(())
    }

    fn send(&mut self) {
        let Some(generation) = self.generation else { return };
        while self.pipeline.in_flight.len() < self.limits.in_flight_records {
            let entries = self.pipeline.take(self.limits.record_outcomes, self.limits.record_bytes);
            if entries.is_empty() {
                return;
            }
            let ordinal = self.next_ordinal;
            self.next_ordinal += 1;
            let outcomes: Vec<Bytes> = entries.iter().map(|entry| entry.logged.bytes.clone()).collect();
            let record = RecordWire::batch(generation, ordinal, self.intake.position(), &outcomes);
            self.pipeline.in_flight.push_back(InFlight { ordinal, position: None, entries, answers: Vec::new() });
            self.effects.push(Effect::Append { ordinal, payload: payload::encode(&record) });
        }
    }

    /// Decides a command whose state and extras are hot.
    fn decide(&mut self, asked: &Asked<D>, now: At) {
        let id = self.domain.command_id(&asked.command);
        let now = self.last_at.max(now);
        let Some(hot) = self.hot.get_mut(&id) else { return };
        hot.used_at = now;
        match self.domain.decide(&hot.state, &asked.command, now) {
            Step::Nothing => {}
            Step::Answer(answer) => self.answer(asked.route.clone(), answer),
            Step::Record(outcome, answer) => {
                if let Err(why) = self.domain.apply(&mut hot.state, &outcome) {
                    let position = self.cursor.position;
                    tracing::error!(%why, position, "a decision does not follow from its own state; it is dropped");
                    return;
                }
                hot.pending += 1;
                self.last_at = now;
                let bytes = self.domain.encode_outcome(&outcome);
                let logged = Arc::new(Logged { outcome, bytes });
                self.pipeline.push(Entry { id, logged, answers: vec![(asked.route.clone(), answer)] });
            }
        }
    }

    /// Answers once everything decided before counts.
    fn answer(&mut self, route: Route, answer: D::Answer) {
        if route == Route::Nobody {
            return;
        }
        if let Some(now_true) = self.pipeline.hold(route, answer) {
            let position = self.cursor.position;
            self.effects.push(Effect::Counted(Counted { position, entries: Vec::new(), answers: vec![now_true] }));
        }
    }
}
