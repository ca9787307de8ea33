//! Load against a Kefu of its own, on loopback: `kefu-loadtest SCENARIO --help`. What the numbers mean is in
//! docs/performance.md.

mod chat;
mod client;
mod clock;
mod console;
mod faults;
mod history;
mod idle;
mod jetstream;
mod latency;
mod loopback;
mod people;
mod report;
mod site;
mod storm;
mod wait;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use site::Site;

/// What the command takes that builds and provisions.
const BY_XTASK: &str = "\
`cargo xtask load SCENARIO` takes besides:
  --nats           over a nats-server of its own
  --cluster        on a whole cluster behind its load balancer; `storm` cannot. A chat is followed by a plain publisher
                   on the same JetStream. KEFU_TEST_BIN names a binary of kefu that is not built
  --processes <N>  so many processes of each role in the cluster [default: 2]";

/// The load generator. It exits with 1 when anything was lost, doubled, rejected or refused.
#[derive(Debug, Parser)]
#[command(name = "kefu-loadtest", version, about, after_help = BY_XTASK)]
struct Cli {
    #[command(flatten)]
    site: site::Options,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Visitors write to agents who were assigned to them, one to one.
    Chat(chat::Options),
    /// Connections that only stay.
    Idle(idle::Options),
    /// The server is killed and started again, and everybody comes back at once.
    Storm(storm::Options),
    /// Pages of a large store, and starts on it.
    History(history::Options),
    /// Agents with many conversations open their consoles.
    Console(console::Options),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// One thread: what the generator takes is taken from the process under test, and a second thread would take more.
fn run(cli: Cli) -> anyhow::Result<bool> {
    clock::now_ns();
    wait::allow_many_files();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let done = tokio::task::LocalSet::new().block_on(&runtime, async {
        tokio::select! {
            done = scenario(cli) => done,
            signal = wait::interrupted() => Err(anyhow::anyhow!("stopped by {signal}")),
        }
    });
    runtime.shutdown_background();
    done
}

async fn scenario(cli: Cli) -> anyhow::Result<bool> {
    let mut site = Site::open(&cli.site).await?;
    let done = match &cli.scenario {
        Scenario::Chat(options) => chat::run(&mut site, options).await,
        Scenario::Idle(options) => idle::run(&mut site, options).await,
        Scenario::Storm(options) => storm::run(&mut site, options).await,
        Scenario::History(options) => history::run(&mut site, options).await,
        Scenario::Console(options) => console::run(&mut site, options).await,
    };
    if !matches!(done, Ok(true)) {
        eprintln!("{}", site.log_tail());
    }
    let well = done?;
    site.stop().await?;
    Ok(well)
}
