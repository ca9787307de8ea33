//! The data folder: one process at a time.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// An opened data folder; the lock goes with it.
pub struct DataDir {
    path: PathBuf,
    lock: Option<File>,
}

impl DataDir {
    /// Makes the folder if it is not there, and locks it.
    ///
    /// # Errors
    /// When another process has it, or it cannot be written.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(path).with_context(|| format!("cannot make the data folder {}", path.display()))?;
        let lock_path = path.join("kefu.lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .with_context(|| format!("the data folder {} cannot be written", path.display()))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), lock: Some(lock) }),
            Err(std::fs::TryLockError::WouldBlock) => bail!(
                "another process uses the data folder {}. Stop it, or name another folder with --data-dir",
                path.display()
            ),
            Err(std::fs::TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", lock_path.display()))
            }
        }
    }

    /// One in which nothing is kept: it is neither made nor locked.
    #[must_use]
    pub fn unused(path: &Path) -> Self {
        Self { path: path.to_owned(), lock: None }
    }

    /// Where it is, if anything is kept in it.
    #[must_use]
    pub fn in_use(&self) -> Option<&Path> {
        self.lock.as_ref().map(|_| &*self.path)
    }

    /// The embedded log's folder.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }
}

/// The store's file in a data folder.
#[must_use]
pub fn store_path(data_dir: &Path) -> PathBuf {
    data_dir.join("kefu.db")
}
