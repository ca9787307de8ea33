//! A whole round: people come, the server is harmed again and again or restarted as planned, all becomes quiet, everything
//! is collected.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::client::{Client, Habit, Phase, Setup};
use super::collect;
use super::deal::Deal;
use super::harm::Harm;
use super::journal::SharedJournal;
use super::observed::{Agent, Answer, Observations, Planned};
use super::pace::Pace;
use super::people::{self, Person};
use super::rate::Reached;
use super::rest_sender::RestSender;
use super::rolling::{self, Load};
use super::summary;
use super::target::Target;
use crate::cluster::Role;

/// Agents have room for fewer sessions than there are visitors, so that some wait until others are done.
const AGENTS: u32 = 3;
const CAPACITY: u32 = 2;
/// Whoever was taken for gone by mistake loses their sessions before the mistake is put right.
const GRACE: Duration = Duration::from_secs(1);
/// What is usual: whoever has to connect again keeps theirs.
const GRACE_WHEN_PLANNED: Duration = Duration::from_secs(30);
/// Visitors who send by REST besides.
const REST_SENDERS: u32 = 3;
/// Visitors with further devices, where there are many visitors.
const MANY_DEVICES: u32 = 8;
const WARM_UP_LIMIT: Duration = Duration::from_secs(30);
const QUIET_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);
/// All must be quiet for so long.
const QUIET: Duration = Duration::from_millis(500);
/// The load goes on for so long after the last incident.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// Everybody and everything that takes part.
pub struct Round {
    target: Target,
    rng: StdRng,
    visitors: Vec<Person>,
    agents: Vec<Person>,
    clients: BTreeMap<String, SharedJournal>,
    tasks: JoinSet<()>,
    phase: watch::Sender<Phase>,
    incidents: Vec<Incident>,
}

/// What happens to the target.
#[derive(Debug, Clone, Copy)]
pub enum Course {
    /// Harm, at random moments, while everybody writes as much as they like.
    Harm { times: u32, visitors: u32 },
    /// Planned restarts of every process, so many times, under that load.
    Rolling { rounds: u32, load: Load },
}

impl Course {
    /// How many agents there are.
    pub fn agents(self) -> u32 {
        match self {
            Self::Harm { .. } => AGENTS,
            Self::Rolling { load, .. } => load.agents,
        }
    }

    /// How many sessions each of them may have at a time.
    pub fn capacity(self) -> u32 {
        match self {
            Self::Harm { .. } => CAPACITY,
            // Each has room for all, since those whose agent is away for long are given to another one.
            Self::Rolling { load, .. } => load.visitors,
        }
    }

    /// How long an agent may be gone before sessions are given back.
    pub fn grace(self) -> Duration {
        match self {
            Self::Harm { .. } => GRACE,
            Self::Rolling { .. } => GRACE_WHEN_PLANNED,
        }
    }
}

/// Something that was done to the target.
#[derive(Debug, Clone, Copy)]
pub struct Incident {
    pub harm: Harm,
    pub at: Instant,
    pub ready_after: Duration,
}

/// What a round gives.
pub struct Outcome {
    pub observations: Observations,
    pub summary: summary::Summary,
}

impl Round {
    /// Starts the load.
    pub async fn start(course: Course, seed: u64, target: Target, agents: Vec<Person>) -> Result<Self> {
        let (phase, _) = watch::channel(Phase::Busy);
        let mut round = Self {
            target,
            rng: StdRng::seed_from_u64(seed),
            visitors: Vec::new(),
            agents,
            clients: BTreeMap::new(),
            tasks: JoinSet::new(),
            phase,
            incidents: Vec::new(),
        };
        match round.invite(course).await {
            Ok(()) => Ok(round),
            Err(error) => Err(round.with_log(error)),
        }
    }

    async fn invite(&mut self, course: Course) -> Result<()> {
        let (visitors, many_devices, of_visitor, of_agent) = match course {
            Course::Harm { visitors, .. } => (visitors, visitors, None, None),
            Course::Rolling { load, .. } => {
                (load.visitors, MANY_DEVICES, Some(load.of_visitor()), Some(load.of_agent()))
            }
        };
        for (number, agent) in self.agents.clone().into_iter().enumerate() {
            self.spawn(agent_name(number), agent, Habit::Agent, of_agent);
        }
        for number in 1..=visitors {
            let visitor = people::visitor(self.target.rest(), number).await?;
            self.spawn(format!("visitor-{number}"), visitor.clone(), Habit::Visitor, of_visitor);
            if number <= many_devices {
                self.spawn(format!("observer-{number}"), visitor.clone(), Habit::Observer, None);
                self.spawn(format!("latecomer-{number}"), visitor.clone(), Habit::GoesBack, None);
            }
            if number <= REST_SENDERS {
                self.spawn_rest_sender(format!("rest-{number}"), visitor.clone());
            }
            self.visitors.push(visitor);
        }
        Ok(())
    }

