//! `cargo xtask up cluster`: a whole cluster for a developer.

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use crate::cluster::{Cluster, Plan, Process};
use crate::{interrupted, workspace};

/// Options of `up`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Every role in processes of its own, over three NATS servers, Valkey, Cassandra and an S3 service, behind HAProxy.
    Cluster(ClusterOptions),
}

#[derive(Debug, Args)]
struct ClusterOptions {
    /// Processes of each role.
    #[arg(long, default_value_t = 2)]
    processes: usize,
    /// Where the load balancer listens.
    #[arg(long, default_value_t = 6006)]
    port: u16,
    /// Tenants beside the default one, for the scenarios of server/tests by hand: what `KEFU_TEST_CLUSTER` has to name is
    /// printed.
    #[arg(long, default_value_t = 0)]
    tenants: usize,
}

/// Builds, starts, prints where everything is, waits for Ctrl-C, and stops it.
pub async fn run(options: Options) -> Result<()> {
    let What::Cluster(options) = options.what;
    let plan = Plan { tenants: options.tenants, ..Plan::new(options.processes, options.port) };
    if std::env::var_os("KEFU_TEST_BIN").is_none() {
        workspace::build(&["kefu"]).await?;
    }
    let cluster = tokio::select! {
        started = Cluster::start(&plan) => started?,
        signal = interrupted() => bail!("stopped by {signal}"),
    };
    print(&cluster)?;
    if options.tenants > 0 {
        println!("  KEFU_TEST_CLUSTER={}", cluster.describe(options.tenants)?.display());
    }
    println!("\nCtrl-C stops it.");
    let signal = interrupted().await;
    println!("\n{signal}: stopping");
    cluster.stop().await
}

fn print(cluster: &Cluster) -> Result<()> {
    let address = cluster.balancer.address();
    println!("\nThe cluster is ready.\n");
    println!("  Visitors   http://{address}/kehu/");
    println!("  Agents     http://{address}/kefu/   admin, one-time password: {}", cluster.admin_password()?);
    println!("  NATS       {}", cluster.nats.url());
    println!("  Valkey     {}", cluster.valkey.url());
    println!("  Cassandra  {}", cluster.cassandra.node());
    println!("  S3         {}", cluster.s3.endpoint());
    for Process { service, port, .. } in &cluster.processes {
        println!("  {:<10} http://127.0.0.1:{port}/readyz, /metrics", service.name());
    }
    println!("  logs       {}", cluster.folder().display());
    Ok(())
}
