//! Connections over WebSockets.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use kefu_model::UserKind;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::bucket::Bucket;
use crate::clock;
use crate::config::millis;
use crate::connection::{Arrival, Connection, Mail, Transport};
use crate::frame::{Code, Codec, parse};
use crate::http::{Problem, client_of};
use crate::machine::Input;
use crate::services::{Place, Services};
use crate::ws_guard::{self, Guard, GuardLimits, Incoming, Socket, Violation};

/// Bytes gathered before they are written.
const WRITE_BYTES: usize = 64 * 1024;
/// Frames gathered before they are written.
const WRITE_FRAMES: usize = 256;
/// How long the last words to a client may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// `GET /ws` and `GET /ws/{user_id}`.
pub(crate) async fn upgrade(State(services): State<Arc<Services>>, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    let address = client_of(&parts.extensions, &parts.headers, &services.config);
    let arrival = arrival_of(&parts)?;
    let handshake = ws_guard::accept(&mut parts, &services.config).await.map_err(|refused| {
        services.metrics.refuse(refused.0.number());
        Problem::of(refused.0)
    })?;
    let place = services.take_place(address).map_err(Problem::of)?;
    let ws_guard::Handshake { answer, pending } = handshake;
    let connection = Connection::new(&services, Transport::WebSocket, answer.codec, address, arrival);
    services.tasks.clone().spawn(serve(services, connection, pending, place));
    Ok(answer.response.map(|_| Body::empty()))
}

/// What the address says: never logged.
fn arrival_of(parts: &axum::http::request::Parts) -> Result<Arrival, Problem> {
    let mut arrival = Arrival::default();
    let query = parts.uri.query().unwrap_or_default();
    for (name, value) in form_pairs(query) {
        match name.as_str() {
            "user_id" => arrival.user_id = Some(value),
            "user_type" => {
                let kind = UserKind::parse(&value).ok_or_else(|| Problem::field("user_type", "is kefu or kehu"))?;
                arrival.user_kind = Some(kind);
            }
            "session_token" | "token" => arrival.token = Some(value),
            _ => {}
        }
    }
    if let Some(id) = parts.uri.path().strip_prefix("/ws/").filter(|id| !id.is_empty()) {
        arrival.user_id = Some(percent_decode(id));
    }
    if let Some(token) = crate::http::bearer(&parts.headers) {
        arrival.token = Some(token.to_owned());
    }
    Ok(arrival)
}

fn form_pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let decode = |text: &str| percent_decode(&text.replace('+', " "));
    query.split('&').filter_map(move |pair| pair.split_once('=').map(|(name, value)| (decode(name), decode(value))))
}

/// Decodes `%41`; what is no such sequence stays.
pub(crate) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) if byte == b'%' => {
                decoded.push(value);
                at += 3;
            }
            _ => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

async fn serve(services: Arc<Services>, connection: Arc<Connection>, handshake: ws_guard::Pending, place: Place) {
    match opened(&services, handshake).await {
        Some(Socket::Tcp(mut guard)) => drive(&connection, &mut guard).await,
        Some(Socket::Other(mut guard)) => Box::pin(drive(&connection, &mut guard)).await,
        None => {}
    }
    connection.ended();
    drop(place);
}

/// The socket behind a handshake. Boxed, like all that a connection waits for seldom: the task of one that is idle is small.
fn opened(services: &Services, handshake: ws_guard::Pending) -> BoxFuture<'_, Option<Socket>> {
    let config = &services.config;
    let limits = GuardLimits { message_bytes: config.frame_bytes, fragments: config.message_fragments };
    async move {
        let finished = tokio::time::timeout(millis(config.hello_timeout_ms), handshake.finish(limits)).await;
        finished.ok().flatten()
    }
    .boxed()
}

/// Something happened on a socket.
enum Happened {
    /// Bytes came.
    Bytes,
    /// The mailbox was closed and is empty.
    Closed(Code),
    /// The peer went.
    Gone,
}

/// Carries frames both ways until either side ends.
pub(crate) async fn drive<S: AsyncRead + AsyncWrite + Unpin>(connection: &Arc<Connection>, guard: &mut Guard<S>) {
    let config = &connection.services.config;
    let mut bucket = Bucket::new(config.frames_per_second, config.frames_burst, clock::steady_ms());
    // What was read behind the handshake is there already.
    let mut closing = take_messages(connection, guard, &mut bucket);
    loop {
        let happened = match (closing, bucket.wait_ms(clock::steady_ms())) {
            (Some(code), _) => Happened::Closed(code),
            (None, 0) => poll_fn(|cx| poll_socket(connection, guard, cx, true)).await,
            (None, pause_ms) => match Box::pin(only_write(connection, guard, pause_ms)).await {
                Some(happened) => happened,
                None => continue,
            },
        };
        match happened {
            Happened::Bytes => closing = take_messages(connection, guard, &mut bucket),
            Happened::Closed(code) => return Box::pin(say_goodbye(connection, guard, code)).await,
            Happened::Gone => return,
        }
    }
}

/// A peer that is too fast is written to, and read from later.
async fn only_write<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &Connection,
    guard: &mut Guard<S>,
    pause_ms: u64,
) -> Option<Happened> {
    let writing = poll_fn(|cx| poll_socket(connection, guard, cx, false));
    tokio::time::timeout(millis(pause_ms), writing).await.ok()
}

