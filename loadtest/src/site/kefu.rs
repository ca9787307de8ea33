//! The process under test.

use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::child::{Child, free_address};
use super::raised::raised;

const START_LIMIT: Duration = Duration::from_secs(120);
const STOP_LIMIT: Duration = Duration::from_secs(110);
const POLL: Duration = Duration::from_millis(2);
const LOG_LINES: usize = 20;
/// Where its data is, in the folder of the run.
const DATA: &str = "kefu";
/// What the first start on a data folder prints last.
const PASSWORD: &str = "admin one-time password: ";

/// A `kefu` process that can be killed and started again at the same address on the same data.
#[derive(Debug)]
pub struct Kefu {
    binary: PathBuf,
    dir: PathBuf,
    nats_url: Option<String>,
    address: SocketAddr,
    child: Child,
}

impl Kefu {
    /// Starts it on a free port and waits until it is ready.
    pub async fn start(binary: &Path, dir: &Path, nats_url: Option<String>) -> anyhow::Result<Self> {
        let address = free_address()?;
        let is_new = !dir.join(DATA).exists();
        let child = Child::start("kefu", command(binary, dir, address, nats_url.as_deref())?)?;
        let mut kefu = Self { binary: binary.to_owned(), dir: dir.to_owned(), nats_url, address, child };
        if let Err(error) = kefu.ready(Instant::now()).await {
            return Err(error.context(kefu.log_tail()));
        }
        if is_new {
            kefu.greeted().await?;
        }
        Ok(kefu)
    }

    /// Starts it again; gives the time until it was ready.
    pub async fn start_again(&mut self) -> anyhow::Result<Duration> {
        let command = command(&self.binary, &self.dir, self.address, self.nats_url.as_deref())?;
        let started = Instant::now();
        self.child = Child::start("kefu", command)?;
        self.ready(started).await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its number, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.pid()
    }

    /// `kill -9`. It must still have been running.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await
    }

    /// SIGTERM, and waits until it ended well.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        self.child.stop(STOP_LIMIT).await
    }

    /// The one-time password that the first start prints.
    pub fn admin_password(&self) -> Option<String> {
        let log = self.log();
        let line = log.lines().find_map(|line| line.trim().strip_prefix(PASSWORD))?;
        Some(line.to_owned())
    }

    /// The end of what it logged.
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().filter(|line| !line.contains("password")).collect();
        format!("the end of kefu's log:\n{}\n", lines[lines.len().saturating_sub(LOG_LINES)..].join("\n"))
    }

    /// Waits for the password, which is printed after it is ready.
    async fn greeted(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        while !self.log().contains(PASSWORD) {
            if started.elapsed() > START_LIMIT {
                bail!("kefu printed no password\n{}", self.log_tail());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(log_path(&self.dir)).unwrap_or_default()
    }

    async fn ready(&mut self, started: Instant) -> anyhow::Result<Duration> {
        while !is_ready(self.address).await {
            if let Some(status) = self.child.ended() {
                bail!("kefu ended at its start: {status}");
            }
            if started.elapsed() > START_LIMIT {
                bail!("kefu was not ready within {} s", START_LIMIT.as_secs());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(started.elapsed())
    }
}

/// Asks `/readyz` on a connection of its own.
async fn is_ready(address: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: kefu\r\nConnection: close\r\n\r\n").await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        Ok::<_, std::io::Error>(answer == *b"HTTP/1.1 200")
    };
    tokio::time::timeout(Duration::from_secs(2), ask).await.is_ok_and(|ready| ready.unwrap_or(false))
}

fn command(binary: &Path, dir: &Path, address: SocketAddr, nats_url: Option<&str>) -> anyhow::Result<Command> {
    let log = open_log(dir)?;
    let mut command = Command::new(binary);
    command.arg("--data-dir").arg(dir.join(DATA)).args(["--listen", &address.to_string()]).current_dir(dir);
    command.envs(raised());
    if let Some(url) = nats_url {
        command.env("KEFU_NATS__URL", url);
    }
    command.env("NO_COLOR", "1").stdout(log.try_clone().context("cannot share the log")?).stderr(Stdio::from(log));
    Ok(command)
}

fn log_path(dir: &Path) -> PathBuf {
    dir.join("kefu.log")
}

fn open_log(dir: &Path) -> anyhow::Result<File> {
    OpenOptions::new().create(true).append(true).open(log_path(dir)).context("cannot write the log of kefu")
}
