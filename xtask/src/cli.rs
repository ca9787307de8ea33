//! The command line.

use clap::{Parser, Subcommand};

use crate::{bench, crash, layers, steps};

/// Developer commands of Kefu.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Provision the real components and run every check and test.
    Test(steps::Options),
    /// Kill the server at random moments under load, and check that nothing was lost, doubled or reordered.
    Crash(crash::Options),
    /// Check the direction of dependencies and the licences.
    Layers,
    /// Run the benchmarks.
    Bench(bench::Options),
}

impl Cli {
    /// Does what was asked.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Test(options) => steps::run(options).await,
            Command::Crash(options) => crash::run(options).await,
            Command::Layers => layers::check().await,
            Command::Bench(options) => bench::run(options).await,
        }
    }
}