    fn spawn(&mut self, name: String, person: Person, habit: Habit, pace: Option<Pace>) {
        let journal = SharedJournal::default();
        self.clients.insert(name.clone(), journal.clone());
        let client = Client::new(Setup {
            name,
            person,
            habit,
            pace,
            address: self.target.address(),
            rest: self.target.rest().clone(),
            journal,
            phase: self.phase.subscribe(),
            seed: self.rng.random(),
        });
        self.tasks.spawn(client.run());
    }

    fn spawn_rest_sender(&mut self, lane: String, person: Person) {
        let journal = SharedJournal::default();
        self.clients.insert(lane.clone(), journal.clone());
        let rest = self.target.rest().with_token(&person.token);
        let (phase, seed) = (self.phase.subscribe(), self.rng.random());
        self.tasks.spawn(RestSender { lane, person, rest, journal, phase, seed }.run());
    }

    /// Does all of it, waits until all is quiet, collects.
    pub async fn run(&mut self, course: Course) -> Result<Outcome> {
        self.warm_up().await?;
        match course {
            Course::Harm { times, .. } => self.harm(times).await?,
            Course::Rolling { rounds, .. } => self.replace_all(rounds).await?,
        }
        let until = Instant::now();
        sleep(AFTERWARDS).await;
        self.phase.send_replace(Phase::Quiet);
        self.until_quiet().await;
        let mut observations = Observations::default();
        let mut summary = summary::Summary::of(&self.journals(), &self.of_visitors(), &self.incidents);
        if let Course::Rolling { load, .. } = course {
            observations.planned = Some(self.planned());
            summary.load = Some((self.reached(until), load.rate));
        }
        let journals = self.journals();
        collect::before_restart(self.target.rest(), &self.visitors, &self.agents, &journals, &mut observations).await?;
        self.restart_with_newcomers().await?;
        collect::after_restart(self.target.rest(), &self.visitors, &self.journals(), &mut observations).await?;
        observations.disputed = collect::disputed(self.target.rest(), &self.visitors, &self.agents).await?;
        observations.agents = self.attendance(course);
        observations.grace_ms = u64::try_from(course.grace().as_millis())?;
        self.phase.send_replace(Phase::Stop);
        self.finish(&mut observations).await?;
        Ok(Outcome { observations, summary })
    }

