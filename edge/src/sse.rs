//! Connections over Server-Sent Events and POST, for networks that block WebSockets.

pub(crate) mod relay;

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::auth::{Caller, Credential};
use crate::bucket::Bucket;
use crate::clock;
use crate::config::millis;
use crate::connection::{Arrival, Connection, Mail, Transport};
use crate::frame::{ClientFrame, Code, Codec, VERSION, parse};
use crate::http::{Access, AnyUser, Client, JsonBytes, PathOf, Problem, QueryOf};
use crate::machine::Input;
use crate::services::{Place, Services};
use crate::ws_guard::check_origin;

/// Bytes gathered before they are sent.
const WRITE_BYTES: usize = 64 * 1024;
/// Frames gathered before they are sent.
const WRITE_FRAMES: usize = 64;

/// Who opens a stream.
#[derive(Debug, Deserialize, garde::Validate, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// One client instance with its outbox.
    #[garde(length(min = 1, max = 64))]
    device: String,
    /// Name and version of the client.
    #[garde(length(max = 64))]
    client: Option<String>,
}

/// Opens a stream: Server-Sent Events whose data are frames or arrays of frames, the first is `welcome`.
#[utoipa::path(get, path = "/api/stream", operation_id = "open_stream", tag = "realtime", params(StreamQuery),
    responses((status = 200, description = "a stream of frames", content_type = "text/event-stream", body = String)))]
pub(crate) async fn open(
    State(services): State<Arc<Services>>,
    access: Access<AnyUser>,
    Client(address): Client,
    headers: HeaderMap,
    QueryOf(query): QueryOf<StreamQuery>,
) -> Result<Response, Problem> {
    check_origin(&headers, &services.config).map_err(|refused| Problem::of(refused.0))?;
    let place = services.take_place(address).map_err(Problem::of)?;
    let arrival = Arrival { token: Some(access.token.clone()), ..Arrival::default() };
    let connection = Connection::new(&services, Transport::Sse, Codec::Json, address, arrival);
    let StreamQuery { device, client } = query;
    connection.input(Input::Frame(ClientFrame::Hello { v: VERSION, token: None, device, client, batch: true }));
    let stream = Stream {
        bucket: parking_lot::Mutex::new(Bucket::new(
            services.config.frames_per_second,
            services.config.frames_burst,
            clock::steady_ms(),
        )),
        connection: Arc::clone(&connection),
        _place: place,
    };
    let stream = Arc::new(stream);
    services.streams.add(&stream);
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store"), (X_ACCEL_BUFFERING, "no")];
    Ok((headers, Body::from_stream(events(stream))).into_response())
}

const X_ACCEL_BUFFERING: axum::http::HeaderName = axum::http::HeaderName::from_static("x-accel-buffering");

/// A stream that is open; it ends when the client or the mailbox does.
pub(crate) struct Stream {
    connection: Arc<Connection>,
    bucket: parking_lot::Mutex<Bucket>,
    _place: Place,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.services.streams.remove(&self.connection.id);
        self.connection.ended();
    }
}

/// Streams by connection id, for POSTs.
#[derive(Default)]
pub(crate) struct Streams {
    by_id: parking_lot::Mutex<std::collections::HashMap<String, std::sync::Weak<Stream>>>,
}

impl Streams {
    fn add(&self, stream: &Arc<Stream>) {
        self.by_id.lock().insert(stream.connection.id.clone(), Arc::downgrade(stream));
    }

    fn remove(&self, id: &str) {
        self.by_id.lock().remove(id);
    }

    fn get(&self, id: &str) -> Option<Arc<Stream>> {
        self.by_id.lock().get(id)?.upgrade()
    }
}

