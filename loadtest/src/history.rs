//! A large store: pages of it, and starts on it.

mod fill;
mod readers;

use std::time::Duration;

use clap::Args;

use crate::chat::{Plan, prepare};
use crate::report::{Report, grouped, mib};
use crate::site::{Archive, Site, Snapshot};

/// Options of `history`.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Messages to be stored before anything is read.
    #[arg(long, default_value_t = 1_000_000)]
    messages: u64,
    /// Conversations that they are spread over.
    #[arg(long, default_value_t = 200)]
    conversations: usize,
    /// Pages asked for at a time.
    #[arg(long, default_value_t = 8)]
    readers: usize,
    /// Messages of a page.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    page_size: u32,
    /// How long pages are read, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

/// Runs it; whether all went well.
pub async fn run(site: &mut Site, options: &Options) -> anyhow::Result<bool> {
    let mut report = Report::new("history", site);
    report.setting("messages", options.messages);
    report.setting("conversations", options.conversations);
    report.setting("readers", options.readers);
    report.setting("page_size", options.page_size);
    report.setting("seconds", options.seconds);

    let archive = Archive::at_rest(site).await?;
    let plan = Plan { conversations: options.conversations, agents: 0, both: false, echo: false };
    let (hall, crowd) = prepare(site, plan).await?;
    let each = u32::try_from(options.messages.div_ceil(options.conversations.max(1) as u64))?;
    fill::fill(site, &hall, archive, each, &mut report).await?;
    drop(crowd);

    if hall.faults().total() == 0 {
        let before = Snapshot::take(site);
        let pages = readers::read(site, &hall, options, each).await;
        let after = Snapshot::take(site);
        let seconds = after.seconds_since(&before);
        let rate = pages.count() as f64 / seconds;
        report.number("pages", pages.count(), format!("{}/s", grouped(rate)));
        report.latency("newest page", &pages.newest);
        report.latency("deep page", &pages.deep);
        report.latency("page by cursor", &pages.cursor);
        report.costs(&after.costs_since(&before));
        restarts(site, &mut report).await?;
    }
    report.finish(hall.faults())
}

/// How long it takes until it is ready, after a stop and after `kill -9`.
async fn restarts(site: &mut Site, report: &mut Report) -> anyhow::Result<()> {
    let Ok(kefu) = site.own() else { return Ok(()) };
    kefu.stop().await?;
    let after_stop = kefu.start_again().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    kefu.kill().await?;
    let after_kill = kefu.start_again().await?;
    for (name, took) in [("ready after a stop", after_stop), ("ready after a kill", after_kill)] {
        report.number(name, took.as_secs_f64(), format!("{:.3} s", took.as_secs_f64()));
    }
    report.number("resident then", site.resident_bytes(), mib(site.resident_bytes()));
    Ok(())
}
