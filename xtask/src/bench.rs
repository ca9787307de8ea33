//! `cargo xtask bench`: the criterion benches.

use anyhow::Result;
use clap::Args;

use crate::{process, workspace};

/// Options of `bench`.
#[derive(Debug, Args)]
pub struct Options {
    /// Only this file of them, e.g. `hot_path`.
    #[arg(long, short)]
    bench: Option<String>,
    /// Only benches whose name contains this.
    filter: Option<String>,
}

/// Runs them.
pub async fn run(options: Options) -> Result<()> {
    let mut command = workspace::cargo();
    command.args(["bench", "--package", "kefu-benches"]);
    if let Some(bench) = &options.bench {
        command.args(["--bench", bench]);
    }
    if let Some(filter) = &options.filter {
        command.args(["--", filter]);
    }
    process::run(command).await
}
