//! The HTTP API, with somebody's credential or none.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::Value;

/// Calls to one deployment.
#[derive(Clone)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
    /// Told by the calls with which somebody comes in, unless they tell another one.
    site_key: Option<String>,
}

/// Calls with which somebody comes in.
const DOORS: [&str; 2] = ["/api/kehu/session", "/api/kefu/login"];

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub call: String,
    pub status: u16,
    pub content_type: String,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Api {
    /// Calls without a credential.
    pub fn new(base: &str) -> Self {
        // A connection that was kept would be dead after a restart.
        let http = reqwest::Client::builder()
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(30))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("an HTTP client");
        Self { http, base: base.to_owned(), token: None, site_key: None }
    }

    /// The same for a site of its own.
    pub fn of_site(&self, site_key: &str) -> Self {
        Self { site_key: Some(site_key.to_owned()), ..self.clone() }
    }

    /// The same with this credential.
    pub fn with(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The status of a GET, if anybody answers.
    pub async fn try_get(&self, path: &str) -> Option<u16> {
        let request = self.http.get(format!("{}{path}", self.base)).timeout(Duration::from_secs(2));
        Some(request.send().await.ok()?.status().as_u16())
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, mut body: Value) -> Reply {
        if let (Some(site_key), true, Some(body)) = (&self.site_key, DOORS.contains(&path), body.as_object_mut()) {
            body.entry("site_key").or_insert_with(|| site_key.clone().into());
        }
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.call(Method::DELETE, path, None).await
    }

    /// Any call with JSON or nothing.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        let body = body.map(|body| ("application/json", body.to_string()));
        self.raw(method, path, body.as_ref().map(|(kind, body)| (*kind, body.as_str()))).await
    }

    /// Any call with any body.
    pub async fn raw(&self, method: Method, path: &str, body: Option<(&str, &str)>) -> Reply {
        let call = format!("{method} {path}");
        let mut request = self.request(method, path);
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body.to_owned());
        }
        let response = request.send().await.unwrap_or_else(|error| panic!("{call}: {error:?}"));
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let content_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let content_type = content_type.split(';').next().unwrap_or_default().to_owned();
        let text = response.text().await.unwrap_or_else(|error| panic!("{call}: {error:?}"));
        Reply { call, status, content_type, headers, text }
    }

    /// A request to be sent by the caller.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// A stream of the answer's body, without a limit in time.
    pub async fn stream(&self, path: &str) -> reqwest::Response {
        let request = self.request(Method::GET, path).timeout(Duration::from_secs(600));
        request.send().await.expect("the stream opens")
    }

    /// All items of a history, ascending, page by page.
    pub async fn whole_history(&self, conversation: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut before = String::new();
        loop {
            let path = format!("/api/v1/chat/messages?conversation_id={conversation}&limit=100{before}");
            let page = self.get(&path).await.ok();
            let mut older = page["items"].as_array().expect("items").clone();
            older.append(&mut items);
            items = older;
            match page["prev"].as_str() {
                Some(cursor) => before = format!("&before={cursor}"),
                None => return items,
            }
        }
    }
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|error| panic!("{} is not JSON ({error}): {}", self.call, self.text))
    }

    /// The body of a success.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {} {}", self.call, self.status, self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }

    /// The number of a problem, whose shape is checked.
    #[track_caller]
    pub fn code(&self) -> u64 {
        assert!(self.status >= 400, "{} is no problem: {} {}", self.call, self.status, self.text);
        assert_eq!(self.content_type, "application/problem+json", "{}: {} {}", self.call, self.status, self.text);
        let body = self.json();
        assert_eq!(body["status"], u64::from(self.status), "{}: {body}", self.call);
        for field in ["type", "title", "request_id"] {
            assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{}: {field} in {body}", self.call);
        }
        assert_eq!(self.headers["x-request-id"].to_str().ok(), body["request_id"].as_str(), "{}", self.call);
        body["code"].as_u64().unwrap_or_else(|| panic!("{}: no code in {body}", self.call))
    }

    /// It was refused in that way.
    #[track_caller]
    pub fn refused(&self, status: StatusCode, code: u64) {
        assert_eq!((self.status, self.code()), (status.as_u16(), code), "{}: {}", self.call, self.text);
    }
}
