//! `cargo xtask fuzz`: the fuzz targets, guided by coverage.
//!
//! libFuzzer's counters are LLVM's, which a stable compiler has too; only the flags that switch them on are not offered by
//! name. Everything is built with them in a folder of its own. What makes a target fail is put into its corpus, where the
//! ordinary tests replay it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::process::Command;

use crate::{process, workspace};

/// Counters at every edge, comparisons for libFuzzer to learn from, and checks that a release build does without.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions \
                     -Coverflow-checks";
const MINUTES: u64 = 20;
/// A message and something around it.
const MAX_BYTES: u32 = 80_000;
/// An input that takes longer is a fault, in seconds.
const TIMEOUT_S: u32 = 10;
/// Memory beyond which a target has a fault, in MiB.
const MEMORY_MIB: u32 = 2_048;

/// Options of `fuzz`.
#[derive(Debug, Args)]
pub struct Options {
    /// Only this target; all, one after the other, unless named.
    target: Option<String>,
    /// For how long each target is tried.
    #[arg(long, default_value_t = MINUTES)]
    minutes: u64,
}

/// Tries the targets until the time is over or one fails.
pub async fn run(options: Options) -> Result<()> {
    let targets = targets()?;
    let chosen: Vec<_> =
        targets.iter().filter(|name| options.target.as_ref().is_none_or(|target| target == *name)).collect();
    if chosen.is_empty() {
        bail!("there is no such target; there are: {}", targets.join(", "));
    }
    let binary = build().await?;
    let mut failed = Vec::new();
    for name in chosen {
        println!("\n==> {name}: {} minutes", options.minutes);
        if let Err(error) = fuzz(&binary, name, options.minutes).await {
            println!("{error:#}");
            failed.push(name.as_str());
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("these failed, their inputs are in fuzz/corpus: {}", failed.join(", "))
}

/// Every target has a folder in the corpus.
fn targets() -> Result<Vec<String>> {
    let corpus = corpus();
    let entries = std::fs::read_dir(&corpus).with_context(|| format!("cannot read {}", corpus.display()))?;
    let mut names: Vec<_> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

async fn build() -> Result<PathBuf> {
    let host = host().await?;
    let folder = workspace::target().join("fuzz");
    let mut command = workspace::cargo();
    // With a target named, build scripts are built without the flags: they have no libFuzzer to report to.
    command.args(["build", "--release", "-p", "kefu-fuzz", "--features", "libfuzzer", "--target", &host]);
    command.arg("--target-dir").arg(&folder).env("RUSTFLAGS", FLAGS).env("CARGO_INCREMENTAL", "0");
    process::run(command).await?;
    Ok(folder.join(host).join("release/kefu-fuzz"))
}

async fn host() -> Result<String> {
    let mut rustc = Command::new("rustc");
    rustc.arg("-vV");
    let about = process::output(rustc).await?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    Ok(host.to_owned())
}

async fn fuzz(binary: &Path, name: &str, minutes: u64) -> Result<()> {
    let seeds = corpus().join(name);
    // What libFuzzer keeps for itself is not for the repository.
    let found = workspace::target().join("fuzz/corpus").join(name);
    std::fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
    let mut command = Command::new(binary);
    command.arg(&found).arg(&seeds).env("KEFU_FUZZ_TARGET", name);
    command.arg(format!("-artifact_prefix={}/", seeds.display()));
    command.arg(format!("-max_total_time={}", minutes * 60));
    command.arg(format!("-max_len={MAX_BYTES}")).arg(format!("-timeout={TIMEOUT_S}"));
    command.arg(format!("-rss_limit_mb={MEMORY_MIB}")).arg("-print_final_stats=1");
    process::run(command).await
}

fn corpus() -> PathBuf {
    workspace::root().join("fuzz/corpus")
}