    /// The load is on once every visitor was answered and an agent has written.
    async fn warm_up(&self) -> Result<()> {
        let started = Instant::now();
        while !self.is_warm() {
            if started.elapsed() > WARM_UP_LIMIT {
                bail!("the load does not start: {}", self.troubles().join("; "));
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    fn is_warm(&self) -> bool {
        let answered =
            |journal: &SharedJournal| journal.lock().commands.iter().any(|command| command.accepted().is_some());
        let visitors = self.clients.iter().filter(|(name, _)| name.starts_with("visitor-"));
        let agents = self.clients.iter().filter(|(name, _)| name.starts_with("agent-"));
        visitors.map(|(_, journal)| journal).all(answered) && agents.map(|(_, journal)| journal).any(answered)
    }

    async fn harm(&mut self, times: u32) -> Result<()> {
        let mut deal = Deal::default();
        for time in 1..=times {
            sleep(self.until_next_harm()).await;
            let harm = self.target.next_harm(&mut deal, &mut self.rng);
            let at = Instant::now();
            let ready_after = self.target.harm(harm, &mut self.rng).await?;
            self.incidents.push(Incident { harm, at, ready_after });
            let (ready_ms, messages) = (ready_after.as_millis(), self.accepted());
            println!("{time}/{times} {harm}: ready again after {ready_ms} ms; {messages} messages so far");
        }
        Ok(())
    }

    /// Every process in turn.
    async fn replace_all(&mut self, rounds: u32) -> Result<()> {
        let order = self.target.in_order();
        for index in (0..rounds).flat_map(|_| order.clone()) {
            sleep(rolling::SETTLE).await;
            let at = Instant::now();
            let (harm, stopped_after, ready_after) = self.target.replace(index).await?;
            self.incidents.push(Incident { harm, at, ready_after });
            let (stopped_ms, ready_ms, messages) =
                (stopped_after.as_millis(), ready_after.as_millis(), self.accepted());
            println!("{harm}: stopped in {stopped_ms} ms, ready {ready_ms} ms later; {messages} messages so far");
        }
        sleep(rolling::SETTLE).await;
        Ok(())
    }

    /// What each agent has room for, and when they were there.
    fn attendance(&self, course: Course) -> Vec<Agent> {
        let agents = self.agents.iter().enumerate();
        let connected = |number| Some(self.clients.get(&agent_name(number))?.lock().connected.clone());
        let agent = |(number, agent): (usize, &Person)| Agent {
            user: agent.user(),
            capacity: course.capacity() as usize,
            connected: connected(number).unwrap_or_default(),
        };
        agents.map(agent).collect()
    }

    /// What the restarts meant to the clients' connections.
    fn planned(&self) -> Planned {
        let of_edges = self.incidents.iter().filter(|incident| incident.harm == Harm::Planned(Role::Edge));
        let clients = self.clients.iter().map(|(name, journal)| (name.clone(), journal.lock().continuity.clone()));
        Planned { edges_stopped: of_edges.count() as u64, clients: clients.collect() }
    }

    /// The load from the first incident on.
    fn reached(&self, until: Instant) -> Reached {
        let from = self.incidents.first().map_or(until, |incident| incident.at);
        let times: Vec<_> = self.clients.values().flat_map(|journal| journal.lock().times.clone()).collect();
        Reached::of(times.iter(), from, until)
    }

    fn until_next_harm(&mut self) -> Duration {
        let soon = self.rng.random_bool(0.4);
        Duration::from_millis(self.rng.random_range(if soon { 50..700 } else { 700..3000 }))
    }

    /// After the last start there are clients that have seen nothing before.
    async fn restart_with_newcomers(&mut self) -> Result<()> {
        self.target.restart().await?;
        for (number, visitor) in self.visitors.clone().into_iter().enumerate() {
            self.spawn(format!("newcomer-{}", number + 1), visitor, Habit::Observer, None);
        }
        sleep(QUIET).await;
        self.until_quiet().await;
        Ok(())
    }

    /// Bounded: what is not quiet then is for the checker.
    async fn until_quiet(&self) {
        let started = Instant::now();
        let mut quiet_since = None;
        while started.elapsed() < QUIET_LIMIT {
            let now = Instant::now();
            quiet_since = if self.is_quiet() { quiet_since.or(Some(now)) } else { None };
            if quiet_since.is_some_and(|since| now.duration_since(since) >= QUIET) {
                return;
            }
            sleep(POLL).await;
        }
        println!("not quiet after {} s:", QUIET_LIMIT.as_secs());
        self.troubles().iter().for_each(|trouble| println!("  {trouble}"));
    }

    fn is_quiet(&self) -> bool {
        let mut heads: BTreeMap<String, u64> = BTreeMap::new();
        for journal in self.clients.values() {
            let journal = journal.lock();
            if journal.unanswered > 0 {
                return false;
            }
            for (conversation, position) in &journal.positions {
                let Some(position) = *position else { return false };
                if *heads.entry(conversation.clone()).or_insert(position) != position {
                    return false;
                }
            }
        }
        true
    }

    fn troubles(&self) -> Vec<String> {
        let mut troubles = Vec::new();
        for (name, journal) in &self.clients {
            let journal = journal.lock();
            let positions: Vec<_> = journal.positions.values().collect();
            let (unanswered, trouble) = (journal.unanswered, &journal.trouble);
            troubles.push(format!("{name}: {unanswered} unanswered, at {positions:?}, last trouble: {trouble}"));
        }
        troubles
    }

    fn accepted(&self) -> usize {
        let is_message = |answers: &Vec<Answer>| matches!(answers.first(), Some(Answer::Accepted { .. }));
        let count = |journal: &SharedJournal| {
            journal.lock().commands.iter().filter(|command| is_message(&command.answers)).count()
        };
        self.clients.values().map(count).sum()
    }

    fn journals(&self) -> Vec<SharedJournal> {
        self.clients.values().cloned().collect()
    }

    /// Of those to whom something is delivered all the time.
    fn of_visitors(&self) -> Vec<(String, SharedJournal)> {
        let of_one = |name: &&String| name.starts_with("visitor-") || name.starts_with("observer-");
        let names = self.clients.keys().filter(of_one);
        names.filter_map(|name| Some((name.clone(), self.clients.get(name)?.clone()))).collect()
    }

    async fn finish(&mut self, observations: &mut Observations) -> Result<()> {
        let ended = timeout(STOP_LIMIT, async {
            while let Some(task) = self.tasks.join_next().await {
                task?;
            }
            anyhow::Ok(())
        });
        match ended.await {
            Ok(done) => done?,
            Err(_) => bail!("clients do not end: {}", self.troubles().join("; ")),
        }
        for journal in self.clients.values() {
            let mut journal = journal.lock();
            observations.commands.append(&mut journal.commands);
            observations.transcripts.append(&mut journal.transcripts);
            observations.histories.append(&mut journal.pages);
            observations.complaints.append(&mut journal.complaints);
        }
        Ok(())
    }

    /// An error with the end of the server's log.
    pub fn with_log(&self, error: anyhow::Error) -> anyhow::Error {
        println!("The end of kefu's log:\n{}\n", self.target.log_tail());
        error
    }
}

fn agent_name(number: usize) -> String {
    format!("agent-{}", number + 1)
}
