//! Node and the packages of the npm workspace.

use std::fs;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::{process, workspace};

const OLDEST: (u32, u32) = (20, 19);
/// Beside the packages: the lock file that they were installed from.
const STAMP: &str = "node_modules/.kefu-package-lock.json";

/// Installs the packages if the lock file has changed since they were.
pub async fn node_modules() -> Result<()> {
    check_version().await?;
    let web = workspace::web();
    let lock = fs::read(web.join("package-lock.json")).context("cannot read web/package-lock.json")?;
    if fs::read(web.join(STAMP)).is_ok_and(|installed| installed == lock) {
        println!("web/node_modules is up to date");
        return Ok(());
    }
    process::run(workspace::npm(&["ci", "--no-audit", "--no-fund"])).await?;
    fs::write(web.join(STAMP), lock).context("cannot write into web/node_modules")
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
