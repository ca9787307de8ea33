//! Child processes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child as Process, Command};

/// A process that is killed when this is dropped.
#[derive(Debug)]
pub struct Child {
    name: &'static str,
    process: Process,
}

impl Child {
    /// Starts it.
    pub fn start(name: &'static str, mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).kill_on_drop(true);
        let process = command.spawn().with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, process })
    }

    /// Its number, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().ok().flatten()
    }

    /// `kill -9`. It must still have been running.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.ended() {
            bail!("{} ended by itself: {status}", self.name);
        }
        self.process.kill().await.with_context(|| format!("cannot kill {}", self.name))
    }

    /// SIGTERM, and an error when it does not end in time or does not end well.
    pub async fn stop(&mut self, within: Duration) -> anyhow::Result<()> {
        let Some(pid) = self.pid().and_then(|pid| Pid::from_raw(pid.cast_signed())) else { return Ok(()) };
        if self.ended().is_none() {
            kill_process(pid, Signal::TERM).with_context(|| format!("cannot stop {}", self.name))?;
        }
        let ended = tokio::time::timeout(within, self.process.wait()).await;
        let status = ended.with_context(|| format!("{} did not stop within {} s", self.name, within.as_secs()))??;
        if !status.success() {
            bail!("{}: {status}", self.name);
        }
        Ok(())
    }
}

/// A loopback port that nobody listens on.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    let probe = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).context("no free port")?;
    probe.local_addr().context("no free port")
}
