//! The process under test and what belongs to it.

mod archive;
mod child;
mod kefu;
mod nats;
mod usage;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use tempfile::TempDir;

pub use archive::Archive;
pub use kefu::Kefu;
pub use usage::{Cost, Snapshot, resident_bytes};

use crate::client::Rest;

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
    /// A process that runs already, on this machine, instead of one of our own; e.g. http://127.0.0.1:6006. Its limits
    /// have to be raised, see docs/performance.md.
    #[arg(long, global = true, conflicts_with_all = ["kefu", "data_dir", "nats_server"])]
    url: Option<String>,
    /// Its process, to be measured.
    #[arg(long, global = true, requires = "url")]
    pid: Option<u32>,
    /// The password of its user `admin`; also needed with a data folder that was there before.
    #[arg(long, global = true)]
    admin_password: Option<String>,
}

/// A server, ours or not.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    rest: Rest,
    admin_password: Option<String>,
    foreign_pid: Option<u32>,
    // Dropped in this order: who writes, then to whom, then where.
    kefu: Option<Kefu>,
    nats: Option<nats::Nats>,
    dir: Option<TempDir>,
}

impl Site {
    /// Starts what was asked for, or finds what runs.
    pub async fn open(options: &Options) -> anyhow::Result<Self> {
        if let Some(url) = &options.url {
            let address = loopback(url)?;
            let (admin_password, foreign_pid) = (options.admin_password.clone(), options.pid);
            return Ok(Self {
                address,
                rest: Rest::new(address)?,
                admin_password,
                foreign_pid,
                kefu: None,
                nats: None,
                dir: None,
            });
        }
        let (dir, path) = folder(options)?;
        let nats = match &options.nats_server {
            Some(binary) => Some(nats::Nats::start(binary, &path).await?),
            None => None,
        };
        let binary = options.kefu.clone().map_or_else(beside_us, Ok)?;
        let kefu = Kefu::start(&binary, &path, nats.as_ref().map(nats::Nats::url)).await?;
        let admin_password = options.admin_password.clone().or_else(|| kefu.admin_password());
        let address = kefu.address();
        Ok(Self { address, rest: Rest::new(address)?, admin_password, foreign_pid: None, kefu: Some(kefu), nats, dir })
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

    /// What is measured, by name.
    pub fn processes(&self) -> Vec<(&'static str, u32)> {
        let kefu = self.kefu.as_ref().and_then(Kefu::pid).or(self.foreign_pid).map(|pid| ("kefu", pid));
        let nats = self.nats.as_ref().and_then(nats::Nats::pid).map(|pid| ("nats-server", pid));
        kefu.into_iter().chain(nats).chain([("generator", std::process::id())]).collect()
    }

    /// Resident memory of the process under test, in bytes; 0 where the system does not tell it.
    pub fn resident_bytes(&self) -> u64 {
        self.processes().first().filter(|(name, _)| *name == "kefu").map_or(0, |(_, pid)| resident_bytes(*pid))
    }

    /// Which log it runs on.
    pub fn log_kind(&self) -> &'static str {
        match (&self.nats, &self.kefu) {
            (Some(_), _) => "JetStream, sync_interval always",
            (None, Some(_)) => "embedded",
            (None, None) => "of the running process",
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
        bail!("{} is missing: `cargo build --release -p kefu` makes it, --kefu names another", binary.display());
    }
    Ok(binary)
}

/// The address of a URL. Only this machine's loopback is taken.
fn loopback(url: &str) -> anyhow::Result<SocketAddr> {
    let host =
        url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')).context("the URL begins with http://")?;
    let host = host.replacen("localhost", "127.0.0.1", 1);
    let address: SocketAddr = host.parse().with_context(|| format!("{url} names no address and port"))?;
    if !(address.is_ipv4() && address.ip().is_loopback()) {
        bail!("{url} is not on this machine: only 127.0.0.0/8 is taken");
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loaded() {
        for url in ["http://127.0.0.1:6006", "http://localhost:6006/", "http://127.0.0.9:80"] {
            assert!(loopback(url).is_ok(), "{url}");
        }
        for url in [
            "http://192.0.2.1:6006",
            "http://127.0.0.1.example.org:80",
            "http://0.0.0.0:6006",
            "127.0.0.1:6006",
            "https://127.0.0.1:6006",
            "http://localhost.example.org:1",
        ] {
            assert!(loopback(url).is_err(), "{url}");
        }
    }
}
