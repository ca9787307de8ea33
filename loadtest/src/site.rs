//! The process under test and what belongs to it.

mod archive;
mod child;
mod counters;
mod kefu;
mod nats;
mod process;
mod raised;
mod usage;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use tempfile::TempDir;

pub use archive::Archive;
pub use kefu::Kefu;
pub use process::Process;
pub use usage::{Costs, Snapshot};

use crate::client::Rest;
use crate::loopback;
use counters::{Counters, Scrape};

/// Which process is measured, and where its data is.
#[derive(Debug, Args)]
pub struct Options {
    /// The binary to start; the one beside this generator unless given.
    #[arg(long, global = true)]
    kefu: Option<PathBuf>,
    /// A folder for its data that is kept; otherwise a fresh one that is deleted at the end.
    #[arg(long, global = true)]
    data_dir: Option<PathBuf>,
    /// Starts this nats-server with JetStream, every write synced, and runs the process over it.
    #[arg(long, global = true)]
    nats_server: Option<PathBuf>,
    /// What runs already, on this machine, instead of a process of our own; e.g. http://127.0.0.1:6006. Its limits have to
    /// be raised, see docs/performance.md.
    #[arg(long, global = true, conflicts_with_all = ["kefu", "data_dir", "nats_server"])]
    url: Option<String>,
    /// A process of it, to be measured under that name. Once for each.
    #[arg(long = "process", global = true, value_name = "NAME=PID", requires = "url")]
    processes: Vec<Process>,
    /// A server that it uses, such as nats-1=1234: measured too, but its memory is not taken for Kefu's. Once for each.
    #[arg(long = "server", global = true, value_name = "NAME=PID", requires = "url")]
    servers: Vec<Process>,
    /// Where a router or archiver of it has its /metrics, e.g. http://127.0.0.1:6007. Once for each; that of --url unless
    /// given.
    #[arg(long, global = true, value_name = "URL", requires = "url")]
    metrics: Vec<String>,
    /// The password of its user `admin`; also needed with a data folder that was there before.
    #[arg(long, global = true, env = "KEFU_LOADTEST_ADMIN_PASSWORD", hide_env_values = true)]
    admin_password: Option<String>,
}

/// A server, ours or not.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    rest: Rest,
    scrape: Scrape,
    admin_password: Option<String>,
    foreign: Foreign,
    // Dropped in this order: who writes, then to whom, then where.
    kefu: Option<Kefu>,
    nats: Option<nats::Nats>,
    dir: Option<TempDir>,
}

/// Processes that others started.
#[derive(Debug, Default)]
struct Foreign {
    kefu: Vec<Process>,
    servers: Vec<Process>,
}

impl Site {
    /// Starts what was asked for, or finds what runs.
    pub async fn open(options: &Options) -> anyhow::Result<Self> {
        match &options.url {
            Some(url) => Self::find(options, url),
            None => Self::start(options).await,
        }
    }

    fn find(options: &Options, url: &str) -> anyhow::Result<Self> {
        let address = loopback::address(url, "http")?;
        for url in &options.metrics {
            loopback::address(url, "http")?;
        }
        for Process { name, pid } in options.processes.iter().chain(&options.servers) {
            ensure!(usage::runs(*pid), "there is no process {pid} ({name})");
        }
        let own = [url.to_owned()];
        let metrics = if options.metrics.is_empty() { &own[..] } else { &options.metrics };
        Ok(Self {
            address,
            rest: Rest::new(address)?,
            scrape: Scrape::new(metrics)?,
            admin_password: options.admin_password.clone(),
            foreign: Foreign { kefu: options.processes.clone(), servers: options.servers.clone() },
            kefu: None,
            nats: None,
            dir: None,
        })
    }

    async fn start(options: &Options) -> anyhow::Result<Self> {
        let (dir, path) = folder(options)?;
        let nats = match &options.nats_server {
            Some(binary) => Some(nats::Nats::start(binary, &path).await?),
            None => None,
        };
        let binary = options.kefu.clone().map_or_else(beside_us, Ok)?;
        let kefu = Kefu::start(&binary, &path, nats.as_ref().map(nats::Nats::url)).await?;
        let admin_password = options.admin_password.clone().or_else(|| kefu.admin_password());
        let address = kefu.address();
        Ok(Self {
            address,
            rest: Rest::new(address)?,
            scrape: Scrape::new(&[format!("http://{address}")])?,
            admin_password,
            foreign: Foreign::default(),
            kefu: Some(kefu),
            nats,
            dir,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its API.
    pub fn rest(&self) -> &Rest {
        &self.rest
    }

    /// The password of the user `admin`.
    pub fn admin_password(&self) -> anyhow::Result<&str> {
        self.admin_password.as_deref().context("the password of `admin` is needed: --admin-password")
    }

    /// The process, where it is ours to kill.
    pub fn own(&mut self) -> anyhow::Result<&mut Kefu> {
        self.kefu.as_mut().context("this scenario kills the process, so it takes one of its own: leave --url out")
    }

    /// What routers and archivers have counted.
    async fn counters(&self) -> anyhow::Result<Counters> {
        self.scrape.counters().await
    }

    /// Kefu's processes.
    fn product(&self) -> Vec<Process> {
        let own = self.kefu.as_ref().and_then(Kefu::pid).map(|pid| Process::new("kefu", pid));
        own.into_iter().chain(self.foreign.kefu.iter().cloned()).collect()
    }

    /// What else is measured: the servers beneath, and ourselves.
    fn others(&self) -> Vec<Process> {
        let nats = self.nats.as_ref().and_then(nats::Nats::pid).map(|pid| Process::new("nats-server", pid));
        let servers = nats.into_iter().chain(self.foreign.servers.iter().cloned());
        servers.chain([Process::new("generator", std::process::id())]).collect()
    }

    /// Resident memory of Kefu's processes together, in bytes; 0 where the system does not tell it.
    pub fn resident_bytes(&self) -> u64 {
        self.product().iter().map(|process| usage::resident_bytes(process.pid)).sum()
    }

    /// Which log it runs on.
    pub fn log_kind(&self) -> &'static str {
        match (&self.nats, &self.kefu) {
            (Some(_), _) => "JetStream, sync_interval always",
            (None, Some(_)) => "embedded",
            (None, None) => "of what runs already",
        }
    }

    /// Stops it as an operator would.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        if let Some(kefu) = &mut self.kefu {
            kefu.stop().await?;
        }
        if let Some(nats) = self.nats.take() {
            nats.stop().await?;
        }
        drop(self.dir.take());
        Ok(())
    }

    /// The end of what the process logged, for who has to find out why.
    pub fn log_tail(&self) -> String {
        self.kefu.as_ref().map(Kefu::log_tail).unwrap_or_default()
    }
}

/// The data folder; on the disk that holds the build, which is no memory file system as `/tmp` may be.
fn folder(options: &Options) -> anyhow::Result<(Option<TempDir>, PathBuf)> {
    if let Some(path) = &options.data_dir {
        std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        return Ok((None, path.canonicalize()?));
    }
    let parent = crate::report::folder()?;
    let dir = tempfile::Builder::new().prefix("data-").tempdir_in(parent).context("cannot make a data folder")?;
    let path = dir.path().canonicalize()?;
    Ok((Some(dir), path))
}

fn beside_us() -> anyhow::Result<PathBuf> {
    let binary = std::env::current_exe()?.with_file_name("kefu");
    if !binary.is_file() {
        bail!("{} is missing: `cargo build --release --bin kefu` makes it, --kefu names another", binary.display());
    }
    Ok(binary)
}
