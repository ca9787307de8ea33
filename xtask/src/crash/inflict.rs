//! Doing harm to a cluster.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use tokio::time::sleep;

use super::harm::{Harm, Server};
use crate::cluster::{Cluster, Process, Role};

/// A held process is held this long, in milliseconds: longer than it takes to be passed over.
const HELD_MS: std::ops::Range<u64> = 2_500..6_000;
/// What was killed is started again after this, in milliseconds.
const GONE_MS: std::ops::Range<u64> = 0..4_000;
/// While a server is away, a process is killed after so many milliseconds.
const MEANWHILE_MS: std::ops::Range<u64> = 0..2_000;
/// Where the logs of conversations are, whose leaders matter.
const CHAT_LOGS: &str = "_LOG-chat-";

/// Does it, up to the start of what was ended.
pub async fn inflict(cluster: &mut Cluster, harm: Harm, rng: &mut StdRng) -> Result<()> {
    match harm {
        Harm::Kill(role) => {
            let process = one_of(&mut cluster.processes, role, rng)?;
            process.service.kill().await?;
            sleep(some(GONE_MS, rng)).await;
            process.service.start_again()
        }
        Harm::Hold(role) => {
            let process = one_of(&mut cluster.processes, role, rng)?;
            process.service.hold(true)?;
            sleep(some(HELD_MS, rng)).await;
            process.service.hold(false)
        }
        Harm::Restart(server) => {
            end(cluster, server, rng).await?;
            sleep(some(GONE_MS, rng)).await;
            begin(cluster, server).await
        }
        Harm::RestartAndKill(server, role) => {
            end(cluster, server, rng).await?;
            sleep(some(MEANWHILE_MS, rng)).await;
            let process = one_of(&mut cluster.processes, role, rng)?;
            process.service.kill().await?;
            sleep(some(GONE_MS, rng)).await;
            process.service.start_again()?;
            begin(cluster, server).await
        }
        Harm::KillAll | Harm::Planned(_) => bail!("not done to a cluster that is to be harmed: {harm}"),
    }
}

fn some(ms: std::ops::Range<u64>, rng: &mut StdRng) -> Duration {
    Duration::from_millis(rng.random_range(ms))
}

/// A process with that role, which must run.
fn one_of<'a>(processes: &'a mut [Process], role: Role, rng: &mut StdRng) -> Result<&'a mut Process> {
    let process = processes.iter_mut().filter(|process| process.role == role).choose(rng);
    let process = process.with_context(|| format!("no process: {}", role.name()))?;
    process.service.check_alive()?;
    Ok(process)
}

/// `kill -9`.
async fn end(cluster: &mut Cluster, server: Server, rng: &mut StdRng) -> Result<()> {
    match server {
        Server::NatsLeader => {
            let leaders = cluster.nats.leaders(|stream| stream.contains(CHAT_LOGS)).await?;
            let leader = leaders.into_iter().choose(rng).context("no log of conversations")?;
            cluster.nats.servers.get_mut(leader).context("no NATS server")?.kill().await
        }
        Server::Valkey => cluster.valkey.server.kill().await,
        Server::Cassandra => cluster.cassandra.kill().await,
    }
}

/// Starts it again and waits until it is ready.
async fn begin(cluster: &mut Cluster, server: Server) -> Result<()> {
    match server {
        Server::NatsLeader => {
            cluster.nats.servers.iter_mut().try_for_each(|server| server.start_again())?;
            cluster.nats.until_ready().await
        }
        Server::Valkey => {
            cluster.valkey.server.start_again()?;
            cluster.valkey.until_ready().await
        }
        Server::Cassandra => cluster.cassandra.start_again().await,
    }
}
