//! Waiting for what others do, and room to wait in.

use std::time::{Duration, Instant};

use anyhow::bail;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const POLL: Duration = Duration::from_millis(20);
/// Files that are open besides connections.
const OTHER_FILES: u64 = 100;

/// Waits until `done` counts as many as `all`; an error when the count has not moved for `patience`. Prints it now and
/// then.
pub async fn until_all(what: &str, all: usize, patience: Duration, done: impl Fn() -> usize) -> anyhow::Result<()> {
    let (mut last, mut moved_at, mut said_at) = (done(), Instant::now(), Instant::now());
    while last < all {
        tokio::time::sleep(POLL).await;
        let now = done();
        if now != last {
            (last, moved_at) = (now, Instant::now());
        }
        if moved_at.elapsed() > patience {
            bail!("{what}: {last} of {all}, and nothing more for {} s", patience.as_secs());
        }
        if said_at.elapsed() > Duration::from_secs(2) {
            println!("  {what}: {last} of {all}");
            said_at = Instant::now();
        }
    }
    Ok(())
}

/// Waits until somebody asks us to stop; what was started is ended then.
pub async fn interrupted() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}

/// Raises the soft limit of open files to the hard one; the processes started later inherit it.
pub fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    // Where this is refused, the limit stays, and `room_for` says so when it is too low.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// An error when so many connections cannot be opened by one process.
pub fn room_for(connections: usize) -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if connections as u64 + OTHER_FILES > limit {
        bail!("{connections} connections do not fit: this user may open {limit} files (`ulimit -n`)");
    }
    Ok(())
}
