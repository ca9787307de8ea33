//! An Apache Cassandra of our own, as the tests need it: one small node.

mod config;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::provision::Cassandra;
use crate::service::{Recipe, Service};
use config::Ports;
use kefu_ports::free_port;

const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// A node on free loopback ports, in a folder that goes with it.
#[derive(Debug)]
pub struct CassandraServer {
    server: Service,
    ports: Ports,
    _dir: TempDir,
}

impl CassandraServer {
    /// Starts it and waits until it answers.
    pub async fn start(cassandra: &Cassandra) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("kefu-cassandra-").tempdir().context("no temporary folder")?;
        let ports = Ports { cql: free_port()?, storage: free_port()?, jmx: free_port()? };
        config::write(dir.path(), &ports)?;
        let arguments = config::arguments(cassandra, dir.path(), &ports)?;
        let recipe = Recipe::new(&cassandra.java, arguments);
        let server = Service::start("cassandra", recipe, dir.path())?;
        let mut cassandra = Self { server, ports, _dir: dir };
        let started = Instant::now();
        cassandra.until_ready().await?;
        println!("Cassandra answers at {} after {:.1} s", cassandra.node(), started.elapsed().as_secs_f64());
        Ok(cassandra)
    }

    /// Where clients find it, `host:port`.
    pub fn node(&self) -> String {
        format!("{}:{}", Ipv4Addr::LOCALHOST, self.ports.cql)
    }

    /// Its process.
    pub fn server(&self) -> &Service {
        &self.server
    }

    /// `kill -9`.
    pub async fn kill(&mut self) -> Result<()> {
        self.server.kill().await
    }

    /// Starts it with the same files and waits until it answers.
    pub async fn start_again(&mut self) -> Result<()> {
        self.server.start_again()?;
        self.until_ready().await
    }

    async fn until_ready(&mut self) -> Result<()> {
        let port = self.ports.cql;
        self.server.until_ready(async || answers(port).await.is_ok()).await
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
