//! `cargo xtask crash`: `kill -9` at random moments under load; then everything that anybody was told is compared.
//!
//! Clients record what they sent, what they were answered and what they saw ([`journal`]). At the end the histories are
//! read besides, and [`checker`], which is pure, looks for anything lost, doubled, reordered or told in two ways.

mod checker;
mod client;
mod collect;
mod cursor;
mod event;
mod journal;
pub mod kefu;
mod observed;
mod outbox;
mod people;
mod rest;
mod rest_sender;
mod round;
mod socket;
mod summary;
mod target;

use anyhow::Result;
use clap::Args;

pub use kefu::Kefu;
pub use people::visitor;
pub use rest::Rest;

use crate::cluster::{Cluster, Plan};
use crate::nats_server::NatsServer;
use crate::provision;
use round::Round;
use target::Target;

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
    /// Decides the moments and the load; a random one if not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Visitors that write.
    #[arg(long, default_value_t = 8)]
    visitors: u32,
}

impl Options {
    /// So many kills on one machine, with the rest as usual.
    pub fn embedded(kills: u32) -> Self {
        Self { kills, nats: false, cluster: false, seed: None, visitors: 8 }
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
}

/// A cluster with two processes of each role.
async fn cluster() -> Result<Target> {
    let cluster = Cluster::start(&Plan::demo(2)).await?;
    let rest = Rest::new(&cluster.balancer.address())?;
    Ok(Target::Cluster(Box::new(cluster), rest))
}

/// Kills, checks and says what was found.
pub async fn run(options: Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(rand::random);
    println!("{} kills {}, {} visitors, --seed {seed}", options.kills, options.backend(), options.visitors);
    let nats = match options.nats {
        true => Some(NatsServer::start(&provision::nats_server().await?).await?),
        false => None,
    };
    let target =
        if options.cluster { cluster().await? } else { Target::One(Box::new(Kefu::start(nats.as_ref(), &[]).await?)) };
    let mut round = Round::start(&options, seed, target).await?;
    let result = match round.run(options.kills).await {
        Ok(result) => result,
        Err(error) => return Err(round.with_log(error)),
    };
    let faults = checker::check(&result.observations);
    summary::print(&result);
    if faults.is_empty() {
        println!("The checker found nothing lost, doubled, reordered or contradictory.");
        return Ok(());
    }
    for fault in faults.iter().take(FAULTS_SHOWN) {
        println!("FAULT {fault}");
    }
    let error = anyhow::anyhow!("the checker found {} faults (--seed {seed})", faults.len());
    Err(round.with_log(error))
}
