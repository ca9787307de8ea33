//! `cargo xtask crash`: `kill -9` at random moments under load, or a rolling restart; then everything that anybody was told
//! is compared.
//!
//! Clients record what they sent, what they were answered and what they saw ([`journal`]). At the end the histories are
//! read besides, and [`checker`], which is pure, looks for anything lost, doubled, reordered or told in two ways.

mod checker;
mod client;
mod collect;
mod continuity;
mod cursor;
mod deal;
mod event;
mod harm;
mod inflict;
mod journal;
pub mod kefu;
mod observed;
mod outbox;
mod pace;
mod pause;
mod people;
mod rate;
mod rest;
mod rest_sender;
mod rolling;
mod round;
mod socket;
mod summary;
mod target;

use anyhow::Result;
use clap::Args;

pub use kefu::Kefu;
pub use people::{agents, visitor};
pub use rest::Rest;
pub use socket::Socket;

use crate::cluster::{Cluster, Plan, RAISED};
use crate::nats_server::NatsServer;
use crate::provision;
use rolling::Load;
use round::{Course, Round};
use target::Target;

/// Of each role.
const PROCESSES: usize = 2;
/// More faults than these tell nothing new.
const FAULTS_SHOWN: usize = 40;

/// Options of `crash`.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// How often the server is killed.
    #[arg(long, default_value_t = 5)]
    kills: u32,
    /// Over NATS instead of on one machine.
    #[arg(long)]
    nats: bool,
    /// A whole cluster instead, in which processes of every role are killed or held, and servers restarted.
    #[arg(long, conflicts_with = "nats")]
    cluster: bool,
    /// Every process of the cluster in turn is stopped as planned and started again, instead of being harmed. Clients must
    /// not notice: everybody is told to go before an edge stops, and nobody has to load anything again.
    #[arg(long, requires = "cluster", conflicts_with = "kills")]
    rolling: bool,
    /// How often all of them are.
    #[arg(long, default_value_t = 1, requires = "rolling")]
    rounds: u32,
    /// Messages per second of all clients together. The run fails if less than 90 % of it was reached.
    #[arg(long, default_value_t = 1_000, requires = "rolling", value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// Decides the moments and the load; a random one if not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Visitors that write: 8, or as many as the rate needs.
    #[arg(long)]
    visitors: Option<u32>,
}

const VISITORS: u32 = 8;

impl Options {
    /// So many kills on one machine, with the rest as usual.
    pub fn embedded(kills: u32) -> Self {
        let (rolling, rounds, rate) = (false, 1, 1_000);
        Self { kills, nats: false, cluster: false, rolling, rounds, rate, seed: None, visitors: None }
    }

    /// The same over NATS.
    pub fn over_nats(kills: u32) -> Self {
        Self { nats: true, ..Self::embedded(kills) }
    }

    /// The same in a cluster.
    pub fn in_cluster(kills: u32) -> Self {
        Self { cluster: true, ..Self::embedded(kills) }
    }

    fn backend(&self) -> &'static str {
        match (self.nats, self.cluster) {
            (_, true) => "in a cluster",
            (true, _) => "over NATS",
            _ => "on one machine",
        }
    }

    fn course(&self) -> Course {
        if self.rolling {
            return Course::Rolling { rounds: self.rounds, load: Load::of(self.rate, self.visitors) };
        }
        Course::Harm { times: self.kills, visitors: self.visitors.unwrap_or(VISITORS) }
    }

    fn introduce(&self, course: Course, seed: u64) {
        let backend = self.backend();
        match course {
            Course::Harm { times, visitors } => println!(
                "{times} kills {backend}, {visitors} visitors and {} agents with room for {} each, --seed {seed}",
                course.agents(),
                course.capacity()
            ),
            Course::Rolling { rounds, load: Load { visitors, agents, rate } } => println!(
                "{rounds} rolling restarts {backend}, {rate} messages/s of {visitors} visitors and {agents} agents, --seed {seed}"
            ),
        }
    }
}

/// The target, and the password of its first admin.
async fn target(options: &Options, course: Course, nats: Option<&NatsServer>) -> Result<(Target, String)> {
    // Who reads all histories at the end comes from one address, and reads faster than people.
    let mut settings = RAISED.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    settings.push(("KEFU_ALLOCATION__GRACE_S".to_owned(), course.grace().as_secs().to_string()));
    if !options.cluster {
        let settings: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let kefu = Kefu::start_new(nats, &settings).await?;
        let password = kefu.admin_password().await?;
        return Ok((Target::One(Box::new(kefu)), password));
    }
    let cluster = Cluster::start(&Plan::load(PROCESSES, settings)).await?;
    let rest = Rest::new(&cluster.balancer.address())?;
    let password = cluster.admin_password()?;
    Ok((Target::Cluster(Box::new(cluster), rest), password))
}

/// Kills, checks and says what was found.
pub async fn run(options: Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(rand::random);
    let course = options.course();
    options.introduce(course, seed);
    let nats = match options.nats {
        true => Some(NatsServer::start(&provision::nats_server().await?).await?),
        false => None,
    };
    let (target, password) = target(&options, course, nats.as_ref()).await?;
    let agents = people::hired(target.rest(), &password, course.agents(), course.capacity()).await?;
    let mut round = Round::start(course, seed, target, agents).await?;
    let result = match round.run(course).await {
        Ok(result) => result,
        Err(error) => return Err(round.with_log(error)),
    };
    let faults = checker::check(&result.observations);
    summary::print(&result);
    if faults.is_empty() {
        println!(
            "The checker found nothing lost, doubled, reordered or contradictory, and every session with its agent."
        );
        return result.summary.is_load_enough();
    }
    for fault in faults.iter().take(FAULTS_SHOWN) {
        println!("FAULT {fault}");
    }
    let error = anyhow::anyhow!("the checker found {} faults (--seed {seed})", faults.len());
    Err(round.with_log(error))
}
