//! Counts beside those of the baseline.

use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::Counts;

/// A ratio above this fails. Repeated counts lie within 0.2 %; the rest is for what a change elsewhere in a crate does to the
/// decisions about inlining.
const MOST: f64 = 1.05;
/// Below this the baseline no longer guards what was won.
const LEAST: f64 = 0.95;
const RECORD: &str = "(cargo xtask instructions --record)";

/// One bench.
#[derive(Debug)]
struct Line {
    name: String,
    instructions: u64,
    recorded: Option<u64>,
}

/// All benches.
#[derive(Debug)]
pub(super) struct Comparison {
    lines: Vec<Line>,
    /// Recorded, but no longer there.
    gone: Vec<String>,
}

impl Line {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    fn ratio(&self) -> Option<f64> {
        self.recorded.map(|recorded| self.instructions as f64 / recorded as f64)
    }
}

impl Comparison {
    /// Compares; if `all` were counted, recorded ones that were not are missed.
    pub(super) fn new(counts: Counts, recorded: &Counts, all: bool) -> Self {
        let gone = recorded.keys().filter(|name| all && !counts.contains_key(*name)).cloned().collect();
        let lines = counts.into_iter().map(|(name, instructions)| {
            let recorded = recorded.get(&name).copied();
            Line { name, instructions, recorded }
        });
        Self { lines: lines.collect(), gone }
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let mut table = format!("{:<62} {:>12} {:>12} {:>6}\n", "bench", "instructions", "baseline", "ratio");
        for line in &self.lines {
            let recorded = line.recorded.map_or("-".to_owned(), |recorded| recorded.to_string());
            let ratio = line.ratio().map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
            let _ = writeln!(table, "{:<62} {:>12} {recorded:>12} {ratio:>6}", line.name, line.instructions);
        }
        table
    }

    /// Fails when something executes more than it did, or cannot be compared; `differences` of the tools are told then.
    pub(super) fn judge(&self, differences: &[String]) -> Result<()> {
        let fewer = self.named(|ratio| ratio.is_some_and(|ratio| ratio < LEAST));
        if !fewer.is_empty() {
            println!("Less than {LEAST} times the baseline, so record it: {}. {RECORD}", fewer.join(", "));
        }
        let faults = self.faults();
        if faults.is_empty() {
            return Ok(());
        }
        bail!("{}\n{}", faults.join("\n"), advice(differences))
    }

    fn faults(&self) -> Vec<String> {
        let more = self.named(|ratio| ratio.is_some_and(|ratio| ratio > MOST));
        let new = self.named(|ratio| ratio.is_none());
        let gone = self.gone.iter().map(String::as_str).collect();
        [
            (format!("more than {MOST} times the baseline"), more),
            ("not in it".to_owned(), new),
            ("only in it".to_owned(), gone),
        ]
        .into_iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what}: {}", names.join(", ")))
        .collect()
    }

    fn named(&self, is_meant: impl Fn(Option<f64>) -> bool) -> Vec<&str> {
        self.lines.iter().filter(|line| is_meant(line.ratio())).map(|line| line.name.as_str()).collect()
    }
}

fn advice(differences: &[String]) -> String {
    let meant = format!("If it is meant, record it and say in the commit why. {RECORD}");
    if differences.is_empty() {
        return meant;
    }
    let differences = differences.join("; ");
    format!(
        "The baseline was {differences}. Part of it may come from there: record on this machine at a commit that passed, and \
         compare with that.\n{meant}"
    )
}
