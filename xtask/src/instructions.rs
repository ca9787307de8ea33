//! `cargo xtask instructions`: the instructions that the hot path executes, as ratios to a recorded baseline.

mod baseline;
mod benches;
mod callgrind;
mod comparison;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use crate::provision;
use baseline::{Baseline, Tools};
use benches::Bench;
use callgrind::Callgrind;
use comparison::Comparison;

/// Instructions of each bench, by its name.
type Counts = BTreeMap<String, u64>;

/// Options of `instructions`.
#[derive(Debug, Default, Args)]
pub struct Options {
    /// Only benches whose name contains this.
    #[arg(conflicts_with = "record")]
    filter: Option<String>,
    /// Write what is counted to the baseline instead of comparing with it.
    #[arg(long)]
    record: bool,
    /// Count each so many times instead of once, take the median, and print how far the counts lie apart.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    runs: Option<u16>,
}

/// Counts and compares, or records.
pub async fn run(options: Options) -> Result<()> {
    let callgrind = Callgrind::new(provision::valgrind().await?)?;
    let tools = Tools::present(callgrind.valgrind()).await?;
    let mut benches = benches::build().await?;
    if let Some(filter) = &options.filter {
        benches.retain(|bench| bench.name().contains(filter));
    }
    if benches.is_empty() {
        bail!("there is no such bench");
    }
    let counts = count(&callgrind, &benches, options.runs.unwrap_or(1)).await?;
    if options.record {
        return Baseline { tools, instructions: counts }.write();
    }
    let baseline = Baseline::read()?;
    let differences = tools.differences(&baseline.tools);
    differences.iter().for_each(|difference| println!("The baseline was {difference}"));
    let comparison = Comparison::new(counts, &baseline.instructions, options.filter.is_none());
    print!("{}", comparison.table());
    comparison.judge(&differences)
}

/// As many at a time as there are processors: counts do not depend on time.
async fn count(callgrind: &Callgrind, benches: &[Bench], runs: u16) -> Result<Counts> {
    let at_a_time = std::thread::available_parallelism().map_or(1, usize::from);
    let counts = benches.iter().map(|bench| async move {
        let mut counts = Vec::new();
        for _ in 0..runs {
            counts.push(callgrind.count(bench).await?);
        }
        counts.sort_unstable();
        if let [least, .., most] = counts[..] {
            println!("{}: {least} to {most}", bench.name());
        }
        anyhow::Ok((bench.name(), counts[counts.len() / 2]))
    });
    stream::iter(counts).buffer_unordered(at_a_time).try_collect().await
}
