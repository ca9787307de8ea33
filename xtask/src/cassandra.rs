//! An Apache Cassandra of our own, as the tests need it: one small node.

mod config;

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::nats_server::free_port;
use crate::process::Running;
use crate::provision::Cassandra;
use config::Ports;

const START_LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(200);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Lines of its log that are shown when it does not come up.
const LOG_LINES: usize = 60;

/// A node on free loopback ports, in a folder that goes with it.
#[derive(Debug)]
pub struct CassandraServer {
    process: Running,
    ports: Ports,
    dir: TempDir,
}

impl CassandraServer {
    /// Starts it and waits until it answers.
    pub async fn start(cassandra: &Cassandra) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("kefu-cassandra-").tempdir().context("no temporary folder")?;
        let ports = Ports { cql: free_port()?, storage: free_port()?, jmx: free_port()? };
        config::write(dir.path(), &ports)?;
        let mut command = Command::new(&cassandra.java);
        command.args(config::arguments(cassandra, dir.path(), &ports)?).current_dir(dir.path());
        let output = fs::File::create(dir.path().join("output")).context("cannot make a file for its output")?;
        command.stdout(output.try_clone().context("cannot share a file")?).stderr(Stdio::from(output));
        let mut server = Self { process: Running::start(command)?, ports, dir };
        server.ready().await?;
        Ok(server)
    }

    /// Where clients find it, `host:port`.
    pub fn node(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.ports.cql)
    }

    async fn ready(&mut self) -> Result<()> {
        let started = Instant::now();
        while answers(self.ports.cql).await.is_err() {
            if self.process.ended().is_some() || started.elapsed() > START_LIMIT {
                bail!("Cassandra does not answer:\n{}", tail(self.dir.path()));
            }
            tokio::time::sleep(POLL).await;
        }
        println!("Cassandra answers at {} after {:.1} s", self.node(), started.elapsed().as_secs_f64());
        Ok(())
    }
}

/// Asks what CQL it speaks: an OPTIONS frame of version 4 of the protocol, answered by SUPPORTED.
async fn answers(port: u16) -> Result<()> {
    const OPTIONS: [u8; 9] = [4, 0, 0, 0, 5, 0, 0, 0, 0];
    const SUPPORTED: u8 = 6;
    let asking = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(&OPTIONS).await?;
        let mut header = [0; 9];
        stream.read_exact(&mut header).await?;
        anyhow::ensure!(header[4] == SUPPORTED, "the answer is of another kind");
        Ok(())
    };
    tokio::time::timeout(ANSWER_LIMIT, asking).await.context("no answer in time")?
}

/// The last lines of what it said.
fn tail(dir: &Path) -> String {
    let text: String =
        ["output", "log"].into_iter().filter_map(|name| fs::read_to_string(dir.join(name)).ok()).collect();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
