//! `cargo xtask load`: a load scenario with what it needs built and provisioned.

mod cluster;
mod words;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use tokio::process::Command;

use crate::{process, provision, workspace};
use words::{Under, Words};

/// Options of `load`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct Options {
    /// The scenario and its options, and `--nats` or `--cluster`; `cargo xtask load --help` and
    /// `cargo xtask load chat --help` say which there are.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    words: Vec<String>,
}

/// Builds what is under test and the generator, and runs the scenario.
pub async fn run(options: Options) -> Result<()> {
    let words = Words::parse(&options.words)?;
    if let Under::Cluster { processes } = words.under {
        return cluster::run(processes, &words).await;
    }
    workspace::build(&["kefu", "kefu-loadtest"]).await?;
    let mut load = generator();
    if words.under == Under::Nats {
        load.arg("--nats-server").arg(provision::nats_server().await?);
    }
    load.args(&words.passed_on);
    process::run(load).await
}

fn generator() -> Command {
    let program: PathBuf = workspace::kefu_binary().with_file_name("kefu-loadtest");
    let mut load = Command::new(program);
    load.current_dir(workspace::root());
    load
}
