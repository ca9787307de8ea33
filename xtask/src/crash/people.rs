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
        agents.push(log_in(rest, username, PASSWORD).await?);
    }
    Ok(agents)
}

/// So many new agents, each with room for so many sessions.
pub async fn hired(rest: &Rest, admin_password: &str, count: u32, capacity: u32) -> Result<Vec<Person>> {
    let admin = rest.with_token(&log_in(rest, "admin", admin_password).await?.token);
    let mut agents = Vec::new();
    for number in 1..=count {
        let (username, password) = (format!("agent{number}"), format!("{admin_password}-{number}"));
        let body = json!({
            "username": username, "name": username, "role": "agent", "password": password, "capacity": capacity,
        });
        admin.expect(Method::POST, "/api/users", Some(&body)).await?;
        agents.push(log_in(rest, &username, &password).await?);
    }
    Ok(agents)
}

async fn log_in(rest: &Rest, username: &str, password: &str) -> Result<Person> {
    let body = json!({"username": username, "password": password});
    let answer = rest.expect(Method::POST, "/api/kefu/login", Some(&body)).await?;
    let token = answer["session_token"].as_str().context("a login without a token")?.to_owned();
    let id = answer["user"]["id"].as_str().context("a login without a user")?.to_owned();
    Ok(Person { id, token, conversation: None })
}
