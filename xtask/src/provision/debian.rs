//! Programs of Debian packages.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::{process, workspace};

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

/// Path of a program that is taken out of its package into the cache: installing the package would start a server.
pub(super) async fn unpacked(name: &str, package: &str, missing: &'static str) -> Result<PathBuf> {
    let dir = workspace::cache()?.join(format!("debian-{package}"));
    let cached = dir.join(name);
    if let Some(path) = installed(name).or_else(|| is_program(&cached).then(|| cached.clone())) {
        return Ok(path);
    }
    if on_path("apt-get").is_none() {
        bail!(missing);
    }
    unpack(name, package, &dir).await.context(missing)?;
    Ok(cached)
}

/// Only who may install can ask for the present list of packages; others get what the last one names.
async fn unpack(name: &str, package: &str, dir: &Path) -> Result<()> {
    println!("taking {name} out of Debian's {package} into {}", dir.display());
    if rustix::process::geteuid().is_root() {
        update().await?;
    }
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let scratch = tempfile::tempdir_in(dir).context("cannot make a temporary folder in the cache")?;
    let mut download = Command::new("apt-get");
    download.args(["-q", "download", package]).current_dir(scratch.path());
    process::run(download).await?;
    let entries = fs::read_dir(scratch.path()).context("cannot read what was downloaded")?;
    let file = entries.flatten().next().context("apt-get downloaded nothing")?.path();
    let mut extract = Command::new("dpkg-deb");
    extract.arg("--extract").arg(file).arg(scratch.path());
    process::run(extract).await?;
    fs::rename(scratch.path().join("usr/bin").join(name), dir.join(name))
        .with_context(|| format!("cannot put {name} into the cache"))
}

fn installed(name: &str) -> Option<PathBuf> {
    let usual = ["/usr/bin", "/usr/sbin"].map(|folder| Path::new(folder).join(name));
    on_path(name).or_else(|| usual.into_iter().find(|path| path.is_file()))
}

async fn install(package: &str) -> Result<()> {
    update().await?;
    let mut install = Command::new("apt-get");
    install.args(["-q", "install", "-y", "--no-install-recommends", package]);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    process::run(install).await
}

async fn update() -> Result<()> {
    let mut update = Command::new("apt-get");
    update.args(["-q", "update"]);
    process::run(update).await
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|candidate| is_program(candidate))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
