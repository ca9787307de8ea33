//! The start of a process whose backends are servers: it listens at once, says what is missing, and waits for it, so that the
//! parts of a cluster can be started in any order.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use kefu_nats::transport::TransportError;
use kefu_store::StoreError;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Pause before what is away is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// A process that is not complete yet. Until it is, it serves `/livez` and `/readyz` on its address and answers 503 to
/// everything else.
pub struct Waiting {
    listener: std::net::TcpListener,
    patient: bool,
    missing: watch::Sender<&'static str>,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

impl Waiting {
    /// Listens. Only a patient one waits: where nothing is a server's, what cannot be opened has to be told at once.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn listen(address: SocketAddr, patient: bool) -> anyhow::Result<Self> {
        let failed = || format!("cannot listen on {address}");
        let listener = TcpListener::bind(address).await.with_context(failed)?.into_std().with_context(failed)?;
        let served = TcpListener::from_std(listener.try_clone().with_context(failed)?).with_context(failed)?;
        let missing = watch::Sender::new("start");
        let app = Router::new().route("/livez", get(async || "alive\n")).fallback({
            let missing = missing.subscribe();
            async move || (StatusCode::SERVICE_UNAVAILABLE, format!("{}: not there yet\n", *missing.borrow()))
        });
        let stop = CancellationToken::new();
        let server = axum::serve(served, app).with_graceful_shutdown(stop.clone().cancelled_owned());
        let server = tokio::spawn(server.into_future());
        Ok(Self { listener, patient, missing, stop, server })
    }

    /// Calls `open` until what it opens is there.
    ///
    /// # Errors
    /// What waiting does not help against.
    pub async fn open<T>(&self, what: &'static str, open: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let before = self.missing.send_replace(what);
        let mut told = false;
        loop {
            match open().await {
                Err(error) if self.patient && is_away(&error) => {
                    let error: &(dyn Error + 'static) = error.as_ref();
                    if std::mem::replace(&mut told, true) {
                        tracing::debug!(what, error, "still not there");
                    } else {
                        tracing::warn!(what, error, "not there yet; it is tried again each second");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                result => {
                    self.missing.send_replace(before);
                    return result;
                }
            }
        }
    }

    /// Serves no more and hands on the address: who connects meanwhile waits.
    ///
    /// # Errors
    /// When the listener cannot be used on.
    pub async fn into_listener(self) -> anyhow::Result<TcpListener> {
        self.stop.cancel();
        self.server.abort();
        let _ = self.server.await;
        TcpListener::from_std(self.listener).context("the listener cannot be used")
    }
}

/// Whether it may be there later without anybody changing a setting.
fn is_away(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref().is_some_and(TransportError::is_retryable)
            || cause.downcast_ref().is_some_and(StoreError::is_retryable)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test(start_paused = true)]
    async fn it_waits_for_what_is_away_and_not_for_what_is_wrong() {
        let waiting = Waiting::listen(SocketAddr::from(([127, 0, 0, 1], 0)), true).await.unwrap();
        let tries = Cell::new(0);
        let opened = waiting.open("store", async || {
            tries.set(tries.get() + 1);
            if tries.get() < 3 { Err(StoreError::Timeout.into()) } else { Ok("opened") }
        });
        assert_eq!(opened.await.unwrap(), "opened");
        assert_eq!(tries.get(), 3);
        let wrong = waiting.open("store", async || Err::<(), _>(StoreError::NewerSchema { found: 9, known: 1 }.into()));
        assert!(wrong.await.is_err());
    }
}
