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

use anyhow::Result;
use clap::Args;

pub use kefu::Kefu;
pub use people::visitor;
pub use rest::Rest;

use crate::nats_server::NatsServer;
use crate::provision;
use round::Round;

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
    /// Decides the moments and the load; a random one if not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Visitors that write.
    #[arg(long, default_value_t = 8)]
    visitors: u32,
}

impl Options {
    /// So many kills, with the rest as usual.
    pub fn kills(kills: u32, nats: bool) -> Self {
        Self { kills, nats, seed: None, visitors: 8 }
    }
}

/// Kills, checks and says what was found.
pub async fn run(options: Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(rand::random);
    let backend = if options.nats { "over NATS" } else { "on one machine" };
    println!("{} kills {backend}, {} visitors, --seed {seed}", options.kills, options.visitors);
    let nats = match options.nats {
        true => Some(NatsServer::start(&provision::nats_server().await?).await?),
        false => None,
    };
    let mut round = Round::start(&options, seed, nats.as_ref()).await?;
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
