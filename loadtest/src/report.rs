//! What comes out: a table on the terminal and a file.

mod machine;

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::faults::Faults;
use crate::latency::Latency;
use crate::site::{Costs, Site};

/// The result of a run.
#[derive(Debug)]
pub struct Report {
    scenario: &'static str,
    began: jiff::Timestamp,
    settings: Map<String, Value>,
    numbers: Map<String, Value>,
    table: Vec<(String, String)>,
}

impl Report {
    /// Of that scenario, begun now.
    pub fn new(scenario: &'static str, site: &Site) -> Self {
        let mut settings = Map::new();
        settings.insert("log".to_owned(), site.log_kind().into());
        settings.insert("environment".to_owned(), machine::environment());
        let began = jiff::Timestamp::now();
        Self { scenario, began, settings, numbers: Map::new(), table: Vec::new() }
    }

    /// With what it was run.
    pub fn setting(&mut self, name: &str, value: impl Into<Value>) {
        self.settings.insert(name.to_owned(), value.into());
    }

    /// A number that was measured, and how the table says it.
    pub fn number(&mut self, name: &str, value: impl Into<Value>, text: impl Into<String>) {
        self.numbers.insert(name.replace(' ', "_"), value.into());
        self.table.push((name.to_owned(), text.into()));
    }

    /// Latencies in milliseconds.
    pub fn latency(&mut self, name: &str, latency: &Latency) {
        self.number(&format!("{name} ms"), latency.json(), latency.text());
    }

    /// What processes used, and the machine.
    pub fn costs(&mut self, costs: &Costs) {
        self.costs_while("", costs);
    }

    /// The same, while something else was done than what the report is of: its name goes before theirs.
    pub fn costs_while(&mut self, what: &str, costs: &Costs) {
        for cost in &costs.each {
            self.number(&format!("{what}{}", cost.name), cost.json(), cost.text());
        }
        if let Some(busy) = costs.busy_cores {
            let text = format!("{busy:.2} of {} cores busy", machine::cores());
            self.number(&format!("{what}machine"), json!({"busy_cores": busy}), text);
        }
    }

    /// Prints the table, writes the file, and says whether all went well.
    pub fn finish(mut self, faults: &Faults) -> anyhow::Result<bool> {
        let counts = faults.counts();
        let shown: Vec<_> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let shown = if shown.is_empty() { "none".to_owned() } else { shown.join(", ") };
        self.number("faults", json!(counts), shown);
        let width = self.table.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        println!("\n{}", self.scenario);
        for (name, text) in &self.table {
            println!("  {name:width$}  {text}");
        }
        let path = self.write()?;
        println!("{}", path.display());
        let well = faults.total() == 0;
        if !well {
            eprintln!("FAILED: see the faults above");
        }
        Ok(well)
    }

    fn write(&self) -> anyhow::Result<PathBuf> {
        let time = self.began.strftime("%Y%m%dT%H%M%SZ");
        let path = folder()?.join(format!("{}-{time}.json", self.scenario));
        let content = json!({
            "scenario": self.scenario,
            "began": self.began.to_string(),
            "machine": machine::machine(),
            "commit": machine::commit(),
            "settings": self.settings,
            "numbers": self.numbers,
        });
        std::fs::write(&path, format!("{content:#}\n")).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

/// Where results go: `load` in the folder of the build.
pub fn folder() -> anyhow::Result<PathBuf> {
    let binary = std::env::current_exe().context("where is this program?")?;
    let target = binary.ancestors().nth(2).context("this program is in no build's folder")?;
    let folder = target.join("load");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// 12345.6 as `12,346`.
pub fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Bytes in MiB.
pub fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1024.0 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        for (number, text) in
            [(0.4, "0"), (999.0, "999"), (1_000.0, "1,000"), (1_234_567.8, "1,234,568"), (-123.0, "-123")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
