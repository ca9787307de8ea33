//! What is hurt: one process, or a cluster.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::rngs::StdRng;

use super::deal::Deal;
use super::harm::Harm;
use super::inflict::inflict;
use super::kefu::Kefu;
use super::rest::Rest;
use super::rolling;
use crate::cluster::Cluster;

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

    /// What is done to it next.
    pub fn next_harm(&self, deal: &mut Deal, rng: &mut StdRng) -> Harm {
        match self {
            Self::One(_) => Harm::KillAll,
            Self::Cluster(..) => deal.next(rng),
        }
    }

    /// Does it harm and waits until all of it is ready again; answers what was done and how long that took.
    pub async fn harm(&mut self, harm: Harm, rng: &mut StdRng) -> Result<Duration> {
        let began = Instant::now();
        match self {
            Self::One(_) => self.restart().await?,
            Self::Cluster(cluster, _) => {
                inflict(cluster, harm, rng).await?;
                cluster.until_ready().await?;
            }
        }
        Ok(began.elapsed())
    }

    /// Stops a process as planned, starts it again and waits until all is ready; answers how long each took.
    pub async fn replace(&mut self, index: usize) -> Result<(Harm, Duration, Duration)> {
        let Self::Cluster(cluster, _) = self else { anyhow::bail!("only a cluster is restarted process by process") };
        let process = cluster.processes.get_mut(index).context("no process")?;
        process.service.check_alive()?;
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
