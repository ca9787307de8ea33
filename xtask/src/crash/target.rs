//! What is hurt: one process, or a cluster.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::kefu::Kefu;
use super::rest::Rest;
use super::rolling;
use crate::cluster::{Cluster, Role};

/// A held process is held this long, in milliseconds: longer than it takes to be passed over.
const HELD_MS: std::ops::Range<u64> = 2_500..6_000;
/// A killed process is started again after this, in milliseconds.
const GONE_MS: std::ops::Range<u64> = 0..4_000;

/// What is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// `kill -9` of a process with all roles, or of one with that role.
    Kill(Option<Role>),
    /// SIGSTOP for seconds.
    Hold(Role),
    /// `kill -9` of a NATS server, and a start.
    Nats,
    /// The same with Valkey, which forgets everything.
    Valkey,
    /// The same with Cassandra.
    Cassandra,
    /// SIGTERM of a process with that role, its end, and a start.
    Planned(Role),
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(None) => write!(f, "kill"),
            Self::Kill(Some(role)) => write!(f, "kill of a process: {}", role.name()),
            Self::Hold(role) => write!(f, "hold of a process: {}", role.name()),
            Self::Nats => write!(f, "restart of a NATS server"),
            Self::Valkey => write!(f, "restart of Valkey, empty"),
            Self::Cassandra => write!(f, "restart of Cassandra"),
            Self::Planned(role) => write!(f, "planned restart: {}", role.name()),
        }
    }
}

/// The deployment under test.
pub enum Target {
    /// One process.
    One(Box<Kefu>),
    /// Many.
    Cluster(Box<Cluster>, Rest),
}

impl Target {
    /// Host and port for clients.
    pub fn address(&self) -> String {
        match self {
            Self::One(kefu) => kefu.address().to_owned(),
            Self::Cluster(cluster, _) => cluster.balancer.address(),
        }
    }

    /// Its API, for nobody in particular.
    pub fn rest(&self) -> &Rest {
        match self {
            Self::One(kefu) => kefu.rest(),
            Self::Cluster(_, rest) => rest,
        }
    }

    /// Does it harm and waits until all of it is ready again; answers what was done and how long that took.
    pub async fn harm(&mut self, rng: &mut StdRng) -> Result<(Harm, Duration)> {
        let began = Instant::now();
        let harm = match self {
            Self::One(kefu) => {
                kefu.kill().await?;
                kefu.start_again().await?;
                Harm::Kill(None)
            }
            Self::Cluster(cluster, _) => {
                let harm = harm_cluster(cluster, rng).await?;
                cluster.until_ready().await?;
                harm
            }
        };
        Ok((harm, began.elapsed()))
    }

    /// Stops a process as planned, starts it again and waits until all is ready; answers how long each took.
    pub async fn replace(&mut self, index: usize) -> Result<(Harm, Duration, Duration)> {
        let Self::Cluster(cluster, _) = self else { anyhow::bail!("only a cluster is restarted process by process") };
        let process = cluster.processes.get_mut(index).context("no process")?;
        alive(process.service.is_running(), process.service.name())?;
        let harm = Harm::Planned(process.role);
        let stopped_after = process.service.terminate().await?;
        let began = Instant::now();
        process.service.start_again()?;
        cluster.until_ready().await?;
        Ok((harm, stopped_after, began.elapsed()))
    }

    /// Processes in the order in which an operator replaces them: who decides first, who has clients last.
    pub fn in_order(&self) -> Vec<usize> {
        match self {
            Self::One(_) => Vec::new(),
            Self::Cluster(cluster, _) => {
                rolling::in_order(&cluster.processes.iter().map(|process| process.role).collect::<Vec<_>>())
            }
        }
    }

    /// Kills all of kefu and starts it again.
    pub async fn restart(&mut self) -> Result<()> {
        match self {
            Self::One(kefu) => {
                kefu.kill().await?;
                kefu.start_again().await?;
            }
            Self::Cluster(cluster, _) => {
                for process in &mut cluster.processes {
                    process.service.kill().await?;
                }
                for process in &mut cluster.processes {
                    process.service.start_again()?;
                }
                cluster.until_ready().await?;
            }
        }
        Ok(())
    }

    /// The ends of what it logged.
    pub fn log_tail(&self) -> String {
        match self {
            Self::One(kefu) => kefu.log_tail(),
            Self::Cluster(cluster, _) => {
                let tails = cluster
                    .processes
                    .iter()
                    .map(|process| format!("---- {}\n{}", process.service.name(), process.service.log_tail()));
                tails.collect::<Vec<_>>().join("\n")
            }
        }
    }
}

async fn harm_cluster(cluster: &mut Cluster, rng: &mut StdRng) -> Result<Harm> {
    let gone = Duration::from_millis(rng.random_range(GONE_MS));
    match rng.random_range(0..10) {
        0..5 => {
            let index = rng.random_range(0..cluster.processes.len());
            let process = cluster.processes.get_mut(index).context("no process")?;
            alive(process.service.is_running(), process.service.name())?;
            process.service.kill().await?;
            tokio::time::sleep(gone).await;
            process.service.start_again()?;
            Ok(Harm::Kill(Some(process.role)))
        }
        5..7 => {
            let index = rng.random_range(0..cluster.processes.len());
            let process = cluster.processes.get_mut(index).context("no process")?;
            alive(process.service.is_running(), process.service.name())?;
            process.service.hold(true)?;
            tokio::time::sleep(Duration::from_millis(rng.random_range(HELD_MS))).await;
            process.service.hold(false)?;
            Ok(Harm::Hold(process.role))
        }
        7 => {
            let index = rng.random_range(0..cluster.nats.servers.len());
            let server = cluster.nats.servers.get_mut(index).context("no NATS server")?;
            server.kill().await?;
            tokio::time::sleep(gone).await;
            server.start_again()?;
            cluster.nats.until_ready().await?;
            Ok(Harm::Nats)
        }
        8 => {
            cluster.valkey.server.kill().await?;
            tokio::time::sleep(gone).await;
            cluster.valkey.server.start_again()?;
            cluster.valkey.until_ready().await?;
            Ok(Harm::Valkey)
        }
        _ => {
            cluster.cassandra.restart().await?;
            Ok(Harm::Cassandra)
        }
    }
}

/// A process that ended by itself is a fault of its own.
fn alive(is_running: bool, name: &str) -> Result<()> {
    anyhow::ensure!(is_running, "{name} ended by itself");
    Ok(())
}
