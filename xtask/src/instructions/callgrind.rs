//! Counting under `valgrind --tool=callgrind`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use super::benches::Bench;
use crate::{process, workspace};

/// `kefu_instructions::counted`, also where its name is shown with its crate's hash.
const COUNTED: &str = "--toggle-collect=kefu_instructions*::counted*";
/// jemalloc with as many arenas on any machine, and without giving memory back by the clock.
const ALLOCATOR: (&str, &str) = ("_RJEM_MALLOC_CONF", "narenas:1,dirty_decay_ms:-1,muzzy_decay_ms:-1");

/// A valgrind, and where its profiles are kept.
#[derive(Debug)]
pub(super) struct Callgrind {
    valgrind: PathBuf,
    profiles: PathBuf,
}

impl Callgrind {
    pub(super) fn new(valgrind: PathBuf) -> Result<Self> {
        let profiles = workspace::target().join("instructions");
        fs::create_dir_all(&profiles).with_context(|| format!("cannot make {}", profiles.display()))?;
        Ok(Self { valgrind, profiles })
    }

    pub(super) fn valgrind(&self) -> &Path {
        &self.valgrind
    }

    /// Instructions of one round of a bench. Its profile stays, for `callgrind_annotate`.
    pub(super) async fn count(&self, bench: &Bench) -> Result<u64> {
        let name = bench.name();
        let profile = self.profiles.join(format!("{}.out", name.replace(|c: char| !c.is_alphanumeric(), "-")));
        let mut command = Command::new(&self.valgrind);
        command.args(["--tool=callgrind", "--quiet", "--vgdb=no", COUNTED]);
        command.arg(format!("--callgrind-out-file={}", profile.display()));
        command.arg(&bench.binary).args(["--exact", &bench.name_there]);
        // The environment lies on the stack: the same for everybody.
        command.env_clear().env(ALLOCATOR.0, ALLOCATOR.1);
        let rounds: u64 = process::output(command).await?.trim().parse().context("a bench prints its rounds")?;
        let text = fs::read_to_string(&profile).with_context(|| format!("cannot read {}", profile.display()))?;
        let total = total(&text).with_context(|| format!("{} has no total", profile.display()))?;
        ensure!(total >= rounds && rounds > 0, "nothing was counted of {name}");
        Ok(total / rounds)
    }
}

/// The number of instructions in a profile.
pub(super) fn total(profile: &str) -> Option<u64> {
    profile.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}
