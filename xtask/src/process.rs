//! Child processes that never outlive us.

use std::fs::File;
use std::io::{self, IsTerminal as _, Seek as _};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::{Child, Command};

const STOP_LIMIT: Duration = Duration::from_secs(5);
const STOP_POLL: Duration = Duration::from_millis(20);

/// A process in a group of its own; the whole group is ended when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    group: Option<Pid>,
    finished: bool,
}

impl Running {
    /// Starts a process without standard input.
    pub fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("cannot start {}", shown(&command)))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, group, finished: false })
    }

    /// Its number, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits until it ends.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        let status = self.child.wait().await.context("cannot wait for a process")?;
        self.finished = true;
        Ok(status)
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().ok().flatten();
        self.finished |= status.is_some();
        status
    }

    /// `kill -9`: nothing is flushed, nobody is told.
    pub async fn kill(&mut self) -> Result<()> {
        self.child.kill().await.context("cannot kill a process")?;
        self.finished = true;
        Ok(())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let group = self.group.context("a process without a number")?;
        kill_process_group(group, signal).context("cannot signal a process")
    }

    /// SIGTERM first, and SIGKILL for what is left after a while.
    fn stop(&mut self) {
        let Some(group) = self.group else { return };
        let _ = kill_process_group(group, Signal::TERM);
        let started = Instant::now();
        while started.elapsed() < STOP_LIMIT {
            let _ = self.child.try_wait();
            if test_kill_process_group(group).is_err() {
                return;
            }
            std::thread::sleep(STOP_POLL);
        }
        let _ = kill_process_group(group, Signal::KILL);
        let _ = self.child.try_wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.finished {
            self.stop();
        }
    }
}

/// Runs a command to its end; an exit code other than 0 is an error. Its output goes where ours goes, plain unless that
/// is a terminal.
pub async fn run(command: Command) -> Result<()> {
    println!("$ {}", shown(&command));
    run_to_end(command).await
}

/// The same for one of several at a time: what it prints comes in one piece, when it has ended.
pub async fn run_beside_others(mut command: Command) -> Result<()> {
    let name = shown(&command);
    let mut printed = tempfile::tempfile().context("no temporary file")?;
    let copy = |file: &File| file.try_clone().context("cannot share a file");
    command.stdout(copy(&printed)?).stderr(copy(&printed)?);
    let result = run_to_end(command).await;
    println!("$ {name}");
    printed.rewind().context("cannot read what was printed")?;
    io::copy(&mut printed, &mut io::stdout()).context("cannot print")?;
    result
}

async fn run_to_end(mut command: Command) -> Result<()> {
    let name = shown(&command);
    if !io::stdout().is_terminal() {
        command.env("NO_COLOR", "1").env("CARGO_TERM_COLOR", "never").env_remove("FORCE_COLOR");
    }
    let status = Running::start(command)?.wait().await?;
    if !status.success() {
        bail!("{name}: {status}");
    }
    Ok(())
}

/// Runs a command to its end and gives what it printed.
pub async fn output(mut command: Command) -> Result<String> {
    command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let name = shown(&command);
    let output = command.output().await.with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        bail!("{name}: {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{name} printed something that is not UTF-8"))
}

/// A command as one would type it.
fn shown(command: &Command) -> String {
    let command = command.as_std();
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
