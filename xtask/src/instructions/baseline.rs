//! The recorded counts, xtask/instructions.toml.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::Counts;
use crate::{process, workspace};

const ABOUT: &str =
    "# Instructions of one round of each bench, by `cargo xtask instructions --record`: docs/performance.md.\n\n";

/// What was counted, and with what.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Baseline {
    pub(super) tools: Tools,
    pub(super) instructions: Counts,
}

/// What counts depend on besides the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tools {
    /// As `rustc -V` says.
    pub(super) rustc: String,
    /// The machine that is compiled for.
    pub(super) target: String,
    /// As `valgrind --version` says.
    pub(super) valgrind: String,
}

impl Baseline {
    pub(super) fn read() -> Result<Self> {
        let path = path();
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))
    }

    pub(super) fn write(&self) -> Result<()> {
        let path = path();
        let text = toml::to_string(self).context("a baseline cannot be written")?;
        fs::write(&path, format!("{ABOUT}{text}")).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{} benches recorded in {}", self.instructions.len(), path.display());
        Ok(())
    }
}

impl Tools {
    /// Those of this machine.
    pub(super) async fn present(valgrind: &Path) -> Result<Self> {
        let about = first_output("rustc".as_ref(), "-vV").await?;
        let line = |start: &str| about.lines().find(|line| line.starts_with(start)).map(str::to_owned);
        let host = line("host: ").context("rustc names no host")?;
        Ok(Self {
            rustc: line("rustc ").context("rustc names no version")?,
            target: host.trim_start_matches("host: ").to_owned(),
            valgrind: first_output(valgrind, "--version").await?.trim().to_owned(),
        })
    }

    /// Where these differ from those of the baseline, in words.
    pub(super) fn differences(&self, recorded: &Self) -> Vec<String> {
        [(&self.rustc, &recorded.rustc), (&self.target, &recorded.target), (&self.valgrind, &recorded.valgrind)]
            .into_iter()
            .filter(|(present, recorded)| present != recorded)
            .map(|(present, recorded)| format!("recorded with {recorded}, this is {present}"))
            .collect()
    }
}

fn path() -> PathBuf {
    workspace::root().join("xtask/instructions.toml")
}

async fn first_output(program: &Path, argument: &str) -> Result<String> {
    let mut command = Command::new(program);
    command.arg(argument).current_dir(workspace::root());
    process::output(command).await
}
