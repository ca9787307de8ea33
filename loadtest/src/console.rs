//! Agents open their consoles.

mod fill;
mod open;

use clap::Args;
use futures::StreamExt as _;

use crate::faults::Faults;
use crate::people;
use crate::report::{Report, mib};
use crate::site::{Archive, Site, Snapshot};

/// Options of `console`.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Agents, all of whom open their consoles.
    #[arg(long, default_value_t = 50)]
    agents: usize,
    /// Conversations that each of them has had; 10,000 is what a large team has after years, and takes ten minutes to make.
    #[arg(long, default_value_t = 400)]
    conversations: usize,
    /// Consoles opened at a time. The server hashes two passwords at once and lets nobody wait longer than 5 s for it.
    #[arg(long, default_value_t = 10)]
    at_once: usize,
}

/// Runs it; whether all went well.
pub async fn run(site: &mut Site, options: &Options) -> anyhow::Result<bool> {
    let mut report = Report::new("console", site);
    report.setting("agents", options.agents);
    report.setting("conversations", options.conversations);
    report.setting("at_once", options.at_once);
    let faults = Faults::default();
    let archive = Archive::at_rest(site).await?;
    let agents = people::agents(site, options.agents, fill::CAPACITY).await?;
    let filled = fill::fill(site, &agents, options.conversations).await?;
    archive.drain(site, || true).await?.report(&mut report);

    let resident = site.resident_bytes();
    println!("{} conversations, resident {}; opening {} consoles", filled.conversations, mib(resident), agents.len());
    let before = Snapshot::take(site);
    let mut times = open::Times::default();
    let opening = agents.iter().enumerate().map(|(index, agent)| open::open(site, index, agent));
    let opened: Vec<_> = futures::stream::iter(opening).buffer_unordered(options.at_once.max(1)).collect().await;
    let after = Snapshot::take(site);
    let (mut consoles, mut attached) = (Vec::new(), 0);
    for console in opened {
        match console {
            Ok(console) => {
                attached += console.attached;
                times.add(&console);
                consoles.push(console);
            }
            Err(error) => faults.add("consoles", || format!("{error:#}")),
        }
    }
    report.number("conversations", filled.conversations, filled.conversations.to_string());
    times.report(&mut report);
    report.number("attached", attached, format!("{attached} conversations by {} consoles", consoles.len()));
    report.number(
        "opened s",
        after.seconds_since(&before),
        format!("all within {:.2} s", after.seconds_since(&before)),
    );
    let now = site.resident_bytes();
    report.number("resident before", resident, mib(resident));
    report.number("resident after", now, mib(now));
    report.costs(&after.costs_since(&before));
    drop(consoles);
    drop(filled);
    report.finish(&faults)
}
