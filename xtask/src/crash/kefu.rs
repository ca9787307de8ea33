//! The server under test.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::process::Command;

use super::rest::Rest;
use crate::nats_server::NatsServer;
use crate::process::Running;
use crate::workspace;
use kefu_ports::free_port;

const START_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);
const LOG_LINES: usize = 60;

/// A `kefu` process with a data folder of its own, that can be killed and started again at the same address.
#[derive(Debug)]
pub struct Kefu {
    binary: PathBuf,
    demo: bool,
    variables: Vec<(String, String)>,
    address: String,
    dir: TempDir,
    rest: Rest,
    process: Option<Running>,
}

impl Kefu {
    /// Starts it with the demo's accounts, and waits until it is ready. The settings are environment variables.
    pub async fn start(settings: &[(&str, &str)]) -> Result<Self> {
        Self::start_with(true, owned(settings)).await
    }

    /// Starts it as a new deployment, whose admin has a one-time password, with some settings changed.
    pub async fn start_new(nats: Option<&NatsServer>, settings: &[(&str, &str)]) -> Result<Self> {
        let mut variables = owned(settings);
        variables.extend(nats.map(|nats| ("KEFU_NATS__URL".to_owned(), nats.url())));
        Self::start_with(false, variables).await
    }

    async fn start_with(demo: bool, variables: Vec<(String, String)>) -> Result<Self> {
        let binary = std::env::var_os("KEFU_TEST_BIN").map_or_else(workspace::kefu_binary, PathBuf::from);
        if !binary.is_file() {
            bail!("{} is missing: `cargo build --release --bin kefu` makes it", binary.display());
        }
        let dir = tempfile::Builder::new().prefix("kefu-xtask-").tempdir().context("cannot make a temporary folder")?;
        // A copy: a build that goes on meanwhile must not change what is started again.
        let copy = dir.path().join("kefu");
        std::fs::copy(&binary, &copy).with_context(|| format!("cannot copy {}", binary.display()))?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let rest = Rest::new(&address)?;
        let mut kefu = Self { binary: copy, demo, variables, address, dir, rest, process: None };
        match kefu.start_again().await {
            Ok(_) => Ok(kefu),
            Err(error) => Err(error.context(format!("the end of kefu's log:\n{}\n", kefu.log_tail()))),
        }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its API, for nobody in particular.
    pub fn rest(&self) -> &Rest {
        &self.rest
    }

    /// Starts it on the data that it left; gives the time until it was ready.
    pub async fn start_again(&mut self) -> Result<Duration> {
        let started = Instant::now();
        let mut process = Running::start(self.command()?)?;
        while !self.rest.is_ready().await {
            if let Some(status) = process.ended() {
                bail!("kefu ended at its start: {status}");
            }
            if started.elapsed() > START_LIMIT {
                bail!("kefu was not ready within {} s", START_LIMIT.as_secs());
            }
            tokio::time::sleep(POLL).await;
        }
        self.process = Some(process);
        Ok(started.elapsed())
    }

    /// `kill -9`. It must still have been running.
    pub async fn kill(&mut self) -> Result<()> {
        let mut process = self.process.take().context("kefu is not running")?;
        if let Some(status) = process.ended() {
            bail!("kefu ended by itself: {status}");
        }
        process.kill().await
    }

    /// The one-time password of the first admin, told by the first start, a moment after it is ready.
    pub async fn admin_password(&self) -> Result<String> {
        let started = Instant::now();
        while started.elapsed() < START_LIMIT {
            let log = std::fs::read_to_string(log_path(self.dir.path())).context("kefu has no log")?;
            if let Some((password, _)) =
                log.split_once("one-time password: ").and_then(|(_, rest)| rest.split_once(char::is_whitespace))
            {
                return Ok(password.to_owned());
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("the first start told no password")
    }

    /// The end of what it logged.
    pub fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(log_path(self.dir.path())).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    fn command(&self) -> Result<Command> {
        let log = open_log(self.dir.path())?;
        let mut command = Command::new(&self.binary);
        command
            .args(self.demo.then_some("--demo"))
            .args(["--listen", &self.address, "--data-dir"])
            .arg(self.dir.path().join("data"));
        command.current_dir(self.dir.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value))).env("NO_COLOR", "1");
        command.stdout(log.try_clone().context("cannot share the log")?).stderr(Stdio::from(log));
        Ok(command)
    }
}

fn log_path(dir: &Path) -> PathBuf {
    dir.join("kefu.log")
}

fn open_log(dir: &Path) -> Result<File> {
    OpenOptions::new().create(true).append(true).open(log_path(dir)).context("cannot write the log of kefu")
}

fn owned(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
