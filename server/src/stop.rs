//! A stop in stages, each with a deadline; the late one is named, and a second signal forces the exit.

use std::time::Duration;

use anyhow::Context as _;

/// Waits for the first signal to stop.
///
/// # Errors
/// When signals cannot be handled.
pub async fn signal() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).context("signals cannot be handled")?;
        tokio::select! {
            result = tokio::signal::ctrl_c() => result.context("signals cannot be handled"),
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await.context("signals cannot be handled")
}

/// Ends the process at the next signal.
pub fn exit_on_second_signal() {
    tokio::spawn(async {
        if signal().await.is_ok() {
            tracing::warn!("a second signal: exiting at once");
            std::process::exit(130);
        }
    });
}

/// Waits for a stage; names it when it is late.
pub async fn stage<T>(name: &str, deadline: Duration, work: impl Future<Output = T>) -> Option<T> {
    match tokio::time::timeout(deadline, work).await {
        Ok(done) => {
            tracing::info!(stage = name, "stopped");
            Some(done)
        }
        Err(_) => {
            tracing::error!(stage = name, deadline_s = deadline.as_secs(), "this stage of the stop is late; going on");
            None
        }
    }
}