/// The downstream: events, comments while nothing happens, the end when the connection is closed.
fn events(stream: Arc<Stream>) -> impl futures::Stream<Item = Result<Bytes, Infallible>> {
    let every = millis(stream.connection.services.config.sse_comment_ms);
    futures::stream::unfold(Some(stream), move |stream| async move {
        let stream = stream?;
        let mailbox = &stream.connection.mailbox;
        let mail = poll_fn(|cx| match mailbox.take(cx, WRITE_BYTES, WRITE_FRAMES) {
            Mail::Nothing => Poll::Pending,
            mail => Poll::Ready(mail),
        });
        match tokio::time::timeout(every, mail).await {
            Err(_) => Some((Ok(Bytes::from_static(b":\n\n")), Some(stream))),
            Ok(Mail::Frames(frames)) => Some((Ok(event(&frames)), Some(stream))),
            Ok(Mail::Closed(_) | Mail::Nothing) => None,
        }
    })
}

/// JSON has no line breaks of its own, so a frame is one line of data.
fn event(frames: &[Bytes]) -> Bytes {
    let joined;
    let data = match frames {
        [only] => only,
        many => {
            joined = Codec::Json.join(many);
            &joined
        }
    };
    let mut event = Vec::with_capacity(data.len() + 8);
    event.extend_from_slice(b"data: ");
    event.extend_from_slice(data);
    event.extend_from_slice(b"\n\n");
    event.into()
}

/// Sends frames up: one, or an array of at most 64.
#[utoipa::path(post, path = "/api/stream/{connection_id}", tag = "realtime",
    params(("connection_id" = String, Path, description = "from welcome")),
    request_body(content = String, content_type = "application/json", description = "a frame or an array of frames"),
    responses((status = 202, description = "taken; what answers comes down the stream")))]
pub(crate) async fn post(
    State(services): State<Arc<Services>>,
    access: Access<AnyUser>,
    PathOf(id): PathOf<String>,
    JsonBytes(body): JsonBytes,
) -> Result<StatusCode, Problem> {
    if body.len() > services.config.frame_bytes {
        return Err(Problem::of(Code::BodyTooLarge));
    }
    let sender = Sender::of(&access.caller);
    match relay::elsewhere(&services, &id) {
        Some(key) => relay::forward(&services, key, &id, sender, &body).await?,
        None => take(&services, &id, &sender, &body)?,
    }
    Ok(StatusCode::ACCEPTED)
}

/// Whose frames they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sender {
    tenant: String,
    agent: bool,
    user: String,
    /// The hash of an agent's token.
    login: Option<[u8; 32]>,
}

impl Sender {
    fn of(caller: &Caller) -> Self {
        let login = match &caller.credential {
            Credential::Login { hash, .. } => Some(*hash),
            Credential::Visitor { .. } => None,
        };
        let (tenant, user) = (caller.tenant.as_str().to_owned(), caller.user.id.as_str().to_owned());
        Self { tenant, agent: caller.is_agent(), user, login }
    }
}

/// Why frames were not taken.
enum NotTaken {
    NoConnection,
    TooFast { wait_ms: u64 },
}

impl From<NotTaken> for Problem {
    fn from(why: NotTaken) -> Self {
        match why {
            NotTaken::NoConnection => Self::of(Code::NoConnection),
            NotTaken::TooFast { wait_ms } => Self::of(Code::TooFast).retry_after_ms(wait_ms),
        }
    }
}

/// Takes frames for a stream of this edge.
fn take(services: &Services, id: &str, sender: &Sender, body: &[u8]) -> Result<(), NotTaken> {
    let stream = services.streams.get(id).ok_or(NotTaken::NoConnection)?;
    let connection = &stream.connection;
    // Somebody else's connection does not exist for this credential.
    let own = connection.joined().is_some_and(|joining| Sender::of(&joining.caller) == *sender);
    if !own || connection.is_closed() {
        return Err(NotTaken::NoConnection);
    }
    let parsed = parse(Codec::Json, body, services.config.batch_frames);
    let taken = stream.bucket.lock().take(parsed.len(), clock::steady_ms());
    taken.map_err(|wait_ms| NotTaken::TooFast { wait_ms })?;
    connection.receive(parsed);
    Ok(())
}

#[cfg(test)]
mod tests;
