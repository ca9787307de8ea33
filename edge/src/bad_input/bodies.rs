//! Bodies of every operation that takes one, by the description: a new operation is covered by itself.

use kefu_model::{Name, Role};
use serde_json::{Value, json};

use super::*;
use crate::directory::{NewAgent, PasswordRule, create_agent};

/// What it reads are frames: what is wrong with them comes down the stream.
const FRAMES: &str = "/api/stream/{connection_id}";

/// An edge, and an admin's login there.
async fn with_an_admin() -> (Served, String) {
    let served = Served::start_with(EdgeConfig { logins_per_address_minute: 1_000, ..config() }).await;
    let name = Name::new("admin").unwrap();
    let agent = NewAgent { tenant: tenant(), username: "admin".into(), name, role: Role::Admin, capacity: 5 };
    let services = &served.edge.services;
    let agent = create_agent(&services.store, agent, "correct horse", PasswordRule::Checked).await.unwrap();
    let token = services.auth.log_in(&agent, false, "").await.unwrap().token;
    (served, token)
}

/// Operations with a body: method, path, and the schema of the body.
fn operations() -> Vec<(String, String, Value)> {
    let api: Value = serde_json::from_str(&crate::openapi()).unwrap();
    let mut operations = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            if !schema.is_null() {
                operations.push((method.to_uppercase(), path.clone(), resolved(&api, schema)));
            }
        }
    }
    assert!(operations.len() >= 14, "{operations:?}");
    operations
}

fn resolved(api: &Value, schema: &Value) -> Value {
    let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    name.map_or_else(|| schema.clone(), |name| api["components"]["schemas"][name].clone())
}

struct Sent<'a> {
    method: &'a str,
    path: &'a str,
    token: &'a str,
    kind: &'a str,
}

impl Sent<'_> {
    fn head(&self, length: usize) -> String {
        let Self { method, path, token, kind } = self;
        let path = path.replace('{', "x").replace('}', "");
        format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\n\
             Content-Length: {length}\r\n\r\n"
        )
    }

    async fn is_refused(&self, served: &Served, body: &str, status: u16, code: u64) {
        let mut raw = served.dial().await;
        raw.write(self.head(body.len()).as_bytes()).await;
        raw.write(body.as_bytes()).await;
        let response = raw.response().await;
        let what = format!("{} {} {}", self.method, self.path, &body[..body.len().min(60)]);
        assert_eq!((response.status, response.code()), (status, code), "{what}");
        assert!(response.head.contains("application/problem+json"), "{what}: {}", response.head);
    }
}

// Bad input: a body that is not JSON, or nests deeper than 16
// Bad input: a body of another content type
// Bad input: a body with a field that is missing or has a wrong type
// Bad input: a body larger than `limits.body_bytes`
// Bad input: a body that ends before its length
#[tokio::test]
async fn every_body_is_read_with_the_same_care() {
    let (served, token) = with_an_admin().await;
    for (method, path, schema) in operations() {
        let sent = Sent { method: &method, path: &path, token: &token, kind: "application/json" };
        let frames = path == FRAMES;
        sent.is_refused(&served, &format!("{:?}", "x".repeat(300_000)), 413, 2003).await;
        for kind in ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"] {
            Sent { kind, ..sent }.is_refused(&served, r#"{"x":1}"#, 415, 2002).await;
        }
        let mut cut = served.dial().await;
        cut.write(sent.head(100).as_bytes()).await;
        cut.write(b"{").await;
        tokio::io::AsyncWriteExt::shutdown(&mut cut.stream).await.unwrap();
        let answer = cut.try_response().await;
        assert!(answer.is_none_or(|answer| answer.status == 400 && answer.code() == 2001), "{method} {path}");
        if frames {
            continue;
        }
        let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(16), "]".repeat(16));
        let deeper = "[".repeat(100_000);
        for body in ["{", "nonsense", "{\"a\":\"\u{1}\"}", "{}{}", "\u{feff}{}", &deep, &deeper] {
            sent.is_refused(&served, body, 400, 2001).await;
        }
        for body in ["[\"a\",\"b\",\"c\",\"d\"]", "[1]", "7", "null", "\"x\"", "true"] {
            sent.is_refused(&served, body, 422, 2004).await;
        }
        for (field, value) in schema["properties"].as_object().unwrap() {
            // An object with a field of its own is of no type that any field has.
            let wrong = json!({field: {"no such": [value.is_null()]}});
            sent.is_refused(&served, &wrong.to_string(), 422, 2004).await;
        }
        for field in schema["required"].as_array().into_iter().flatten() {
            assert!(field.is_string());
            sent.is_refused(&served, "{}", 422, 2004).await;
        }
    }
}
