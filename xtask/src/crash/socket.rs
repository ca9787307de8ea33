//! One WebSocket connection that speaks the protocol in JSON.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const WELCOME_LIMIT: Duration = Duration::from_secs(5);
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// Frames in one array.
const BATCH: usize = 32;
/// Close codes from here on mean that reconnecting is of no use.
const GIVE_UP: std::ops::Range<u64> = 4200..4400;

/// An open connection, greeted.
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    received: VecDeque<Value>,
}

/// Why a connection ended.
#[derive(Debug)]
pub enum Ended {
    /// The client did not want it any more.
    Left,
    /// Reconnect.
    Broken(String),
    /// The server said that reconnecting is of no use.
    ForGood(String),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Left => write!(f, "left"),
            Self::Broken(why) => write!(f, "connection ended: {why}"),
            Self::ForGood(why) => write!(f, "connection ended for good: {why}"),
        }
    }
}

impl Socket {
    /// Connects and says hello; gives the welcome.
    pub async fn open(address: &str, token: &str, device: &str) -> Result<(Self, Value)> {
        let connected = timeout(WELCOME_LIMIT, connect_async(format!("ws://{address}/ws")));
        let (stream, _) = connected.await.context("no answer to the handshake")?.context("no WebSocket")?;
        let mut socket = Self { stream, received: VecDeque::new() };
        let hello = json!({"t": "hello", "v": 1, "token": token, "device": device, "client": "xtask/1", "batch": true});
        socket.send(vec![hello]).await?;
        let welcome = timeout(WELCOME_LIMIT, socket.next()).await.context("no welcome")?;
        match welcome {
            Ok(frame) if frame["t"] == "welcome" => Ok((socket, frame)),
            Ok(frame) => bail!("instead of a welcome came {frame}"),
            Err(ended) => bail!("instead of a welcome came {ended}"),
        }
    }

    /// Sends frames, several in one message.
    pub async fn send(&mut self, frames: Vec<Value>) -> Result<()> {
        for batch in frames.chunks(BATCH) {
            let text = match batch {
                [frame] => frame.to_string(),
                frames => Value::from(frames.to_vec()).to_string(),
            };
            let sent = timeout(SEND_LIMIT, self.stream.send(Message::text(text))).await;
            sent.context("the server does not read")?.context("cannot send")?;
        }
        Ok(())
    }

    /// The next frame. Cancel-safe.
    pub async fn next(&mut self) -> Result<Value, Ended> {
        loop {
            if let Some(frame) = self.received.pop_front() {
                return Ok(frame);
            }
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => self.unpack(&text)?,
                Some(Ok(Message::Close(close))) => return Err(closed(close.map(|close| u16::from(close.code)))),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Ended::Broken(error.to_string())),
                None => return Err(Ended::Broken("end of stream".to_owned())),
            }
        }
    }

    fn unpack(&mut self, text: &str) -> Result<(), Ended> {
        match serde_json::from_str(text) {
            Ok(Value::Array(frames)) => self.received.extend(frames),
            Ok(frame) => self.received.push_back(frame),
            Err(error) => return Err(Ended::ForGood(format!("the server sent what is not JSON: {error}"))),
        }
        Ok(())
    }
}

fn closed(code: Option<u16>) -> Ended {
    let words = format!("closed with {code:?}");
    if code.is_some_and(|code| GIVE_UP.contains(&u64::from(code))) {
        Ended::ForGood(words)
    } else {
        Ended::Broken(words)
    }
}
