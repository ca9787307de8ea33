//! Visitors write to the agents who were assigned to them.

mod flow;
mod hall;
mod load;
mod measure;
mod pacer;
mod setup;
mod soak;

use std::time::Duration;

use clap::Args;

use crate::report::Report;
use crate::site::{Archive, Site};

pub use flow::{Order, Sight};
pub use hall::Hall;
pub use load::Load;
pub use pacer::{Pacer, Schedule};
pub use setup::{Crowd, Plan, prepare};

/// The most messages of a device that may be unanswered in a conversation, by the protocol.
pub const WINDOW: u32 = 32;

/// Options of `chat`.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Visitors, each with a conversation of their own.
    #[arg(long, default_value_t = 200)]
    conversations: usize,
    /// Agents, to whom they are assigned evenly.
    #[arg(long, default_value_t = 20)]
    agents: usize,
    /// Messages per second of all together, on a fixed schedule; latencies count from the moment a message was due.
    #[arg(long, conflicts_with = "window")]
    rate: Option<u32>,
    /// Instead of a rate: each sends as long as fewer than these are unanswered.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=i64::from(WINDOW)))]
    window: u32,
    /// Agents write too, as much as visitors do.
    #[arg(long)]
    both: bool,
    /// Agents mark as read what they saw, once a second and conversation, as a page does.
    #[arg(long)]
    marks: bool,
    /// Visitors do not follow their own conversations, so what they write does not come back to them. A page does.
    #[arg(long)]
    without_echo: bool,
    /// Load before anything is measured, in seconds.
    #[arg(long, default_value_t = 3)]
    warmup: u64,
    /// How long is measured, in seconds.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// A soak instead: so many minutes, with resident memory each half minute.
    #[arg(long, conflicts_with = "seconds")]
    minutes: Option<u64>,
}

impl Options {
    fn measured(&self) -> Duration {
        Duration::from_secs(self.minutes.map_or(self.seconds, |minutes| minutes * 60))
    }

    fn load(&self) -> String {
        match self.rate {
            Some(rate) => format!("{rate}/s"),
            None => format!("window {}", self.window),
        }
    }

    fn settings(&self, report: &mut Report) {
        report.setting("conversations", self.conversations);
        report.setting("agents", self.agents);
        report.setting("load", self.load());
        report.setting("both", self.both);
        report.setting("marks", self.marks);
        report.setting("echo", !self.without_echo);
        report.setting("warmup_s", self.warmup);
        report.setting("measured_s", self.measured().as_secs());
    }
}

/// Runs it; whether all went well.
pub async fn run(site: &mut Site, options: &Options) -> anyhow::Result<bool> {
    let mut report = Report::new("chat", site);
    options.settings(&mut report);
    let archive = Archive::at_rest(site).await?;
    let plan = Plan {
        conversations: options.conversations,
        agents: options.agents,
        both: options.both,
        echo: !options.without_echo,
    };
    let (hall, mut crowd) = prepare(site, plan).await?;
    println!("{} conversations with {} agents, {}", options.conversations, options.agents, options.load());
    measure::run(site, options, &hall, &mut crowd, archive, &mut report).await?;
    report.finish(hall.faults())
}
