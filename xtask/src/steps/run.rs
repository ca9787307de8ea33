//! What each step does.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::{Components, Step, foreign, k6};
use crate::cluster::{Cluster, Plan};
use crate::nats_server::NatsServer;
use crate::{crash, instructions, layers, monitoring, openapi, process, provision, workspace};

/// Most tests wait for servers and for time to pass.
const TEST_THREADS: &str = "4";
const KILLS: u32 = 5;
/// Of the cluster in which scenarios play; each takes one.
const TENANTS: usize = 100;
const KILLS_IN_CLUSTER: u32 = 10;

impl Step {
    /// Does it.
    pub(super) async fn run(self, components: &Components) -> Result<()> {
        match self {
            Self::Fmt => cargo(&["fmt", "--all", "--check"]).await,
            Self::Layers => layers::check().await,
            Self::WebPackages => provision::node_modules(&workspace::web()).await,
            Self::WebLint => process::run(workspace::npm(&workspace::web(), &["run", "lint"])).await,
            Self::WebTest => process::run(workspace::npm(&workspace::web(), &["test"])).await,
            Self::Clippy => {
                cargo(&["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"]).await
            }
            Self::Build => workspace::build(&["kefu"]).await,
            Self::Test => rust_tests(components).await,
            Self::Instructions => instructions::run(instructions::Options::default()).await,
            Self::Foreign => foreign::test(components, &kefu_binary()?).await,
            Self::K6 => k6::test().await,
            Self::Openapi => openapi::run().await,
            Self::Monitoring => monitoring::run().await,
            Self::E2e => e2e(components).await,
            Self::E2eNats => e2e_over_nats(components).await,
            Self::Crash => crash::run(crash::Options::embedded(KILLS)).await,
            Self::CrashNats => crash::run(crash::Options::over_nats(KILLS)).await,
            Self::CrashCluster => crash::run(crash::Options::in_cluster(KILLS_IN_CLUSTER)).await,
        }
    }
}

async fn cargo(args: &[&str]) -> Result<()> {
    let mut command = workspace::cargo();
    command.args(args);
    process::run(command).await
}

async fn rust_tests(components: &Components) -> Result<()> {
    let mut command = workspace::cargo();
    // Benches hold no tests, and what criterion asks of crates below it would have them all built once more.
    command.args(["test", "--release", "--workspace", "--exclude", "kefu-benches"]);
    command.env("RUST_TEST_THREADS", TEST_THREADS);
    command.env("KEFU_TEST_NATS_SERVER", components.nats_server.as_ref().context("no nats-server was provisioned")?);
    let valkey_server = components.valkey_server.as_ref().context("no valkey-server was provisioned")?;
    command.env("KEFU_TEST_VALKEY_SERVER", valkey_server);
    command.env("KEFU_TEST_BIN", kefu_binary()?);
    let cluster = Cluster::start(&Plan::tests(2, TENANTS)).await?;
    command.env("KEFU_TEST_CQL_NODES", cluster.cassandra.node());
    command.env("KEFU_TEST_CLUSTER", cluster.describe(TENANTS)?);
    command.envs(cluster.s3.variables());
    process::run(command).await
}

async fn e2e(components: &Components) -> Result<()> {
    let mut command = workspace::npm(&workspace::web(), &["run", "e2e"]);
    browser_environment(&mut command, components)?;
    process::run(command).await
}

/// Each file of tests gets a NATS of its own, as each test gets a data folder of its own. All are run, so that one failure
/// does not hide another.
async fn e2e_over_nats(components: &Components) -> Result<()> {
    let mut failed = Vec::new();
    for file in e2e_files()? {
        if let Err(error) = e2e_file_over_nats(components, &file).await {
            println!("{error:#}");
            failed.push(file.display().to_string());
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("these failed over NATS: {}", failed.join(", "))
}

async fn e2e_file_over_nats(components: &Components, file: &Path) -> Result<()> {
    let binary = components.nats_server.as_ref().context("no nats-server was provisioned")?;
    let nats = NatsServer::start(binary).await?;
    let mut command = Command::new("node");
    command.args(["--import", "tsx", "--test"]).arg(file).current_dir(workspace::web().join("e2e"));
    browser_environment(&mut command, components)?;
    command.env("KEFU_TEST_NATS_URL", nats.url());
    process::run(command).await
}

fn e2e_files() -> Result<Vec<PathBuf>> {
    let dir = workspace::web().join("e2e/tests");
    let entries = fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let is_test = |path: &PathBuf| path.to_string_lossy().ends_with(".test.ts");
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_test).collect();
    if files.is_empty() {
        bail!("there are no browser tests in {}", dir.display());
    }
    files.sort();
    let relative = |file: PathBuf| file.strip_prefix(workspace::web().join("e2e")).map(PathBuf::from).unwrap_or(file);
    Ok(files.into_iter().map(relative).collect())
}

fn browser_environment(command: &mut Command, components: &Components) -> Result<()> {
    command.env("KEFU_TEST_BIN", kefu_binary()?);
    command.env("KEFU_TEST_CHROMIUM", components.chromium.as_ref().context("no Chromium was provisioned")?);
    Ok(())
}

fn kefu_binary() -> Result<PathBuf> {
    let binary = workspace::kefu_binary();
    if !binary.is_file() {
        bail!("{} is missing: `cargo build --release --bin kefu` makes it", binary.display());
    }
    Ok(binary)
}
