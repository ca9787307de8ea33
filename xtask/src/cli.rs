//! The command line.

use clap::{Parser, Subcommand};

use crate::{bench, crash, fuzz, instructions, layers, load, steps, up};

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
    /// Measure under load: build, provision (with `--nats` or `--cluster`), and run a scenario of loadtest/.
    #[command(disable_help_flag = true)]
    Load(load::Options),
    /// Check the direction of dependencies and the licences.
    Layers,
    /// Run the benchmarks.
    Bench(bench::Options),
    /// Count the instructions of the hot path under callgrind, and compare them with the recorded baseline.
    Instructions(instructions::Options),
    /// Start a whole deployment on loopback and leave it running until Ctrl-C.
    Up(up::Options),
    /// Try the fuzz targets, guided by coverage.
    Fuzz(fuzz::Options),
}

impl Cli {
    /// Whether it has something to do when somebody asks it to stop.
    pub fn stops_by_itself(&self) -> bool {
        matches!(self.command, Command::Up(_))
    }

    /// Does what was asked.
    pub async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::Test(options) => steps::run(options).await,
            Command::Crash(options) => crash::run(options).await,
            Command::Load(options) => load::run(options).await,
            Command::Layers => layers::check().await,
            Command::Bench(options) => bench::run(options).await,
            Command::Instructions(options) => instructions::run(options).await,
            Command::Up(options) => up::run(options).await,
            Command::Fuzz(options) => fuzz::run(options).await,
        }
    }
}
