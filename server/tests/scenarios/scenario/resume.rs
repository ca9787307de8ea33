//! Connections that break off: nothing is missing afterwards, nothing is there twice.

use serde_json::json;

use crate::client::message;
use crate::harness::scene::{Broker, Scene};
use crate::harness::wait::eventually;

pub async fn a_broken_connection_resumes_while_messages_flow(broker: Broker) {
    const MESSAGES: usize = 300;
    let scene = Scene::start(broker).await;
    let chat = scene.chat().await;
    let (mut agent, mut visitor, id) = (chat.agent, chat.visitor, chat.id);
    let texts: Vec<String> = (1..=MESSAGES).map(|number| format!("message {number}")).collect();

    let sending = async {
        for text in &texts {
            agent.until_room().await;
            agent.command(&id, message(text));
        }
        agent.until_answered().await;
        agent
    };
    let breaking = async {
        // Each time a few more messages have come, the connection breaks off.
        for seen in [10, 40, 80, 120, 200] {
            visitor.until("messages", |view| (view.texts(&id).len() > seen).then_some(())).await;
            visitor.cut().await;
            visitor.resume().await;
        }
        visitor
    };
    let (agent, visitor) = futures::join!(sending, breaking);

    let all: Vec<&str> = std::iter::once("hello").chain(texts.iter().map(String::as_str)).collect();
    visitor.until_texts(&id, &all).await;
    agent.until_texts(&id, &all).await;
    assert_eq!(visitor.look(|view| view.conversations[&id].lost), 0, "every resume was recovered");
}

pub async fn what_was_not_answered_is_sent_again_once(broker: Broker) {
    const MESSAGES: usize = 120;
    let scene = Scene::start(broker).await;
    let chat = scene.chat().await;
    let (agent, mut visitor, id) = (chat.agent, chat.visitor, chat.id);
    let texts: Vec<String> = (1..=MESSAGES).map(|number| format!("message {number}")).collect();
    for (index, text) in texts.iter().enumerate() {
        visitor.until_room().await;
        visitor.command(&id, message(text));
        if index % 25 == 20 {
            // Some of what is in flight was taken, some was not, and nobody knows.
            visitor.cut().await;
            visitor.resume().await;
        }
    }
    visitor.until_answered().await;
    let all: Vec<&str> = std::iter::once("hello").chain(texts.iter().map(String::as_str)).collect();
    agent.until_texts(&id, &all).await;
    visitor.until_texts(&id, &all).await;
}

pub async fn messages_wait_for_who_is_away(broker: Broker) {
    let scene = Scene::start(broker).await;
    let chat = scene.chat().await;
    let (mut agent, mut visitor, id) = (chat.agent, chat.visitor, chat.id);
    agent.cut().await;
    for number in 1..=7 {
        visitor.say(&id, &format!("while away {number}")).await;
    }
    // Joining began at the head: what came after it is unread.
    let unread = |items: &serde_json::Value| items["items"][0]["unread"].clone();
    eventually("7 unread", async || {
        let listed = agent.person.api.get("/api/v1/chat/conversations").await.ok();
        (unread(&listed) == 7 && listed["items"][0]["last_message"]["content"]["text"] == "while away 7").then_some(())
    })
    .await;

    agent.resume().await;
    let head = agent.look(|view| view.conversations[&id].state.clone());
    let own = json!({"type": "kefu", "id": "mei"});
    let member = head["members"].as_array().expect("members").iter().find(|member| member["user"] == own).cloned();
    let read = member.expect("a member")["read"].as_u64().expect("a mark");
    assert_eq!(head["seq"].as_u64().expect("a head") - read, 7);
    let texts = agent.look(|view| view.texts(&id));
    assert_eq!(texts.len(), 8, "{texts:?}");

    // Another device that was never here gets the same.
    let mut other = scene.connect(&agent.person).await;
    other.attach_from_start(&id).await;
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    other.until_texts(&id, &texts).await;
    other.send(json!({"t": "mark", "conversation": id, "read": 8}));
    eventually("nothing is unread", async || {
        let listed = agent.person.api.get("/api/v1/chat/conversations").await.ok();
        (unread(&listed) == 0).then_some(())
    })
    .await;
}

pub async fn a_cursor_that_is_no_cursor_is_not_recovered(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut chat = scene.chat().await;
    for (epoch, rev) in [(7, 1), (1, 1_000_000)] {
        let item = json!({"conversation": chat.id, "epoch": epoch, "rev": rev});
        let attached = chat.visitor.attach_item(item).await;
        assert_eq!(attached["recovered"], false, "epoch {epoch}, rev {rev}: {attached}");
        // The history says from where to go on.
        chat.visitor.attach_from_history(&chat.id).await;
        chat.visitor.until_texts(&chat.id, &["hello"]).await;
    }
}
