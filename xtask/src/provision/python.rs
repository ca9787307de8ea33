//! A Python with packages, in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::{process, workspace};

const OLDEST: (u32, u32) = (3, 11);
const MISSING: &str = "Python 3.11 or newer with pip and venv is needed: on Debian, the packages `python3`, `python3-pip` \
                       and `python3-venv`";
/// Path of the Python with what a folder's requirements name; its packages are installed if one of these files has changed
/// since they were. `name` is the folder's in the cache. The last file is what pip is given; it may include the others.
pub async fn python(name: &str, folder: &Path, requirements: &[&str]) -> Result<PathBuf> {
    let version = version().await.context(MISSING)?;
    let venv = workspace::cache()?.join(format!("{name}-{version}"));
    let python = venv.join("bin/python");
    let stamp = venv.join("kefu-requirements.txt");
    let wanted = texts(folder, requirements)?;
    if python.is_file() && fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("{} is up to date", venv.display());
        return Ok(python);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&venv);
    process::run(make).await.context(MISSING)?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]);
    pip.args(requirements.last().into_iter().flat_map(|file| ["-r", file])).current_dir(folder);
    process::run(pip).await.with_context(|| format!("the packages of {name} come from PyPI"))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write into {}", venv.display()))?;
    Ok(python)
}

fn texts(folder: &Path, files: &[&str]) -> Result<String> {
    let read = |name: &&str| {
        let path = folder.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    };
    files.iter().map(read).collect()
}

/// "3.11" of the `python3` that there is.
async fn version() -> Result<String> {
    let mut command = Command::new("python3");
    command.args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
    let version = process::output(command).await?.trim().to_owned();
    match parsed(&version) {
        Some(found) if found >= OLDEST => Ok(version),
        _ => bail!("this is Python {version}"),
    }
}

fn parsed(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(parsed("3.9").is_some_and(|found| found < OLDEST));
        assert!(parsed("3.11").is_some_and(|found| found >= OLDEST));
        assert!(parsed("3.14").is_some_and(|found| found >= OLDEST));
        assert_eq!(parsed("three"), None);
    }
}
