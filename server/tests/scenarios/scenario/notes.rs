//! Private notes never reach a customer.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::client::{Client, Protocol, note};
use crate::harness::scene::{Broker, Scene};
use crate::harness::wait::eventually;

const SECRET: &str = "a difficult case";

pub async fn a_private_note_never_reaches_the_customer(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut chat = scene.chat().await;
    let id = chat.id.clone();
    let mut streaming = Client::connect(&scene.kefu.address(), &chat.visitor.person, Protocol::Sse).await;
    streaming.attach_from_start(&id).await;
    let mut packed = Client::connect(&scene.kefu.address(), &chat.visitor.person, Protocol::Msgpack).await;
    packed.attach_from_start(&id).await;
    let mut away = scene.connect(&chat.visitor.person).await;
    away.attach_from_start(&id).await;
    away.cut().await;

    let noted = chat.agent.ask(&id, note(SECRET)).await;
    assert_eq!((&noted["t"], &noted["seq"]), (&json!("ack"), &Value::Null), "a note takes no seq: {noted}");
    let body = json!({"conversation_id": id, "content": SECRET, "audience": "staff"});
    chat.agent.person.api.post("/api/messages/send", body.clone()).await.ok();
    let said = chat.agent.say(&id, "how can I help?").await;
    assert_eq!(said["seq"], 2);

    // Live, on resume and on every carrier there is a placeholder in its place.
    let rev = said["rev"].as_u64().expect("a rev");
    away.resume().await;
    for client in [&chat.visitor, &streaming, &packed, &away] {
        client.until_rev(&id, rev).await;
        client.until_texts(&id, &["hello", "how can I help?"]).await;
        let types = client.look(|view| view.conversations[&id].types().join(" "));
        assert!(types.ends_with("hidden hidden message"), "{types}");
        never_told(client);
    }
    chat.agent.until_texts(&id, &["hello", SECRET, SECRET, "how can I help?"]).await;

    // Nor by request, and the unread count does not tell either.
    eventually("the history is complete", async || {
        let items = chat.agent.person.api.whole_history(&id).await;
        let notes = items.iter().filter(|item| item["audience"] == "staff").count();
        (notes == 2 && items.last().is_some_and(|last| last["content"]["text"] == "how can I help?")).then_some(())
    })
    .await;
    let api = chat.visitor.person.api.clone();
    for path in [
        format!("/api/v1/chat/messages?conversation_id={id}"),
        format!("/api/messages/history/{}", chat.visitor.person.id),
        "/api/v1/chat/conversations".to_owned(),
        format!("/api/sessions/{id}.1"),
    ] {
        let reply = api.get(&path).await;
        reply.ok();
        assert!(!reply.text.contains(SECRET), "{path}: {}", reply.text);
    }
    let listed = api.get("/api/v1/chat/conversations").await.ok();
    assert_eq!(listed["items"][0]["last_message"]["content"]["text"], "how can I help?");
    assert_eq!((&listed["items"][0]["seq"], &listed["items"][0]["unread"]), (&json!(2), &json!(1)));

    // Customers write none.
    assert_eq!(chat.visitor.ask(&id, note("me too")).await["code"], 1103);
    api.post("/api/messages/send", body).await.refused(StatusCode::FORBIDDEN, 1103);
    never_told(&chat.visitor);
}

fn never_told(client: &Client) {
    let received = client.look(|view| Value::from(view.frames.clone()).to_string());
    assert!(!received.contains(SECRET) && !received.contains("staff"), "{received}");
}
