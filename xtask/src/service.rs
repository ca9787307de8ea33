//! A process that keeps its address and its files: it can be killed, held, asked to stop, and started again.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::process::Running;

const START_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(50);
const LOG_LINES: usize = 40;

/// How a service is started, each time anew.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables, beside our own.
    pub variables: Vec<(String, String)>,
}

impl Recipe {
    /// A program with arguments.
    pub fn new(program: &Path, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self { program: program.to_owned(), arguments, variables: Vec::new() }
    }
}

/// A process by name.
#[derive(Debug)]
pub struct Service {
    name: String,
    recipe: Recipe,
    log: PathBuf,
    process: Option<Running>,
}

impl Service {
    /// Starts it. What it prints goes into a file of that folder.
    pub fn start(name: impl Into<String>, recipe: Recipe, folder: &Path) -> Result<Self> {
        let name = name.into();
        let log = folder.join(format!("{name}.log"));
        let mut service = Self { name, recipe, log, process: None };
        service.start_again()?;
        Ok(service)
    }

    /// Starts it again with the same files, unless it runs.
    pub fn start_again(&mut self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        let log = OpenOptions::new().create(true).append(true).open(&self.log);
        let log = log.with_context(|| format!("cannot write {}", self.log.display()))?;
        let mut command = Command::new(&self.recipe.program);
        command.args(&self.recipe.arguments).env("NO_COLOR", "1");
        command.current_dir(self.log.parent().context("a log without a folder")?);
        command.envs(self.recipe.variables.iter().map(|(name, value)| (name, value)));
        command.stdout(log.try_clone().context("cannot share a log")?).stderr(Stdio::from(log));
        self.process = Some(Running::start(command)?);
        Ok(())
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its number, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().and_then(Running::pid)
    }

    /// Whether it runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.ended().is_none())
    }

    /// A process that ended by itself is a fault of its own.
    pub fn check_alive(&mut self) -> Result<()> {
        ensure!(self.is_running(), "{} ended by itself", self.name);
        Ok(())
    }

    /// `kill -9`.
    pub async fn kill(&mut self) -> Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// Asks it to stop, and waits until it has; answers how long that took.
    pub async fn terminate(&mut self) -> Result<Duration> {
        let Some(mut process) = self.process.take() else { return Ok(Duration::ZERO) };
        let began = Instant::now();
        process.signal(rustix::process::Signal::TERM)?;
        match tokio::time::timeout(STOP_LIMIT, process.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(began.elapsed()),
            Ok(_) => bail!("{} did not stop well:\n{}", self.name, self.log_tail()),
            Err(_) => bail!("{} did not stop within {} s", self.name, STOP_LIMIT.as_secs()),
        }
    }

    /// Holds it as a stuck machine would (SIGSTOP), or lets it go on (SIGCONT).
    pub fn hold(&mut self, held: bool) -> Result<()> {
        let process = self.process.as_mut().with_context(|| format!("{} is not running", self.name))?;
        process.signal(if held { rustix::process::Signal::STOP } else { rustix::process::Signal::CONT })
    }

    /// Waits until `is_ready` says so.
    pub async fn until_ready(&mut self, is_ready: impl AsyncFn() -> bool) -> Result<()> {
        let began = Instant::now();
        while !is_ready().await {
            if !self.is_running() || began.elapsed() > START_LIMIT {
                bail!("{} did not get ready; the end of its log:\n{}", self.name, self.log_tail());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// The end of what it printed.
    pub fn log_tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

/// Whether somebody listens on a loopback port.
pub async fn listens(port: u16) -> bool {
    TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.is_ok()
}
