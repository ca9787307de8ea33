//! Accepting TCP connections and serving HTTP on them.
//!
//! `axum::serve` has no time limit for headers and does not wait for upgraded sockets, so this is our own loop.

mod write_limit;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::config::{EdgeConfig, millis};
use crate::http::Peer;

pub(crate) use write_limit::WriteLimit;

/// Most headers of a request.
const MAX_HEADERS: usize = 64;
/// Most bytes of a request's head.
const HEAD_BYTES: usize = 32 * 1024;
/// Pause after `accept` failed for want of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What each connection needs.
#[derive(Clone)]
struct Serving {
    router: Router,
    header_timeout: Duration,
    write_timeout: Duration,
    shutdown: CancellationToken,
}

/// Accepts until `shutdown`; the connections are in `tasks`.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    config: &EdgeConfig,
    tasks: TaskTracker,
    shutdown: CancellationToken,
) {
    let room = Arc::new(Semaphore::new(config.tcp_connections));
    let serving = Serving {
        router,
        header_timeout: millis(config.header_timeout_ms),
        write_timeout: millis(config.write_timeout_ms),
        shutdown: shutdown.clone(),
    };
    let (mut failed, mut full) = (false, false);
    while let Some(accepted) = shutdown.run_until_cancelled(next(&listener, &room, &mut full)).await {
        match accepted {
            Ok((stream, permit)) => {
                if std::mem::take(&mut failed) {
                    tracing::info!("connections are accepted again");
                }
                tasks.spawn(serve(serving.clone(), stream, permit));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                // Said once: it is tried ten times a second.
                if !std::mem::replace(&mut failed, true) {
                    tracing::warn!(%error, "connections cannot be accepted; it is tried until they can");
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The next connection, once there is a place for it.
async fn next(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
    full: &mut bool,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = match Arc::clone(room).try_acquire_owned() {
        Ok(permit) => {
            *full = false;
            permit
        }
        Err(_) => {
            // Said once for as long as they are: under load each place that is free is taken at once.
            if !std::mem::replace(full, true) {
                tracing::warn!("all places for connections are taken; more wait until one is free");
            }
            Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?
        }
    };
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

async fn serve(serving: Serving, stream: TcpStream, permit: OwnedSemaphorePermit) {
    let Ok(peer) = stream.peer_addr() else { return };
    let _ = stream.set_nodelay(true);
    let router = serving.router;
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let router = router.clone();
        async move { Ok::<_, Infallible>(answer(router, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(serving.header_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(WriteLimit::new(stream, serving.write_timeout)), service)
        .with_upgrades();
    tokio::pin!(connection);
    // What a peer does wrong is its own business; nothing of it is logged.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = serving.shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
    // Upgraded sockets have a limit of their own.
    drop(permit);
}

async fn answer(router: Router, request: Request<Incoming>) -> axum::response::Response {
    match router.oneshot(request.map(Body::new)).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
