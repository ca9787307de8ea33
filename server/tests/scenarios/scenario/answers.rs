//! The same command gets the same answer.

use reqwest::StatusCode;
use serde_json::json;

use crate::client::message;
use crate::harness::scene::{Broker, Scene};

pub async fn the_same_command_on_a_socket_gets_the_same_answer(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut chat = scene.chat().await;
    let (visitor, id) = (&mut chat.visitor, &chat.id);
    let first = visitor.say(id, "once").await;
    assert_eq!(first["n"], 2);
    assert_eq!(visitor.command_as(id, 2, message("once")).await, first);
    let other = visitor.command_as(id, 2, message("something else")).await;
    assert_eq!((&other["t"], &other["code"]), (&json!("rejected"), &json!(1002)));
    let gap = visitor.command_as(id, 5, message("too early")).await;
    assert_eq!((&gap["code"], &gap["expected_n"]), (&json!(1001), &json!(3)));
    let zero = visitor.command_as(id, 0, message("zero")).await;
    assert_eq!(zero["t"], "rejected", "{zero}");

    // The same on a new connection of the same device, and a refusal is repeated as well.
    let refused = visitor.command_as(id, 3, message("")).await;
    assert_eq!(refused["code"], 1301);
    visitor.cut().await;
    visitor.reconnect().await;
    visitor.attach(id).await;
    assert_eq!(visitor.command_as(id, 2, message("once")).await, first);
    assert_eq!(visitor.command_as(id, 3, message("")).await, refused);
    assert_eq!(visitor.command_as(id, 4, message("twice")).await["t"], "ack");
    visitor.until_texts(id, &["hello", "once", "twice"]).await;
    chat.agent.until_texts(id, &["hello", "once", "twice"]).await;
}

pub async fn only_the_last_answers_are_kept(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut chat = scene.chat().await;
    for number in 1..=40 {
        chat.visitor.say(&chat.id, &format!("message {number}")).await;
    }
    // 41 were answered; 32 answers are kept.
    let forgotten = chat.visitor.command_as(&chat.id, 2, message("message 1")).await;
    assert_eq!(forgotten["code"], 1003);
    let kept = chat.visitor.command_as(&chat.id, 10, message("message 9")).await;
    assert_eq!(kept["t"], "ack", "{kept}");
}

pub async fn the_same_request_gets_the_same_answer(broker: Broker) {
    let mut scene = Scene::start_with(broker, &[]).await;
    let mut chat = scene.chat().await;
    let api = chat.visitor.person.api.clone();
    let body = |text: &str| json!({"conversation_id": chat.id, "content": text, "client_msg_id": "订单-1"});
    let first = api.post("/api/messages/send", body("by request")).await;
    assert_eq!(first.status, 201);
    let first = first.ok();
    assert_eq!((&first["client_msg_id"], &first["conversation_id"]), (&json!("订单-1"), &json!(chat.id)));
    assert_eq!(api.post("/api/messages/send", body("by request")).await.ok(), first);
    api.post("/api/messages/send", body("another text")).await.refused(StatusCode::CONFLICT, 1002);

    // The key is the sender's own.
    let by_agent = chat.agent.person.api.post("/api/messages/send", body("the agent's")).await.ok();
    assert_ne!(by_agent["seq"], first["seq"]);

    // It is remembered across a restart.
    scene.kefu.own_mut().kill();
    scene.kefu.own_mut().start_again().await;
    assert_eq!(api.post("/api/messages/send", body("by request")).await.ok(), first);
    api.post("/api/messages/send", body("another text")).await.refused(StatusCode::CONFLICT, 1002);
    chat.visitor.cut().await;
    chat.visitor.resume().await;
    chat.visitor.until_texts(&chat.id, &["hello", "by request", "the agent's"]).await;
}
