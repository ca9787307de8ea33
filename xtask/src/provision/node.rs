//! Node and the packages of a folder with a `package-lock.json`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::{process, workspace};

const OLDEST: (u32, u32) = (20, 19);
/// Beside the packages: the lock file that they were installed from.
const STAMP: &str = "node_modules/.kefu-package-lock.json";

/// Installs a folder's packages if its lock file has changed since they were.
pub async fn node_modules(dir: &Path) -> Result<()> {
    check_version().await?;
    let lock = dir.join("package-lock.json");
    let lock = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    if fs::read(dir.join(STAMP)).is_ok_and(|installed| installed == lock) {
        println!("{} is up to date", dir.join("node_modules").display());
        return Ok(());
    }
    process::run(workspace::npm(dir, &["ci", "--no-audit", "--no-fund"])).await?;
    fs::write(dir.join(STAMP), lock).with_context(|| format!("cannot write into {}", dir.display()))
}

async fn check_version() -> Result<()> {
    let mut command = Command::new("node");
    command.arg("--version");
    let version = process::output(command).await.context("Node.js 20.19 or newer is needed")?;
    match parsed(version.trim()) {
        Some(found) if found >= OLDEST => Ok(()),
        _ => bail!("Node.js 20.19 or newer is needed, this is {}", version.trim()),
    }
}

fn parsed(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(parsed("v20.19.5"), Some((20, 19)));
        assert!(parsed("v20.9.0").is_some_and(|found| found < OLDEST));
        assert!(parsed("v22.0.0").is_some_and(|found| found >= OLDEST));
        assert_eq!(parsed("20"), None);
    }
}
