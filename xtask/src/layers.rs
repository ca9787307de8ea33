//! `cargo xtask layers`: dependencies point one way, drivers stay behind their seams, licences are allowed ones.
//!
//! The rules are the `bans.deny` wrappers and the licences of deny.toml, so that cargo-deny reads the same, and
//! xtask/layers.toml.

mod graph;
mod licences;
mod rules;
#[cfg(test)]
mod tests;

use anyhow::{Result, bail};

use crate::{process, workspace};
use graph::Graph;
use rules::Rules;

/// Checks the workspace as it stands.
pub async fn check() -> Result<()> {
    let rules = Rules::read(workspace::root())?;
    let mut metadata = workspace::cargo();
    metadata.args(["metadata", "--format-version", "1", "--locked"]);
    let graph = Graph::parse(&process::output(metadata).await?)?;
    let mut faults = rules.broken_by(&graph);
    faults.extend(licences::refused(&graph, &rules.licences));
    if faults.is_empty() {
        println!("{} packages follow deny.toml and xtask/layers.toml", graph.packages.len());
        return Ok(());
    }
    bail!("{}", faults.join("\n"))
}
