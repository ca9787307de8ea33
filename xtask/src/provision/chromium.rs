//! Chromium, for the browser tests.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::process;

/// Names the browser to use.
const VARIABLE: &str = "KEFU_TEST_CHROMIUM";
const MISSING: &str = "Chromium is not installed; install the Debian package `chromium` or set KEFU_TEST_CHROMIUM to \
                       the path of a Chromium";

/// Path of the browser; installed by apt-get if there is none and we may.
pub async fn chromium() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        if !path.is_file() {
            bail!("{VARIABLE} names {}, which is not a file", path.display());
        }
        return Ok(path);
    }
    if let Some(path) = installed() {
        return Ok(path);
    }
    if !rustix::process::geteuid().is_root() || on_path("apt-get").is_none() {
        bail!(MISSING);
    }
    install().await.context(MISSING)?;
    installed().context(MISSING)
}

fn installed() -> Option<PathBuf> {
    on_path("chromium").or_else(|| Some(PathBuf::from("/usr/bin/chromium")).filter(|path| path.is_file()))
}

async fn install() -> Result<()> {
    let mut update = Command::new("apt-get");
    update.args(["-q", "update"]);
    process::run(update).await?;
    let mut install = Command::new("apt-get");
    install.args(["-q", "install", "-y", "--no-install-recommends", "chromium"]);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    process::run(install).await
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|candidate| is_program(candidate))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