/// Writes what is queued, and reads unless told not to.
fn poll_socket<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &Connection,
    guard: &mut Guard<S>,
    cx: &mut Context<'_>,
    read: bool,
) -> Poll<Happened> {
    match poll_write(connection, guard, cx) {
        Poll::Ready(Ok(None)) | Poll::Pending => {}
        Poll::Ready(Ok(Some(code))) => return Poll::Ready(Happened::Closed(code)),
        Poll::Ready(Err(_)) => return Poll::Ready(Happened::Gone),
    }
    if !read {
        return Poll::Pending;
    }
    match guard.poll_read(cx) {
        Poll::Pending => Poll::Pending,
        Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Happened::Gone),
        Poll::Ready(Ok(_)) => Poll::Ready(Happened::Bytes),
    }
}

/// Writes until nothing is queued (`None`), or the mailbox is closed and empty (its number). A mailbox that overflowed
/// while the peer is stuck ends the writing.
fn poll_write<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &Connection,
    guard: &mut Guard<S>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Option<Code>>> {
    loop {
        if guard.unwritten_bytes() < WRITE_BYTES {
            match connection.mailbox.take(cx, WRITE_BYTES, WRITE_FRAMES) {
                Mail::Frames(frames) => {
                    queue_frames(connection, guard, &frames);
                    continue;
                }
                Mail::Closed(code) if guard.unwritten_bytes() == 0 || code == Code::SlowConsumer => {
                    return Poll::Ready(Ok(Some(code)));
                }
                Mail::Closed(_) | Mail::Nothing => {}
            }
        } else if connection.mailbox.closed_with() == Some(Code::SlowConsumer) {
            return Poll::Ready(Ok(Some(Code::SlowConsumer)));
        }
        if guard.unwritten_bytes() == 0 {
            return Poll::Ready(Ok(None));
        }
        let before = guard.unwritten_bytes();
        let flushed = guard.poll_flush(cx);
        connection.note_progress(flushed.is_pending() && guard.unwritten_bytes() == before);
        match flushed {
            Poll::Pending => {
                connection.mailbox.wake_with(cx);
                return Poll::Pending;
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) => {}
        }
    }
}

fn queue_frames<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &Connection,
    guard: &mut Guard<S>,
    frames: &[bytes::Bytes],
) {
    let text = connection.codec == Codec::Json;
    let batch = connection.joined().is_some_and(|joining| joining.batch);
    if batch && frames.len() > 1 {
        guard.queue_message(text, &connection.codec.join(frames));
        return;
    }
    for frame in frames {
        guard.queue_message(text, frame);
    }
}

/// Hands complete messages over; a number when the connection has to be closed for them.
fn take_messages<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &Arc<Connection>,
    guard: &mut Guard<S>,
    bucket: &mut Bucket,
) -> Option<Code> {
    let incoming = match guard.take_incoming() {
        Ok(incoming) => incoming,
        Err(violation) => {
            connection.input(Input::Close(code_of(violation)));
            return Some(code_of(violation));
        }
    };
    for message in incoming {
        match message {
            Incoming::Text(data) => take_frames(connection, bucket, Codec::Json, &data),
            Incoming::Binary(data) => take_frames(connection, bucket, Codec::Msgpack, &data),
            Incoming::Ping(payload) => {
                bucket.spend(1, clock::steady_ms());
                if guard.unwritten_bytes() < WRITE_BYTES {
                    guard.queue_pong(&payload);
                }
                connection.input(Input::Heard);
            }
            Incoming::Pong => {
                bucket.spend(1, clock::steady_ms());
                connection.input(Input::Heard);
            }
            Incoming::Close(_) => {
                connection.mailbox.overflow(Code::Goodbye);
                return Some(Code::Goodbye);
            }
        }
    }
    None
}

/// Hands the frames of a message over. `spoken` is the subprotocol that has such messages; in the other one it is no frame.
fn take_frames(connection: &Arc<Connection>, bucket: &mut Bucket, spoken: Codec, data: &[u8]) {
    let parsed = if spoken == connection.codec {
        parse(spoken, data, connection.services.config.batch_frames)
    } else {
        vec![Err(Code::NotAFrame)]
    };
    bucket.spend(parsed.len(), clock::steady_ms());
    connection.receive(parsed);
}

fn code_of(violation: Violation) -> Code {
    match violation {
        Violation::TooLarge => Code::TooLarge,
        Violation::Unmasked | Violation::Protocol | Violation::NotUtf8 => Code::Protocol,
    }
}

/// The last frames and the close frame, within a bounded time; then the peer's answer is waited for, so that what was
/// written is not lost with a reset.
async fn say_goodbye<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &Arc<Connection>,
    guard: &mut Guard<S>,
    code: Code,
) {
    connection.input(Input::Close(code));
    let parting = async {
        let take = async || poll_fn(|cx| Poll::Ready(connection.mailbox.take(cx, WRITE_BYTES, WRITE_FRAMES))).await;
        while let Mail::Frames(frames) = take().await {
            queue_frames(connection, guard, &frames);
        }
        guard.queue_close(code.close_number(), code.title());
        if poll_fn(|cx| guard.poll_flush(cx)).await.is_err() {
            return;
        }
        if code != Code::Goodbye {
            await_close(guard).await;
        }
        let _ = poll_fn(|cx| guard.poll_shutdown(cx)).await;
    };
    let _ = tokio::time::timeout(CLOSE_WITHIN, parting).await;
}

async fn await_close<S: AsyncRead + AsyncWrite + Unpin>(guard: &mut Guard<S>) {
    while let Ok(1..) = poll_fn(|cx| guard.poll_read(cx)).await {
        match guard.take_incoming() {
            Ok(incoming) if !incoming.iter().any(|incoming| matches!(incoming, Incoming::Close(_))) => {}
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests;
