//! A machine whose clock and disk the test has in its hands, by a library that is loaded into the process.

use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use tempfile::{NamedTempFile, TempDir};

/// A process started with its [`variables`](Self::variables) has this clock and this disk.
pub struct Machine {
    control: NamedTempFile,
}

impl Machine {
    pub fn new() -> Self {
        let control = NamedTempFile::new().expect("a file");
        control.as_file().write_all_at(&[0; 16], 0).expect("it can be written");
        Self { control }
    }

    /// What the process has to be started with.
    pub fn variables(&self) -> [(&str, &str); 2] {
        let control = self.control.path().to_str().expect("a path");
        [("LD_PRELOAD", SHIM.1.to_str().expect("a path")), ("FAULTS_OF_THE_MACHINE", control)]
    }

    /// Sets the wall clock: so many seconds ahead of the real one.
    pub fn set_clock(&self, ahead: i64) {
        self.control.as_file().write_all_at(&ahead.to_ne_bytes(), 0).expect("it can be written");
    }

    /// Makes every write to a file fail with this error; 0 for none.
    pub fn refuse_writes(&self, errno: i64) {
        self.control.as_file().write_all_at(&errno.to_ne_bytes(), 8).expect("it can be written");
    }
}

/// The library, compiled once.
static SHIM: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, library) = (folder.path().join("shim.rs"), folder.path().join("libshim.so"));
    std::fs::write(&source, include_str!("shim/lib.rs")).expect("the source");
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition", "2024", "--crate-type", "cdylib", "-C", "panic=abort", "-O", "-o"]);
    let done = rustc.arg(&library).arg(&source).output().expect("rustc runs: these tests compile a library");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    (folder, library)
});
