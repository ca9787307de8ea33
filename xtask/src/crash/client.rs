//! One client on one device: it connects, resumes, writes, listens, and notes everything down.

mod habits;
mod hear;
mod speak;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Result;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::cursor::Place;
use super::journal::SharedJournal;
use super::outbox::Outbox;
use super::pace::Pace;
use super::people::Person;
use super::rest::Rest;
use super::socket::{Ended, Socket};
pub use habits::Habit;

/// How often a client says that it is alive, whatever else it sends.
const PING: Duration = Duration::from_secs(20);
const TICK: Duration = Duration::from_millis(10);
/// Clients come back within this after they lost the connection.
const JITTER_MS: u64 = 200;
/// A command that has no answer for so long on an open connection: the connection is given up.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);

/// What the round asks of everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Write.
    Busy,
    /// Write nothing new, get everything answered and seen.
    Quiet,
    /// End.
    Stop,
}

/// A client.
pub struct Client {
    name: String,
    device: String,
    person: Person,
    habit: Habit,
    address: String,
    rest: Rest,
    journal: SharedJournal,
    phase: watch::Receiver<Phase>,
    rng: StdRng,
    places: BTreeMap<String, Place>,
    outboxes: BTreeMap<String, Outbox>,
    /// Conversations in which an agent has the session.
    serving: BTreeSet<String>,
    written: u64,
    attaches: u64,
    timers: habits::Timers,
    pace: Option<Pace>,
    /// Not before when to connect again, once this connection's edge has told it to go.
    told_to_go: Option<Instant>,
}

/// Who a client is and where it notes things down.
pub struct Setup {
    pub name: String,
    pub person: Person,
    pub habit: Habit,
    /// How fast it writes; at random pauses otherwise.
    pub pace: Option<Pace>,
    pub address: String,
    pub rest: Rest,
    pub journal: SharedJournal,
    pub phase: watch::Receiver<Phase>,
    pub seed: u64,
}

impl Client {
    /// A client that has not connected yet.
    pub fn new(setup: Setup) -> Self {
        let Setup { name, person, habit, pace, address, rest, journal, phase, seed } = setup;
        let rest = rest.with_token(&person.token);
        let device = format!("{name}-{:x}", seed & 0xff_ffff);
        let rng = StdRng::seed_from_u64(seed);
        let mut client = Self {
            name,
            device,
            person,
            habit,
            address,
            rest,
            journal,
            phase,
            rng,
            places: BTreeMap::new(),
            outboxes: BTreeMap::new(),
            serving: BTreeSet::new(),
            written: 0,
            attaches: 0,
            timers: habits::Timers::new(),
            pace,
            told_to_go: None,
        };
        if let Some(conversation) = client.person.conversation.clone() {
            client.follow(&conversation);
        }
        client
    }

    /// Connects again and again until the round ends.
    pub async fn run(mut self) {
        while self.phase() != Phase::Stop {
            match self.connect().await {
                Ok(ended) => {
                    self.note_end(&ended);
                    if let Ended::ForGood(why) = ended {
                        self.complain(&format!("was sent away: {why}"));
                        break;
                    }
                }
                Err(error) => self.note_failure(&error),
            }
            self.disconnected();
            let asked = self.told_to_go.take().map(|at| at.saturating_duration_since(Instant::now()));
            let jitter = Duration::from_millis(self.rng.random_range(0..JITTER_MS));
            sleep(asked.unwrap_or_default() + jitter).await;
        }
        let transcripts = std::mem::take(&mut self.places).into_values().filter_map(Place::finish);
        self.journal.lock().transcripts.extend(transcripts);
    }

    fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    fn note_end(&self, ended: &Ended) {
        let mut journal = self.journal.lock();
        journal.trouble = ended.to_string();
        journal.continuity.ended(ended, self.told_to_go.is_some());
    }

    fn note_failure(&self, error: &anyhow::Error) {
        let mut journal = self.journal.lock();
        journal.trouble = format!("{error:#}");
        let why = journal.trouble.clone();
        journal.continuity.attempt_failed(why);
    }

