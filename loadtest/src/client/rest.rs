//! The REST API.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use super::source;

/// A call that takes longer failed.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Clients, each with an address of its own.
const CLIENTS: usize = 8;

/// The API of one server, called from several addresses.
#[derive(Debug, Clone)]
pub struct Rest {
    clients: Vec<reqwest::Client>,
    base: String,
}

impl Rest {
    /// For that server.
    pub fn new(server: SocketAddr) -> anyhow::Result<Self> {
        let client = |index: usize| {
            let builder = reqwest::Client::builder().timeout(TIMEOUT).local_address(IpAddr::V4(source(index * 500)));
            builder.no_proxy().build().context("no HTTP client")
        };
        Ok(Self { clients: (0..CLIENTS).map(client).collect::<anyhow::Result<_>>()?, base: format!("http://{server}") })
    }

    /// Calls it; every status but success is an error that says what was answered. `from` spreads callers over
    /// addresses.
    pub async fn call(
        &self,
        from: usize,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<Vec<u8>> {
        let client = &self.clients[from % self.clients.len()];
        let mut request = client.request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let answer = request.send().await.with_context(|| format!("{method} {path}"))?;
        let status = answer.status();
        let bytes = answer.bytes().await.with_context(|| format!("{method} {path}"))?;
        if !status.is_success() {
            bail!("{method} {path}: {status} {}", String::from_utf8_lossy(&bytes));
        }
        Ok(bytes.into())
    }

    /// Reads with a credential, without looking into the answer.
    pub async fn bytes(&self, from: usize, path: &str, token: &str) -> anyhow::Result<Vec<u8>> {
        self.call(from, Method::GET, path, Some(token), None).await
    }

    /// Reads with a credential.
    pub async fn get(&self, from: usize, path: &str, token: &str) -> anyhow::Result<Value> {
        parsed(path, &self.bytes(from, path, token).await?)
    }

    /// Sends a body.
    pub async fn post(&self, from: usize, path: &str, token: Option<&str>, body: &Value) -> anyhow::Result<Value> {
        parsed(path, &self.call(from, Method::POST, path, token, Some(body)).await?)
    }
}

fn parsed(path: &str, answer: &[u8]) -> anyhow::Result<Value> {
    serde_json::from_slice(answer).with_context(|| format!("{path} answers no JSON"))
}
