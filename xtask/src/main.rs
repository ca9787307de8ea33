//! Developer commands: `cargo xtask --help`.

mod bench;
mod cassandra;
mod cli;
mod cluster;
mod crash;
mod fuzz;
mod instructions;
mod layers;
mod load;
mod monitoring;
mod nats_server;
mod openapi;
mod process;
mod provision;
mod s3;
mod service;
mod steps;
mod up;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let done = if cli.stops_by_itself() {
        cli.run().await
    } else {
        tokio::select! {
            done = cli.run() => done,
            signal = interrupted() => Err(anyhow::anyhow!("stopped by {signal}")),
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Waits until somebody asks us to stop. Whatever runs then is dropped, and with it everything that it started.
async fn interrupted() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}
