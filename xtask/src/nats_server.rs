//! A `nats-server` of our own, as the tests need it.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::process::Running;
use kefu_ports::free_port;

const START_LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

/// A server with JetStream on a free loopback port, every write synced, in a folder that goes with it.
#[derive(Debug)]
pub struct NatsServer {
    process: Running,
    port: u16,
    dir: TempDir,
}

impl NatsServer {
    /// Starts it and waits until it answers.
    pub async fn start(binary: &Path) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("kefu-nats-").tempdir().context("cannot make a temporary folder")?;
        let port = free_port()?;
        let config = dir.path().join("nats.conf");
        std::fs::write(&config, configuration(dir.path(), port)).context("cannot write the NATS configuration")?;
        let mut command = Command::new(binary);
        command.arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let mut server = Self { process: Running::start(command)?, port, dir };
        server.ready().await?;
        Ok(server)
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    async fn ready(&mut self) -> Result<()> {
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_err() {
            if self.process.ended().is_some() || started.elapsed() > START_LIMIT {
                let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
                bail!("nats-server does not answer:\n{log}");
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }
}

fn configuration(dir: &Path, port: u16) -> String {
    format!(
        "listen: \"127.0.0.1:{port}\"\nlog_file: {:?}\n\
         jetstream {{ store_dir: {:?}, sync_interval: always, max_memory_store: 4GB, max_file_store: 10GB }}\n",
        dir.join("log"),
        dir.join("store"),
    )
}
