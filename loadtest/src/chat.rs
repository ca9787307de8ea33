//! Visitors write to the agents who were assigned to them.

mod flow;
mod hall;
mod load;
mod measure;
mod pacer;
mod plain;
mod setup;
mod soak;

use std::time::Duration;

use clap::Args;

use crate::jetstream::JetStream;
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
    /// The JetStream of what is loaded, e.g. nats://127.0.0.1:4222, several with commas between them: what is published to
    /// it for a message is counted, and then a plain publisher has it alone, with the same payloads, the same load and for
    /// the same time, at most a minute.
    #[arg(long, value_name = "URLS")]
    jetstream: Option<String>,
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
    let jetstream = match &options.jetstream {
        Some(urls) => Some(JetStream::connect(urls).await?),
        None => None,
    };
    let acked = measure::run(site, jetstream.as_ref(), options, &hall, &mut crowd, archive, &mut report).await?;
    if let Some(jetstream) = jetstream.filter(|_| hall.faults().total() == 0) {
        plain::run(site, &jetstream, options, &hall, acked, &mut report).await?;
    }
    report.finish(hall.faults())
}
