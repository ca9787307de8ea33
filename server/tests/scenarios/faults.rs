//! Faults of the machine (docs/operations.md, "When the machine fails"), with the real binary.

mod broker;
mod clock;
mod damage;
mod disk;
mod files;
mod machine;
mod order;

use serde_json::Value;

use crate::client::{Client, message};
use crate::harness::api::Api;
use crate::harness::scene::Broker;
use crate::harness::wait::eventually;

/// Runs a test that needs no broker of its own.
fn here(test: impl AsyncFnOnce()) {
    crate::harness::run(Broker::Embedded, async |_| test().await);
}

/// The texts of a conversation's history, once there are so many.
async fn history(api: &Api, id: &str, messages: usize) -> Vec<String> {
    eventually("the history has caught up", async || {
        let items = api.whole_history(id).await;
        let text = |item: &Value| item["content"]["text"].as_str().map(str::to_owned);
        let texts: Vec<String> = items.iter().filter(|item| item["type"] == "message").filter_map(text).collect();
        (texts.len() >= messages).then_some(texts)
    })
    .await
}

/// Says something that cannot be decided now: it is refused, to be tried again.
async fn is_refused_for_now(client: &mut Client, id: &str, text: &str) {
    let answer = client.ask(id, message(text)).await;
    assert_eq!((&answer["t"], &answer["retryable"]), (&"rejected".into(), &true.into()), "{answer}");
}

/// What `/readyz` says, and whether it is ready.
async fn readiness(api: &Api) -> (bool, String) {
    let reply = api.get("/readyz").await;
    (reply.status == 200, reply.text)
}
