//! What is unread, exactly.

use serde_json::{Value, json};

use crate::harness::scene::{Broker, Person, Scene};
use crate::harness::wait::eventually;

pub async fn unread_is_exact_by_request_and_on_the_socket(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut chat = scene.chat().await;
    let id = chat.id.clone();
    for number in 1..=5 {
        chat.visitor.say(&id, &format!("message {number}")).await;
    }
    let (agent, visitor) = (chat.agent.person.clone(), chat.visitor.person.clone());
    until_unread(&agent, 5).await;
    until_unread(&visitor, 0).await;

    let mark = |seq: u64| json!({"conversation_id": id, "seq": seq});
    let marked = agent.api.post("/api/messages/mark-read", mark(4)).await.ok();
    assert_eq!(marked["items"], json!([{"conversation_id": id, "read": 4, "unread": 2}]));
    // A mark never goes back, nor beyond the head.
    let lower = agent.api.post("/api/messages/mark-read", mark(2)).await.ok();
    assert_eq!((&lower["items"][0]["read"], &lower["items"][0]["unread"]), (&json!(4), &json!(2)));
    let beyond = agent.api.post("/api/messages/mark-read", json!({"items": [mark(1_000)]})).await.ok();
    assert_eq!((&beyond["items"][0]["read"], &beyond["items"][0]["unread"]), (&json!(6), &json!(0)));
    let told = |frame: &Value| frame["user"]["id"] == "mei" && frame["read"] == 6 && frame["delivered"] == 6;
    chat.visitor.until("the mark", |view| view.last("marks", &id).filter(|frame| told(frame)).map(drop)).await;

    // Sending marks as read what came before.
    chat.visitor.say(&id, "one more").await;
    until_unread(&agent, 1).await;
    chat.agent.say(&id, "an answer").await;
    until_unread(&agent, 0).await;
    until_unread(&visitor, 1).await;
    chat.visitor.send(json!({"t": "mark", "conversation": id, "delivered": 8}));
    let told = |frame: &Value| frame["user"]["type"] == "kehu" && frame["delivered"] == 8 && frame["read"] == 7;
    chat.agent.until("delivered", |view| view.last("marks", &id).filter(|frame| told(frame)).map(drop)).await;
    until_unread(&visitor, 1).await;
    chat.visitor.send(json!({"t": "mark", "conversation": id, "read": 8}));
    until_unread(&visitor, 0).await;

    // By the address of a message.
    let answer = chat.agent.say(&id, "and another").await;
    until_unread(&visitor, 1).await;
    let message = chat.visitor.until("the message", |view| {
        let mut messages = view.conversations[&id].of_type("message");
        Some(messages.find(|event| event["seq"] == answer["seq"])?["message_id"].as_str()?.to_owned())
    });
    let read = visitor.api.put(&format!("/api/v1/chat/messages/{}/read", message.await), json!({})).await.ok();
    assert_eq!((&read["read"], &read["unread"]), (&json!(9), &json!(0)));
}

async fn until_unread(person: &Person, unread: u64) {
    eventually(&format!("{unread} unread for {}", person.id), async || {
        let listed = person.api.get("/api/v1/chat/conversations").await.ok();
        (listed["items"][0]["unread"] == unread).then_some(())
    })
    .await;
}

pub async fn a_history_is_paged_without_holes(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut chat = scene.chat().await;
    for number in 1..=120 {
        chat.visitor.until_room().await;
        chat.visitor.command(&chat.id, crate::client::message(&format!("message {number}")));
    }
    chat.visitor.until_answered().await;
    let api = &chat.agent.person.api;
    let base = format!("/api/v1/chat/messages?conversation_id={}", chat.id);
    let newest = eventually("all are archived", async || {
        let page = api.get(&base).await.ok();
        (page["total"] == 121).then_some(page)
    })
    .await;
    let last = newest["items"].as_array().and_then(|items| items.last()).expect("items");
    assert_eq!((&last["seq"], &newest["next"]), (&json!(121), &Value::Null));
    assert_eq!(newest["items"].as_array().map(Vec::len), Some(50));

    let all = api.whole_history(&chat.id).await;
    let revs: Vec<_> = all.iter().filter_map(|item| item["rev"].as_u64()).collect();
    assert!(revs.is_sorted_by(|a, b| a < b), "{revs:?}");
    let seqs: Vec<_> = all.iter().filter_map(|item| item["seq"].as_u64()).collect();
    assert_eq!(seqs, (1..=121).collect::<Vec<_>>());

    // Page by number, the other way by cursor, and by the customer's id: the same items.
    let second = api.get(&format!("{base}&page=2&limit=20")).await.ok();
    let forward = api.get(&format!("{base}&limit=20&after={}", second["next"].as_str().expect("a cursor"))).await.ok();
    let first = api.get(&format!("{base}&page=1&limit=20")).await.ok();
    assert_eq!(forward["items"], first["items"]);
    let customer = &chat.visitor.person.id;
    let by_user = api.get(&format!("/api/messages/history/{customer}?page=2&page_size=20")).await.ok();
    assert_eq!(by_user["items"], second["items"]);
    let by_user = api.get(&format!("/api/v1/chat/messages?user_id={customer}&page=2&limit=20")).await.ok();
    assert_eq!(by_user["items"], second["items"]);
    let at = first["items"][0]["at"].as_str().expect("a time").replace('+', "%2B");
    let since = api.get(&format!("{base}&from={at}&limit=200")).await.ok();
    assert!(since["items"].as_array().is_some_and(|items| items.len() >= 20 && items.contains(&first["items"][0])));
}
