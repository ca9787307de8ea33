//! `kill -9` under load: what was acknowledged is there, once, in order.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::client::{Client, message};
use crate::harness::api::Api;
use crate::harness::scene::{Broker, Scene};
use crate::harness::wait::eventually;

/// Messages of each sender between two kills.
const BURST: usize = 60;

pub async fn what_was_acknowledged_survives_kill_9(broker: Broker) {
    let mut scene = Scene::start_with(broker, &[]).await;
    let mut visitors = Vec::new();
    for _ in 0..4 {
        visitors.push(scene.connected_visitor().await);
    }
    for round in 0..3 {
        for number in 0..BURST {
            for (index, visitor) in visitors.iter_mut().enumerate() {
                visitor.until_room().await;
                let support = visitor.support();
                visitor.command(&support, message(&format!("{index}: {round}.{number}")));
            }
        }
        // Some were acknowledged, some are on their way.
        scene.kefu.own_mut().kill();
        for visitor in &visitors {
            visitor.until_closed().await;
        }
        scene.kefu.own_mut().start_again().await;
        for visitor in &mut visitors {
            visitor.cut().await;
            visitor.resume().await;
        }
    }
    for visitor in &mut visitors {
        visitor.until_answered().await;
        is_complete(visitor).await;
    }
}

/// Everything sent was accepted, and is in the live order and in the history once, in the order in which it was sent.
async fn is_complete(visitor: &Client) {
    let id = visitor.support();
    let mut by_seq = BTreeMap::new();
    let mut sent = Vec::new();
    for (_, body, answer) in visitor.answered() {
        let answer = answer.expect("all were answered");
        assert_eq!(answer["t"], "ack", "{answer}");
        let text = body["content"]["text"].as_str().expect("a text").to_owned();
        assert_eq!(by_seq.insert(answer["seq"].as_u64().expect("a seq"), text.clone()), None);
        sent.push(text);
    }
    assert_eq!(by_seq.values().cloned().collect::<Vec<_>>(), sent, "the order of the sender");
    assert_eq!(by_seq.keys().copied().collect::<Vec<_>>(), (1..=sent.len() as u64).collect::<Vec<_>>());

    let texts: Vec<&str> = sent.iter().map(String::as_str).collect();
    visitor.until_texts(&id, &texts).await;
    let items = whole(&visitor.person.api, &id, sent.len()).await;
    let archived: Vec<_> = items.iter().map(|item| (item["seq"].as_u64(), item["content"]["text"].as_str())).collect();
    let expected: Vec<_> = by_seq.iter().map(|(seq, text)| (Some(*seq), Some(text.as_str()))).collect();
    assert_eq!(archived, expected);
}

/// The messages of the history once it has that many.
async fn whole(api: &Api, id: &str, messages: usize) -> Vec<Value> {
    eventually("the history has caught up", async || {
        let items = api.whole_history(id).await;
        let messages_in: Vec<Value> = items.into_iter().filter(|item| item["type"] == "message").collect();
        (messages_in.len() >= messages).then_some(messages_in)
    })
    .await
}

pub async fn a_chat_goes_on_after_a_restart(broker: Broker) {
    let mut scene = Scene::start_with(broker, &[]).await;
    let chat = scene.chat().await;
    let (mut agent, mut visitor, id) = (chat.agent, chat.visitor, chat.id);
    visitor.say(&id, "before").await;
    for client in [&agent, &visitor] {
        client.until_texts(&id, &["hello", "before"]).await;
    }
    scene.kefu.own_mut().kill();
    agent.until_closed().await;
    visitor.until_closed().await;
    // Written down while there is no connection: it goes out at the next one.
    visitor.cut().await;
    visitor.command(&id, message("while it was down"));
    scene.kefu.own_mut().start_again().await;
    agent.cut().await;
    agent.resume().await;
    visitor.resume().await;
    visitor.until_answered().await;
    agent.say(&id, "after").await;
    for client in [&agent, &visitor] {
        client.until_texts(&id, &["hello", "before", "while it was down", "after"]).await;
        assert_eq!(client.look(|view| view.conversations[&id].lost), 0);
    }
    let session = scene.admin.api.get(&format!("/api/sessions/{id}.1")).await.ok();
    assert_eq!((&session["status"], &session["agent"]["id"]), (&"active".into(), &"mei".into()));
}

pub async fn the_broker_is_killed_under_load(broker: Broker) {
    let mut scene = Scene::start_with(broker, &[]).await;
    let mut nats = scene.nats.take().expect("the broker is a process of its own");
    let mut visitor = scene.connected_visitor().await;
    let id = visitor.support();
    for round in 0..2 {
        for number in 0..BURST {
            visitor.until_room().await;
            visitor.command(&id, message(&format!("{round}.{number}")));
        }
        nats.restart();
    }
    visitor.until_answered().await;
    is_complete(&visitor).await;
}
