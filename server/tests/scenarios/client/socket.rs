//! Frames over a WebSocket.

use std::sync::Arc;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::Protocol;
use super::view::Shared;

/// A small window, so that a client that does not read is soon noticed.
const RECEIVE_BYTES: u32 = 16 * 1024;
/// The connection just ended.
const ABNORMAL: u16 = 1006;

/// A socket with somebody who reads it.
pub struct Socket {
    messages: mpsc::UnboundedSender<Outgoing>,
    reading: watch::Sender<bool>,
    protocol: Protocol,
    task: JoinHandle<()>,
}

enum Outgoing {
    Message(Message),
    Cut,
}

impl Socket {
    /// Opens one in a subprotocol.
    pub async fn open(address: &str, path: &str, protocol: Protocol, shared: Arc<Shared>) -> Self {
        let tcp = TcpSocket::new_v4().expect("a socket");
        tcp.set_recv_buffer_size(RECEIVE_BYTES).expect("a small buffer");
        let tcp = tcp.connect(address.parse().expect("an address")).await.expect("kefu listens");
        let mut request = format!("ws://{address}{path}").into_client_request().expect("a request");
        let subprotocol = if protocol == Protocol::Msgpack { "kefu.v1.msgpack" } else { "kefu.v1.json" };
        request.headers_mut().insert("sec-websocket-protocol", subprotocol.parse().expect("a header"));
        let (socket, response) =
            tokio_tungstenite::client_async(request, tcp).await.expect("the handshake is answered");
        assert_eq!(response.headers()["sec-websocket-protocol"], subprotocol);
        let (messages, outgoing) = mpsc::unbounded_channel();
        let (reading, read) = watch::channel(true);
        let task = tokio::spawn(carry(socket, protocol, outgoing, read, shared));
        Self { messages, reading, protocol, task }
    }

    /// Sends a frame.
    pub fn send(&self, frame: Value) {
        let message = match self.protocol {
            Protocol::Msgpack => Message::binary(rmp_serde::to_vec_named(&frame).expect("msgpack")),
            _ => Message::text(frame.to_string()),
        };
        // A connection that is over says so in the view.
        let _ = self.messages.send(Outgoing::Message(message));
    }

    /// Sends any text.
    pub fn send_text(&self, text: &str) {
        let _ = self.messages.send(Outgoing::Message(Message::text(text)));
    }

    /// Stops or goes on reading.
    pub fn read_on(&self, on: bool) {
        self.reading.send_replace(on);
    }

    /// Breaks off.
    pub async fn cut(self) {
        let _ = self.messages.send(Outgoing::Cut);
        let _ = self.task.await;
    }
}

async fn carry(
    mut socket: WebSocketStream<TcpStream>,
    protocol: Protocol,
    mut outgoing: mpsc::UnboundedReceiver<Outgoing>,
    mut reading: watch::Receiver<bool>,
    shared: Arc<Shared>,
) {
    let code = loop {
        let read = *reading.borrow_and_update();
        tokio::select! {
            out = outgoing.recv() => match out {
                Some(Outgoing::Message(message)) => {
                    if socket.send(message).await.is_err() {
                        // What came before the end is still to be read.
                        while let Some(Ok(message)) = socket.next().await {
                            take(&shared, protocol, message);
                        }
                        break ABNORMAL;
                    }
                }
                Some(Outgoing::Cut) => {
                    let _ = socket.get_ref().set_zero_linger();
                    break ABNORMAL;
                }
                None => break ABNORMAL,
            },
            message = socket.next(), if read => match message {
                Some(Ok(message)) => {
                    if let Some(code) = take(&shared, protocol, message) {
                        // Our answer to the close goes out.
                        let _ = socket.flush().await;
                        break code;
                    }
                }
                Some(Err(_)) | None => break ABNORMAL,
            },
            _ = reading.changed() => {}
        }
    };
    shared.update(|view| view.ended(code));
}

/// Takes a message; the number if it closes the connection.
fn take(shared: &Shared, protocol: Protocol, message: Message) -> Option<u16> {
    match message {
        Message::Text(text) => {
            assert_eq!(protocol, Protocol::Json, "text in the msgpack subprotocol");
            shared.take(serde_json::from_str(&text).expect("a frame is JSON"));
        }
        Message::Binary(bytes) => {
            assert_eq!(protocol, Protocol::Msgpack, "binary in the JSON subprotocol");
            shared.take(rmp_serde::from_slice(&bytes).expect("a frame is msgpack"));
        }
        Message::Close(frame) => return Some(frame.map_or(1005, |frame| frame.code.into())),
        _ => {}
    }
    None
}
