//! Who takes part.

use anyhow::{Context, Result};
use reqwest::Method;
use serde_json::json;

use super::rest::Rest;

const AGENTS: [&str; 3] = ["kefu001", "kefu002", "kefu003"];
const PASSWORD: &str = "123456";

/// Somebody with a credential.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: String,
    pub token: String,
    /// A visitor's support conversation; agents have none.
    pub conversation: Option<String>,
}

impl Person {
    /// `kefu:id` or `kehu:id`.
    pub fn user(&self) -> String {
        let kind = if self.conversation.is_some() { "kehu" } else { "kefu" };
        format!("{kind}:{}", self.id)
    }
}

/// A visitor who was never here.
pub async fn visitor(rest: &Rest, number: u32) -> Result<Person> {
    let body = json!({"name": format!("Visitor {number}")});
    let answer = rest.expect(Method::POST, "/api/kehu/session", Some(&body)).await?;
    let field = |name: &str| answer[name].as_str().map(str::to_owned).with_context(|| format!("no {name}: {answer}"));
    Ok(Person {
        id: field("user_id")?,
        token: field("visitor_token")?,
        conversation: Some(field("support_conversation")?),
    })
}

/// The agents of the demo.
pub async fn agents(rest: &Rest) -> Result<Vec<Person>> {
    let mut agents = Vec::new();
    for username in AGENTS {
        let body = json!({"username": username, "password": PASSWORD});
        let answer = rest.expect(Method::POST, "/api/kefu/login", Some(&body)).await?;
        let token = answer["session_token"].as_str().context("a login without a token")?.to_owned();
        let id = answer["user"]["id"].as_str().context("a login without a user")?.to_owned();
        agents.push(Person { id, token, conversation: None });
    }
    Ok(agents)
}
