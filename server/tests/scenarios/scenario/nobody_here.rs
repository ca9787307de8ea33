//! Nobody is there: visitors are told so, and leave a message.

use serde_json::{Value, json};

use crate::harness::scene::{Broker, Person, Scene};
use crate::harness::wait::eventually;

const EMAIL: &str = "ann@example.org";

pub async fn a_message_is_left_while_nobody_is_there(broker: Broker) {
    let scene = Scene::start(broker).await;
    let first = scene.api().post("/api/kehu/session", json!({})).await.ok();
    assert_eq!(first["service"], "away", "{first}");

    let mut visitor = scene.connected_visitor().await;
    let id = visitor.support();
    let left = json!({"type": "card", "title": "Left while away", "text": "Where is my order?",
        "fields": [{"name": "Name", "value": "Ann"}, {"name": "E-mail", "value": EMAIL}]});
    let answer = visitor.ask(&id, json!({"type": "message", "content": left})).await;
    assert_eq!(answer["t"], "ack", "{answer}");
    visitor.until("it waits", |view| view.last("queue", &id).filter(|frame| frame["position"] == 1).map(drop)).await;
    visitor.cut().await;

    // Whoever comes first gets it, with the contact.
    let mut agent = scene.online_agent("mei", 5).await;
    agent.attach_added(&id).await;
    let got = agent.until("the message", |view| view.conversations[&id].of_type("message").next().cloned()).await;
    assert_eq!(got["content"], left);
    eventually("the list shows it", async || {
        let listed = agent.person.api.get("/api/v1/chat/conversations").await.ok();
        (listed["items"][0]["last_message"]["content"]["fields"][1]["value"] == EMAIL).then_some(())
    })
    .await;
    until_service(&visitor.person, "online").await;

    // The answer is there when the visitor comes back.
    agent.say(&id, "It left yesterday.").await;
    visitor.resume().await;
    visitor.until_texts(&id, &["Where is my order?", "It left yesterday."]).await;
    eventually("the history has it", async || {
        let history = visitor.person.api.whole_history(&id).await;
        history.iter().any(|item| item["content"] == left).then_some(())
    })
    .await;

    // Busy agents take chats by hand; who is away takes none.
    agent.set_status("busy").await;
    until_service(&visitor.person, "online").await;
    agent.set_status("away").await;
    until_service(&visitor.person, "away").await;
    // Another edge may hear of it a moment later.
    eventually("who comes again is told so", async || {
        let again = scene.api().post("/api/kehu/session", json!({"visitor_token": visitor.person.token})).await.ok();
        assert_eq!(again["user_id"], visitor.person.id);
        (again["service"] == "away").then_some(())
    })
    .await;
}

async fn until_service(visitor: &Person, wanted: &str) {
    eventually(&format!("the service is {wanted}"), async || {
        let answer: Value = visitor.api.get("/api/kehu/service").await.ok();
        (answer["service"] == wanted).then_some(())
    })
    .await;
}
