//! A visitor on a socket.

use anyhow::{Context as _, bail};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Who a visitor is.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Their credential.
    pub token: String,
    /// Their conversation.
    pub conversation: String,
}

/// Makes a visitor.
pub async fn visitor(http: &reqwest::Client, url: &str) -> anyhow::Result<Visitor> {
    let answer = http.post(format!("{url}/api/kehu/session")).json(&json!({})).send().await?;
    let answer: Value = answer.error_for_status()?.json().await?;
    let text = |name: &str| answer[name].as_str().map(str::to_owned).with_context(|| format!("no {name}"));
    Ok(Visitor { token: text("visitor_token")?, conversation: text("support_conversation")? })
}

/// The sending half.
pub struct Sender(SplitSink<Socket, Message>);

/// The receiving half.
pub struct Receiver(SplitStream<Socket>);

/// Connects and says hello.
pub async fn connect(url: &str, visitor: &Visitor, device: &str) -> anyhow::Result<(Sender, Receiver)> {
    let address = format!("{}/ws", url.replacen("http", "ws", 1));
    let (socket, _) = connect_async(address).await.context("connect")?;
    let (sender, receiver) = socket.split();
    let (mut sender, mut receiver) = (Sender(sender), Receiver(receiver));
    sender.send(&json!({"t": "hello", "v": 1, "token": visitor.token, "device": device, "batch": true})).await?;
    receiver.until("welcome").await?;
    Ok((sender, receiver))
}

impl Sender {
    /// Sends a frame.
    pub async fn send(&mut self, frame: &Value) -> anyhow::Result<()> {
        Ok(self.0.send(Message::text(frame.to_string())).await?)
    }

    /// Follows the visitor's conversation.
    pub async fn attach(&mut self, visitor: &Visitor) -> anyhow::Result<()> {
        self.send(&json!({"t": "attach", "id": 1, "items": [{"conversation": visitor.conversation}]})).await
    }

    /// Sends the n-th message.
    pub async fn message(&mut self, visitor: &Visitor, n: u64, text: &str) -> anyhow::Result<()> {
        let body = json!({"type": "message", "content": {"type": "text", "text": text}});
        self.send(&json!({"t": "command", "conversation": visitor.conversation, "n": n, "body": body})).await
    }
}

impl Receiver {
    /// The next frames.
    pub async fn frames(&mut self) -> anyhow::Result<Vec<Value>> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => {
                    return Ok(match serde_json::from_str(&text)? {
                        Value::Array(frames) => frames,
                        frame => vec![frame],
                    });
                }
                Some(Ok(Message::Close(frame))) => bail!("closed: {frame:?}"),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.into()),
                None => bail!("the connection ended"),
            }
        }
    }

    /// Waits for a frame of that kind.
    pub async fn until(&mut self, kind: &str) -> anyhow::Result<Value> {
        loop {
            for frame in self.frames().await? {
                if frame["t"] == kind {
                    return Ok(frame);
                }
                if frame["t"] == "error" && frame["fatal"] == true {
                    bail!("refused: {frame}");
                }
            }
        }
    }
}
