//! Where things are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use crate::process;

/// The root of the checkout.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The npm workspace.
pub fn web() -> PathBuf {
    root().join("web")
}

/// The client in Python.
pub fn foreign_python() -> PathBuf {
    root().join("foreign/python")
}

/// The client in JavaScript.
pub fn foreign_node() -> PathBuf {
    root().join("foreign/node")
}

/// The scripts for k6.
pub fn k6_scripts() -> PathBuf {
    root().join("loadtest/k6")
}

/// What Kefu is deployed and watched with.
pub fn deploy() -> PathBuf {
    root().join("deploy")
}

/// Where downloaded components are kept: outside the checkout.
pub fn cache() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(dir) = set("KEFU_CACHE_DIR") {
        return Ok(dir);
    }
    if let Some(dir) = set("XDG_CACHE_HOME") {
        return Ok(dir.join("kefu"));
    }
    let home = set("HOME").context("none of KEFU_CACHE_DIR, XDG_CACHE_HOME and HOME is set")?;
    Ok(home.join(".cache/kefu"))
}

/// Where cargo puts what it builds.
pub fn target() -> PathBuf {
    root().join(std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from))
}

/// The release binary of the product, built by `cargo build --release --bin kefu`.
pub fn kefu_binary() -> PathBuf {
    target().join("release/kefu")
}

/// The cargo that runs us, without what it told us about our own crate: build scripts would take it for a change.
pub fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let about_us = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        if name.to_str().is_some_and(|name| about_us.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
    command
}

/// Builds binaries of the workspace, each with what all of it asks of the crates below: so they share one build with one
/// another, with the tests, and with `cargo run --release`.
pub async fn build(binaries: &[&str]) -> Result<()> {
    let mut command = cargo();
    command.args(["build", "--release", "--workspace", "--exclude", "kefu-benches"]);
    command.args(binaries.iter().flat_map(|binary| ["--bin", binary]));
    process::run(command).await
}

/// `npm` in a folder with packages.
pub fn npm(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("npm");
    command.args(args).current_dir(dir);
    command
}
