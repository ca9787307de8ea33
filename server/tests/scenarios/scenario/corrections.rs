//! Editing and taking back.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::Client;
use crate::harness::scene::{Broker, Scene};
use crate::harness::wait::eventually;

fn edit(seq: u64, text: &str) -> Value {
    json!({"type": "edit", "seq": seq, "content": {"type": "text", "text": text}})
}

pub async fn only_the_author_or_a_supervisor_corrects(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut chat = scene.chat().await;
    let id = chat.id.clone();
    let own = chat.visitor.say(&id, "the visitor's").await["seq"].as_u64().expect("a seq");
    let theirs = chat.agent.say(&id, "the agent's").await["seq"].as_u64().expect("a seq");
    for body in [edit(own, "changed"), json!({"type": "recall", "seq": own})] {
        assert_eq!(chat.agent.ask(&id, body).await["code"], 1102);
    }
    for body in [edit(theirs, "changed"), json!({"type": "recall", "seq": theirs})] {
        assert_eq!(chat.visitor.ask(&id, body).await["code"], 1102);
    }
    let own_id = format!("/api/messages/{}", message_id(&chat.visitor, &id, own).await);
    let change = json!({"content": "changed"});
    chat.agent.person.api.put(&own_id, change.clone()).await.refused(StatusCode::FORBIDDEN, 1102);
    chat.agent.person.api.post(&format!("{own_id}/recall"), json!({})).await.refused(StatusCode::FORBIDDEN, 1102);
    let stranger = scene.visitor().await;
    assert!((400..500).contains(&stranger.api.put(&own_id, change).await.status));

    let supervisor = scene.staff("sup", "supervisor", 0).await;
    supervisor.api.put(&own_id, json!({"content": "corrected by a supervisor"})).await.ok();
    chat.visitor.until_texts(&id, &["hello", "corrected by a supervisor", "the agent's"]).await;
    supervisor.api.post(&format!("{own_id}/recall"), json!({})).await.ok();
    chat.visitor.until_texts(&id, &["hello", "the agent's"]).await;
    assert_eq!(chat.visitor.ask(&id, edit(own, "back again")).await["code"], 1204);
    assert_eq!(chat.visitor.ask(&id, edit(99, "nothing")).await["code"], 1202);
}

pub async fn an_author_edits_and_takes_back(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut chat = scene.chat().await;
    let id = chat.id.clone();
    let first = chat.visitor.say(&id, "a tpyo").await["seq"].as_u64().expect("a seq");
    let second = chat.visitor.say(&id, "a secret").await["seq"].as_u64().expect("a seq");
    assert_eq!(chat.visitor.ask(&id, edit(first, "a typo")).await["t"], "ack");
    assert_eq!(chat.visitor.ask(&id, json!({"type": "recall", "seq": second})).await["t"], "ack");
    for client in [&chat.visitor, &chat.agent] {
        client.until_texts(&id, &["hello", "a typo"]).await;
    }
    let items = eventually("the history shows it", async || {
        let items = chat.agent.person.api.whole_history(&id).await;
        let shown = |seq: u64, field: &str| items.iter().any(|item| item["seq"] == seq && item[field].is_string());
        (shown(first, "edited_at") && shown(second, "recalled_at")).then_some(items)
    })
    .await;
    let by_seq = |seq: u64| items.iter().find(|item| item["seq"] == seq).expect("the message");
    assert_eq!(by_seq(first)["content"]["text"], "a typo");
    assert!(by_seq(second)["content"].is_null(), "what was taken back is gone");
    let one = chat
        .agent
        .person
        .api
        .get(&format!("/api/v1/chat/messages/{}", message_id(&chat.visitor, &id, second).await))
        .await;
    assert!(!one.text.contains("a secret"), "{}", one.text);

    // By request as well, and the answer shows what was done.
    let third = chat.visitor.say(&id, "more").await["seq"].as_u64().expect("a seq");
    let path = format!("/api/messages/{}", message_id(&chat.visitor, &id, third).await);
    let edited = chat.visitor.person.api.put(&path, json!({"content": "more than that"})).await.ok();
    assert_eq!((&edited["content"]["text"], edited["edited_at"].is_string()), (&json!("more than that"), true));
    chat.agent.until_texts(&id, &["hello", "a typo", "more than that"]).await;
}

/// The address of a message, as it was delivered.
async fn message_id(client: &Client, id: &str, seq: u64) -> String {
    client
        .until("the message", |view| {
            let message = view.conversations[id].of_type("message").find(|event| event["seq"] == seq);
            Some(message?["message_id"].as_str()?.to_owned())
        })
        .await
}