    fn complain(&self, what: &str) {
        self.journal.lock().complaints.push(format!("{} {what}", self.name));
    }

    /// Sees to it that a conversation is attached.
    fn follow(&mut self, conversation: &str) {
        let staff = self.habit == Habit::Agent;
        let place = self.places.entry(conversation.to_owned());
        place.or_insert_with(|| Place::new(conversation, &self.name, staff)).come_back();
    }

    fn disconnected(&mut self) {
        self.journal.lock().note_disconnected();
        for outbox in self.outboxes.values_mut() {
            outbox.disconnected();
        }
        for place in self.places.values_mut() {
            place.attach_again(true);
        }
        self.note_position();
    }

    /// One connection, from the handshake to its end.
    async fn connect(&mut self) -> Result<Ended> {
        let (mut socket, _) = Socket::open(&self.address, &self.person.token, &self.device).await?;
        if self.habit == Habit::GoesBack {
            let to_the_start = self.phase() != Phase::Busy || self.rng.random();
            self.go_back(to_the_start);
        }
        if self.habit == Habit::Agent {
            socket.send(vec![json!({"t": "status", "status": "online"})]).await?;
            for conversation in self.rest.sessions_of(&self.person.id).await? {
                self.follow(&conversation);
                self.serving.insert(conversation);
            }
        }
        self.timers.connected(&mut self.rng);
        self.journal.lock().note_connected();
        Ok(self.stay(socket).await.unwrap_or_else(|error| Ended::Broken(format!("{error:#}"))))
    }

    fn go_back(&mut self, to_the_start: bool) {
        let over: Vec<_> = self.places.values_mut().filter_map(|place| place.go_back(to_the_start)).collect();
        self.journal.lock().transcripts.extend(over);
    }

    async fn stay(&mut self, mut socket: Socket) -> Result<Ended> {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut sign_of_life = interval(PING);
        loop {
            tokio::select! {
                frame = socket.next() => match frame {
                    Ok(frame) => self.hear(&frame),
                    Err(ended) => return Ok(ended),
                },
                _ = tick.tick() => {
                    if let Some(ended) = self.tick(&mut socket).await? {
                        return Ok(ended);
                    }
                }
                _ = sign_of_life.tick() => socket.send(vec![json!({"t": "ping"})]).await?,
            }
        }
    }

    async fn tick(&mut self, socket: &mut Socket) -> Result<Option<Ended>> {
        if self.phase() == Phase::Stop {
            return Ok(Some(Ended::Left));
        }
        if self.habit == Habit::GoesBack && self.timers.is_time_to_leave(self.phase()) {
            return Ok(Some(Ended::Left));
        }
        if self.goes() {
            return Ok(Some(Ended::Broken("went as it was told to".to_owned())));
        }
        if self.outboxes.values().any(|outbox| outbox.waits_since(ANSWER_LIMIT)) {
            self.journal.lock().counts.stalls += 1;
            return Ok(Some(Ended::Broken("a command was not answered".to_owned())));
        }
        self.load_pages().await?;
        let mut frames = self.attaches();
        if self.phase() == Phase::Busy && self.told_to_go.is_none() {
            self.write();
            frames.extend(self.marks());
            frames.extend(self.ask_again());
        }
        if self.told_to_go.is_none() {
            frames.extend(self.commands(Instant::now()));
        }
        socket.send(frames).await?;
        self.note_position();
        Ok(None)
    }

    /// Whether it was told to go and has nothing under way. An observer stays until it is sent away.
    fn goes(&self) -> bool {
        let is_under_way = self.outboxes.values().any(Outbox::is_under_way);
        self.told_to_go.is_some() && self.habit != Habit::Observer && !is_under_way
    }

    /// For the round to see whether all is quiet.
    fn note_position(&self) {
        let mut journal = self.journal.lock();
        journal.unanswered = self.outboxes.values().map(Outbox::unanswered).sum();
        let followed = self.places.iter().filter(|(_, place)| !place.is_left());
        journal.positions = followed.map(|(name, place)| (name.clone(), place.position())).collect();
    }
}
