//! Where a number was taken.

use std::fs;
use std::process::Command;

use serde_json::{Map, Value, json};

/// Names of settings whose values are nobody's business.
const SECRET: [&str; 4] = ["PASSWORD", "TOKEN", "SECRET", "KEY"];

/// The machine: processor, cores, kernel, memory.
pub fn machine() -> Value {
    let first = |path: &str, name: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
        line.map(|(_, value)| value.trim().to_owned())
    };
    json!({
        "cpu": first("/proc/cpuinfo", "model name"),
        "cores": cores(),
        "kernel": fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
        "memory": first("/proc/meminfo", "MemTotal"),
        "load": fs::read_to_string("/proc/loadavg").unwrap_or_default().trim(),
    })
}

/// Cores that a process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(0, usize::from)
}

/// The commit of the checkout, with `+` when files differ from it.
pub fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changed| !changed.is_empty());
    Some(if changed { format!("{commit}+") } else { commit })
}

/// Kefu's settings of the environment. What is not among them has its default, `storage.fsync = true` for one.
pub fn environment() -> Value {
    let ours = std::env::vars().filter(|(name, _)| {
        let words: Vec<_> = name.split('_').collect();
        name.starts_with("KEFU_") && name.contains("__") && !SECRET.iter().any(|secret| words.contains(secret))
    });
    Value::Object(ours.map(|(name, value)| (name, Value::String(value))).collect::<Map<_, _>>())
}
