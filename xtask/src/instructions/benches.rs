//! The benches of all crates.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use tokio::process::Command;

use crate::{process, workspace};

/// The name of the bench target in each crate that has some.
const TARGET: &str = "instructions";

/// One bench.
#[derive(Debug)]
pub(super) struct Bench {
    /// The folder of its crate.
    folder: String,
    /// Its name in the binary.
    pub(super) name_there: String,
    pub(super) binary: PathBuf,
}

impl Bench {
    /// Its name among all, e.g. "nats: decode a command".
    pub(super) fn name(&self) -> String {
        format!("{}: {}", self.folder, self.name_there)
    }
}

/// Builds the benches with what `cargo test --release --workspace` has built, and lists them.
///
/// Never incrementally, whatever the environment says: that divides crates into other units, which inline differently.
pub(super) async fn build() -> Result<Vec<Bench>> {
    let mut command = workspace::cargo();
    command.args([
        "build",
        "--release",
        "--workspace",
        "--exclude",
        "kefu-benches",
        "--bench",
        TARGET,
        "--message-format=json-render-diagnostics",
    ]);
    command.env("CARGO_INCREMENTAL", "0");
    println!("$ cargo build --release --workspace --exclude kefu-benches --bench {TARGET}");
    let mut benches = Vec::new();
    for (folder, binary) in binaries(&process::output(command).await?)? {
        let mut list = Command::new(&binary);
        list.arg("--list");
        let names = process::output(list).await?;
        let bench = |name: &str| Bench { folder: folder.clone(), name_there: name.to_owned(), binary: binary.clone() };
        benches.extend(names.lines().map(bench));
    }
    Ok(benches)
}

#[derive(Deserialize)]
struct Message {
    manifest_path: Option<PathBuf>,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// Folders of crates and their binaries, from what cargo says while it builds.
fn binaries(messages: &str) -> Result<Vec<(String, PathBuf)>> {
    let mut binaries = Vec::new();
    for line in messages.lines() {
        let message: Message = serde_json::from_str(line).context("cannot read what cargo says")?;
        let (Some(manifest), Some(target), Some(binary)) = (message.manifest_path, message.target, message.executable)
        else {
            continue;
        };
        if target.name == TARGET {
            let folder = manifest.parent().and_then(Path::file_name).context("a manifest lies in no folder")?;
            binaries.push((folder.to_string_lossy().into_owned(), binary));
        }
    }
    Ok(binaries)
}
