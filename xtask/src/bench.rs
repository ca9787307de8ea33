//! `cargo xtask bench`: the criterion benches of the workspace.

use anyhow::Result;
use clap::Args;

use crate::{process, workspace};

/// Options of `bench`.
#[derive(Debug, Args)]
pub struct Options {
    /// Only this crate's, e.g. `kefu-nats`.
    #[arg(long, short)]
    package: Option<String>,
    /// Only benches whose name contains this.
    filter: Option<String>,
}

/// Runs them.
pub async fn run(options: Options) -> Result<()> {
    let mut command = workspace::cargo();
    command.args(["bench", "--benches"]);
    match &options.package {
        Some(package) => command.args(["--package", package]),
        None => command.arg("--workspace"),
    };
    if let Some(filter) = &options.filter {
        command.args(["--", filter]);
    }
    process::run(command).await
}
