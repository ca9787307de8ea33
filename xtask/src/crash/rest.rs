//! The HTTP API, as far as the crash test needs it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::event;
use super::observed::{Entry, History};

const CALL_LIMIT: Duration = Duration::from_secs(10);
const PAGE: usize = 100;
const PAGES: usize = 10_000;

/// A caller with (or without) a credential.
#[derive(Debug, Clone)]
pub struct Rest {
    client: Client,
    base: String,
    token: Option<String>,
}

/// How histories are paged through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paging {
    /// `page` counts from the newest.
    ByPage,
    /// `before` goes on from the page before.
    ByCursor,
}

/// One page of a history.
#[derive(Debug)]
pub struct Page {
    pub epoch: u64,
    pub rev: u64,
    pub seq: u64,
    pub entries: Vec<Entry>,
    /// Who has the session.
    pub agent: Option<String>,
    previous: Option<String>,
}

impl Rest {
    /// Nobody yet.
    pub fn new(address: &str) -> Result<Self> {
        let client = Client::builder().timeout(CALL_LIMIT).build().context("cannot make an HTTP client")?;
        Ok(Self { client, base: format!("http://{address}"), token: None })
    }

    /// The same with a credential.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Whether the server says that it is ready.
    pub async fn is_ready(&self) -> bool {
        let answer = self.client.get(format!("{}/readyz", self.base)).timeout(Duration::from_secs(1)).send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }

    /// A call; the status and the body, which may be empty.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(StatusCode, Value)> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        }
        let answer = request.send().await.with_context(|| format!("no answer to {path}"))?;
        let status = answer.status();
        let bytes = answer.bytes().await.with_context(|| format!("no whole answer to {path}"))?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    /// A call that must succeed.
    pub async fn expect(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, answer) = self.call(method, path, body).await?;
        if !status.is_success() {
            bail!("{path} was answered with {status}: {answer}");
        }
        Ok(answer)
    }

    /// The last page of a conversation's history.
    pub async fn last_page(&self, conversation: &str) -> Result<Page> {
        self.page(conversation, "").await
    }

    async fn page(&self, conversation: &str, which: &str) -> Result<Page> {
        let path = format!("/api/v1/chat/messages?conversation_id={conversation}&limit={PAGE}{which}");
        let answer = self.expect(Method::GET, &path, None).await?;
        let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
        Ok(Page {
            epoch: answer["epoch"].as_u64().unwrap_or_default(),
            rev: answer["rev"].as_u64().context("a history without rev")?,
            seq: answer["seq"].as_u64().context("a history without seq")?,
            entries: items.iter().filter_map(event::entry).collect(),
            agent: Some(&answer["session"])
                .filter(|it| it["status"] == "active")
                .and_then(|it| event::user(&it["agent"])),
            previous: answer["prev"].as_str().map(str::to_owned),
        })
    }

    /// All pages of a conversation's history. Agents are told only what was said while they were members.
    pub async fn history(&self, source: &str, conversation: &str, staff: bool, paging: Paging) -> Result<History> {
        let mut page = match paging {
            Paging::ByPage => self.page(conversation, "&page=1").await?,
            Paging::ByCursor => self.last_page(conversation).await?,
        };
        let (rev, seq) = (page.rev, page.seq);
        let mut pages = Vec::new();
        for number in 2..PAGES {
            let previous = page.previous.take();
            let is_empty = page.entries.is_empty();
            pages.push(page.entries);
            let which = match (paging, previous) {
                (_, None) => break,
                (Paging::ByPage, Some(_)) if is_empty => break,
                (Paging::ByPage, Some(_)) => format!("&page={number}"),
                (Paging::ByCursor, Some(before)) => format!("&before={before}"),
            };
            page = self.page(conversation, &which).await?;
        }
        let entries = pages.into_iter().rev().flatten().collect();
        let (source, conversation) = (source.to_owned(), conversation.to_owned());
        Ok(History { source, conversation, staff, rev, seq, entries, complete: !staff })
    }

    /// The item of a conversation in the caller's list.
    pub async fn conversation_item(&self, conversation: &str) -> Result<Value> {
        let answer = self.expect(Method::GET, "/api/v1/chat/conversations?page_size=200", None).await?;
        let items = answer["items"].as_array().context("a list without items")?;
        let item = items.iter().find(|item| item["conversation_id"] == conversation);
        item.cloned().with_context(|| format!("{conversation} is not in its member's list"))
    }

    /// Conversations whose session this agent has.
    pub async fn sessions_of(&self, agent: &str) -> Result<Vec<String>> {
        let path = format!("/api/sessions?status=active&agent_id={agent}&page_size=200");
        let answer = self.expect(Method::GET, &path, None).await?;
        let items = answer["items"].as_array().map_or(&[][..], Vec::as_slice);
        let mine = items.iter().filter(|item| item["agent"]["id"] == agent);
        Ok(mine.filter_map(|item| item["conversation_id"].as_str().map(str::to_owned)).collect())
    }

    /// Marks everything up to a message as read.
    pub async fn mark_read(&self, conversation: &str, seq: u64) -> Result<()> {
        let body = json!({"conversation_id": conversation, "seq": seq});
        self.expect(Method::POST, "/api/messages/mark-read", Some(&body)).await.map(drop)
    }
}
