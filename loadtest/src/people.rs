//! Agents and visitors.

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use crate::client::Rest;
use crate::site::Site;

/// Calls at a time.
const AT_ONCE: usize = 16;

/// Somebody who serves.
#[derive(Debug, Clone)]
pub struct Agent {
    /// What they log in with, and their id.
    pub username: String,
    /// Their password.
    pub password: String,
    /// Their credential.
    pub token: String,
}

/// Somebody who asks.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Their id.
    pub user: String,
    /// Their credential.
    pub token: String,
    /// Their one conversation.
    pub conversation: String,
}

/// Makes agents with room for so many sessions each, and logs them in.
pub async fn agents(site: &Site, number: usize, capacity: usize) -> anyhow::Result<Vec<Agent>> {
    anyhow::ensure!(capacity <= 1_000, "an agent takes at most 1,000 sessions, not {capacity}: use more --agents");
    let rest = site.rest();
    let admin = login(rest, 0, "admin", site.admin_password()?).await?;
    // Names that a data folder from before does not hold.
    let run = jiff::Timestamp::now().as_second();
    let make = |index: usize| {
        let admin = &admin;
        async move {
            let (username, password) = (format!("load-{run}-{index}"), format!("load-{run}-password"));
            let body = json!({"username": username, "name": format!("Agent {index}"), "role": "agent",
                "password": password, "capacity": capacity});
            rest.post(index, "/api/users", Some(admin), &body).await?;
            let token = login(rest, index, &username, &password).await?;
            Ok::<_, anyhow::Error>(Agent { username, password, token })
        }
    };
    // Hashing a password takes its time, and the server does two at once.
    futures::stream::iter((0..number).map(make)).buffered(4).try_collect().await.context("agents")
}

/// Logs in; gives the credential.
pub async fn login(rest: &Rest, from: usize, username: &str, password: &str) -> anyhow::Result<String> {
    let body = json!({"username": username, "password": password});
    let answer = rest.post(from, "/api/kefu/login", None, &body).await?;
    text(&answer, "session_token")
}

/// Makes visitors.
pub async fn visitors(site: &Site, number: usize) -> anyhow::Result<Vec<Visitor>> {
    let rest = site.rest();
    let make = |index: usize| async move {
        let answer = rest.post(index, "/api/kehu/session", None, &json!({})).await?;
        Ok::<_, anyhow::Error>(Visitor {
            user: text(&answer, "user_id")?,
            token: text(&answer, "visitor_token")?,
            conversation: text(&answer, "support_conversation")?,
        })
    };
    futures::stream::iter((0..number).map(make)).buffered(AT_ONCE).try_collect().await.context("visitors")
}

fn text(answer: &Value, name: &str) -> anyhow::Result<String> {
    answer[name].as_str().map(str::to_owned).with_context(|| format!("an answer without {name}"))
}
