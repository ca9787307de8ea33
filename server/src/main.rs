//! The one binary `kefu`: the only place that chooses backends, reads the environment, handles signals and starts the
//! runtime.

mod accounts;
mod backends;
mod banner;
mod cli;
mod data_dir;
mod deployment;
mod epoch;
mod files;
mod logging;
mod ops;
mod outage;
mod pages;
mod report;
mod roles;
mod seam_metrics;
mod stop;
mod waiting;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Parser as _;

use cli::{Cli, Command};
use kefu::settings::{self, Loaded, Settings};

/// Messages live shortly and are freed by other threads than made them; this allocator keeps that cheap and small.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("kefu: another TLS provider was installed first");
        return ExitCode::FAILURE;
    }
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kefu: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    if matches!(cli.command, Some(Command::DefaultConfig)) {
        print!("{}", settings::default_text());
        return Ok(());
    }
    let Loaded { mut settings, warnings } = settings::load(cli.config.as_deref(), std::env::vars())?;
    apply_flags(&mut settings, &cli)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")?;
    match cli.command {
        Some(Command::CheckConfig) => {
            for warning in warnings {
                println!("warning: {warning}");
            }
            println!("The settings are valid.");
            Ok(())
        }
        Some(Command::Agent(command)) => runtime.block_on(accounts::agent(&settings, command)),
        Some(Command::Admin(command)) => runtime.block_on(accounts::admin(&settings, command)),
        Some(Command::Epoch(command)) => runtime.block_on(epoch::run(settings, command)),
        _ => {
            logging::start(&settings.log)?;
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            runtime.block_on(roles::run(settings, cli.start.demo))
        }
    }
}

/// Flags win over file and environment. A demo listens on loopback, in a folder of its own.
fn apply_flags(settings: &mut Settings, cli: &Cli) -> anyhow::Result<()> {
    let server = &mut settings.server;
    if cli.start.demo {
        let default = Settings::default().server;
        if server.listen == default.listen {
            server.listen.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        if server.data_dir == default.data_dir {
            server.data_dir = PathBuf::from("./kefu-demo");
        }
    }
    if let Some(listen) = cli.start.listen {
        server.listen = listen;
    }
    if let Some(data_dir) = &cli.data_dir {
        server.data_dir.clone_from(data_dir);
    }
    if let Some(roles) = &cli.start.roles {
        server.roles.clone_from(roles);
    }
    if cli.start.demo && !server.listen.ip().is_loopback() {
        bail!("--demo listens on loopback only: everybody knows its passwords. {} is not", server.listen);
    }
    Ok(())
}
