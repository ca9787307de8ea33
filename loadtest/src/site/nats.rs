//! A `nats-server` under the process under test.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tokio::net::TcpStream;
use tokio::process::Command;

use super::child::{Child, free_address};

const START_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);

/// A server with JetStream that syncs every write.
#[derive(Debug)]
pub struct Nats {
    child: Child,
    address: SocketAddr,
}

impl Nats {
    /// Starts it on a free port with its data in `dir/nats`, and waits until it answers.
    pub async fn start(binary: &Path, dir: &Path) -> anyhow::Result<Self> {
        let dir = dir.join("nats");
        std::fs::create_dir_all(&dir).context("cannot make the folder of nats-server")?;
        let address = free_address()?;
        let config = dir.join("nats.conf");
        let text = format!(
            "listen: \"{address}\"\nlog_file: {:?}\n\
             jetstream {{ store_dir: {:?}, sync_interval: always, max_memory_store: 4GB, max_file_store: 100GB }}\n",
            dir.join("log"),
            dir.join("store"),
        );
        std::fs::write(&config, text).context("cannot write the configuration of nats-server")?;
        let mut command = Command::new(binary);
        command.arg("-c").arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
        let mut nats = Self { child: Child::start("nats-server", command)?, address };
        let started = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            if nats.child.ended().is_some() || started.elapsed() > START_LIMIT {
                bail!("nats-server does not answer:\n{}", std::fs::read_to_string(dir.join("log")).unwrap_or_default());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(nats)
    }

    /// Where clients find it.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Its number, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.pid()
    }

    /// SIGTERM, and waits until it ended.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.child.stop(STOP_LIMIT).await
    }
}
