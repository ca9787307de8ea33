//! Frames over Server-Sent Events, and up by POST.

use std::sync::Arc;

use futures::StreamExt as _;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::view::Shared;
use crate::harness::api::Api;

/// The stream ended.
const ENDED: u16 = 1006;

/// A stream with somebody who reads it, and somebody who posts.
pub struct Stream {
    frames: mpsc::UnboundedSender<Value>,
    down: JoinHandle<()>,
    up: JoinHandle<()>,
}

impl Stream {
    /// Opens one; the first event is `welcome`.
    pub async fn open(api: &Api, path: &str, shared: Arc<Shared>) -> Self {
        let response = api.stream(path).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let down = tokio::spawn(read(response, Arc::clone(&shared)));
        let (frames, posts) = mpsc::unbounded_channel();
        let up = tokio::spawn(post(api.clone(), posts, shared));
        Self { frames, down, up }
    }

    /// Sends a frame.
    pub fn send(&self, frame: Value) {
        let _ = self.frames.send(frame);
    }

    /// Breaks off.
    pub fn cut(self) {
        self.down.abort();
        self.up.abort();
    }
}

async fn read(response: reqwest::Response, shared: Arc<Shared>) {
    let mut body = response.bytes_stream();
    let mut buffer = Vec::new();
    while let Some(Ok(bytes)) = body.next().await {
        buffer.extend_from_slice(&bytes);
        while let Some(end) = buffer.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = buffer.drain(..end + 2).collect();
            if let Some(data) = event.strip_prefix(b"data: ") {
                shared.take(serde_json::from_slice(data).expect("the data of an event are JSON"));
            }
        }
    }
    shared.update(|view| view.ended(ENDED));
}

/// One at a time keeps their order; what gathered meanwhile goes together.
async fn post(api: Api, mut posts: mpsc::UnboundedReceiver<Value>, shared: Arc<Shared>) {
    let mut frames = Vec::new();
    while posts.recv_many(&mut frames, 64).await > 0 {
        let mut changes = shared.changes();
        let id = loop {
            changes.mark_unchanged();
            let id = shared.look(|view| view.welcome.as_ref()?["connection_id"].as_str().map(str::to_owned));
            match id {
                Some(id) => break id,
                None => changes.changed().await.expect("it lives as long as we"),
            }
        };
        let reply = api.post(&format!("/api/stream/{id}"), Value::Array(std::mem::take(&mut frames))).await;
        assert_eq!(reply.status, 202, "{}", reply.text);
    }
}
