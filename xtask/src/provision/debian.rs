//! Programs of Debian packages.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::process;

/// Path of a program; its package is installed by apt-get if there is none and we may. `missing` says what to do otherwise.
pub(super) async fn program(name: &str, package: &str, missing: &'static str) -> Result<PathBuf> {
    if let Some(path) = installed(name) {
        return Ok(path);
    }
    if !rustix::process::geteuid().is_root() || on_path("apt-get").is_none() {
        bail!(missing);
    }
    install(package).await.context(missing)?;
    installed(name).context(missing)
}

fn installed(name: &str) -> Option<PathBuf> {
    let usual = ["/usr/bin", "/usr/sbin"].map(|folder| Path::new(folder).join(name));
    on_path(name).or_else(|| usual.into_iter().find(|path| path.is_file()))
}

async fn install(package: &str) -> Result<()> {
    let mut update = Command::new("apt-get");
    update.args(["-q", "update"]);
    process::run(update).await?;
    let mut install = Command::new("apt-get");
    install.args(["-q", "install", "-y", "--no-install-recommends", package]);
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
