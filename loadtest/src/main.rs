//! Load against a running Kefu, on loopback: chats with a window of unanswered messages, and idle connections.

mod chat;
mod client;
mod idle;
mod process;

use clap::{Parser, Subcommand};

/// The load generator.
#[derive(Debug, Parser)]
#[command(name = "kefu-loadtest", version, about)]
struct Cli {
    /// The edge, e.g. http://127.0.0.1:6006. Only loopback addresses are taken.
    #[arg(long, default_value = "http://127.0.0.1:6006")]
    url: String,
    /// The process to measure.
    #[arg(long)]
    pid: Option<u32>,
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Visitors who send as fast as a window of unanswered messages allows, each read by a second device.
    Chat {
        /// Visitors, each with a conversation and two sockets.
        #[arg(long, default_value_t = 200)]
        conversations: usize,
        /// Unanswered messages of each, at most 32.
        #[arg(long, default_value_t = 16)]
        window: u64,
        /// How long, in seconds.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// Messages per second of all together; none: as fast as the window allows.
        #[arg(long)]
        rate: Option<u64>,
    },
    /// Visitors who only stay connected.
    Idle {
        /// How many.
        #[arg(long, default_value_t = 1_000)]
        connections: usize,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let loopback = ["http://127.", "http://localhost", "http://[::1]"];
    anyhow::ensure!(loopback.iter().any(|prefix| cli.url.starts_with(prefix)), "{} is not on this machine", cli.url);
    match cli.scenario {
        Scenario::Chat { conversations, window, seconds, rate } => {
            let plan = chat::Plan { conversations, window: window.clamp(1, 32), seconds, rate };
            chat::run(&cli.url, cli.pid, plan).await
        }
        Scenario::Idle { connections } => idle::run(&cli.url, cli.pid, connections).await,
    }
}
