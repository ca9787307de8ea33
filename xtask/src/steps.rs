//! `cargo xtask test`: every check and test, one after the other, ending at the first that fails.

mod foreign;
mod k6;
mod run;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::provision::{self, Cassandra};

/// Options of `test`.
#[derive(Debug, Args)]
pub struct Options {
    /// Only these steps, in their usual order.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Step>,
    /// Without the steps that need Node.js or a browser.
    #[arg(long)]
    skip_web: bool,
    /// Print the steps and do nothing.
    #[arg(long)]
    list: bool,
}

/// A step, in the order in which they are done: what is cheap comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Step {
    Fmt,
    Layers,
    WebPackages,
    WebLint,
    WebTest,
    Clippy,
    Build,
    Test,
    Instructions,
    Foreign,
    K6,
    Openapi,
    Monitoring,
    E2e,
    E2eNats,
    Crash,
    CrashNats,
    CrashCluster,
}

impl Step {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    fn about(self) -> &'static str {
        match self {
            Self::Fmt => "Rust sources are formatted",
            Self::Layers => "dependencies point one way, licences are allowed ones",
            Self::WebPackages => "install the npm packages",
            Self::WebLint => "web sources are formatted, linted and type-checked",
            Self::WebTest => "unit tests of the web workspace",
            Self::Clippy => "clippy finds nothing",
            Self::Build => "build the binary with its pages",
            Self::Test => "all Rust tests, with a real nats-server, valkey-server, Cassandra and S3 service",
            Self::Instructions => "the hot path executes as many instructions as recorded",
            Self::Foreign => "clients in Python and JavaScript, from the documents alone",
            Self::K6 => "load by k6, with thresholds",
            Self::Openapi => "calls made from the API's description, and what it declares",
            Self::Monitoring => "alert rules with their tests; what they and the dashboards ask for is there",
            Self::E2e => "browser tests, one machine",
            Self::E2eNats => "browser tests, over NATS",
            Self::Crash => "kill -9 under load, one machine",
            Self::CrashNats => "kill -9 under load, over NATS",
            Self::CrashCluster => "processes killed and held, servers restarted under load, in a cluster",
        }
    }

    fn is_web(self) -> bool {
        matches!(self, Self::WebPackages | Self::WebLint | Self::WebTest | Self::Foreign | Self::E2e | Self::E2eNats)
    }

    fn needs_nats(self) -> bool {
        matches!(self, Self::Test | Self::Foreign | Self::E2eNats | Self::CrashNats | Self::CrashCluster)
    }

    fn needs_cassandra(self) -> bool {
        matches!(self, Self::Test | Self::CrashCluster)
    }

    fn needs_chromium(self) -> bool {
        matches!(self, Self::E2e | Self::E2eNats)
    }
}

/// What was provisioned for the steps that are done.
#[derive(Debug, Default)]
struct Components {
    nats_server: Option<PathBuf>,
    valkey_server: Option<PathBuf>,
    cassandra: Option<Cassandra>,
    chromium: Option<PathBuf>,
}

/// Does the steps that were asked for.
pub async fn run(options: Options) -> Result<()> {
    let steps: Vec<_> = Step::value_variants().iter().copied().filter(|step| options.wants(*step)).collect();
    if options.list {
        for step in steps {
            println!("{:12} {}", step.name(), step.about());
        }
        return Ok(());
    }
    options.say_what_is_left_out();
    let started = Instant::now();
    let components = provision(&steps).await.context("provision")?;
    let mut times = vec![("provision".to_owned(), started.elapsed())];
    for step in steps {
        println!("\n==> {}: {}", step.name(), step.about());
        let begun = Instant::now();
        step.run(&components).await.with_context(|| format!("step {} failed", step.name()))?;
        println!("<== {}: ok in {:.1} s", step.name(), begun.elapsed().as_secs_f64());
        times.push((step.name(), begun.elapsed()));
    }
    println!("\nAll steps passed in {:.0} s:", started.elapsed().as_secs_f64());
    for (name, time) in times {
        println!("  {name:12} {:7.1} s", time.as_secs_f64());
    }
    Ok(())
}

impl Options {
    fn wants(&self, step: Step) -> bool {
        let asked = self.only.is_empty() || self.only.contains(&step);
        asked && !(self.skip_web && step.is_web())
    }

    fn say_what_is_left_out(&self) {
        let left_out = Step::value_variants().iter().copied().filter(|step| !self.wants(*step));
        let names: Vec<_> = left_out.map(Step::name).collect();
        if !names.is_empty() {
            println!("Left out, as asked: {}", names.join(", "));
        }
    }
}

async fn provision(steps: &[Step]) -> Result<Components> {
    let mut components = Components::default();
    if steps.iter().any(|step| step.needs_nats()) {
        let binary = provision::nats_server().await?;
        println!("nats-server: {}", binary.display());
        components.nats_server = Some(binary);
    }
    if steps.contains(&Step::Test) {
        let (valkey_server, weed) = (provision::valkey_server().await?, provision::weed().await?);
        println!("valkey-server: {}\nSeaweedFS: {}", valkey_server.display(), weed.display());
        components.valkey_server = Some(valkey_server);
    }
    if steps.iter().any(|step| step.needs_cassandra()) {
        let cassandra = provision::cassandra().await?;
        println!("Cassandra: {}", cassandra.lib.display());
        components.cassandra = Some(cassandra);
    }
    if steps.iter().any(|step| step.needs_chromium()) {
        let browser = provision::chromium().await?;
        println!("Chromium: {}", browser.display());
        components.chromium = Some(browser);
    }
    if steps.contains(&Step::Instructions) {
        println!("valgrind: {}", provision::valgrind().await?.display());
    }
    Ok(components)
}
