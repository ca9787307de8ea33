//! Agents who go away.

use std::time::Duration;

use serde_json::json;

use crate::harness::scene::{Broker, Scene};

/// The edge waits a few seconds for a page that only reloads, then the grace time runs, then the assigner looks. In the
/// cluster a login besides counts for a minute.
const GONE_WITHIN: Duration = Duration::from_secs(100);

pub async fn a_vanished_agents_sessions_go_to_another(broker: Broker) {
    let mut scene = Scene::start_with(broker, &[("KEFU_ALLOCATION__GRACE_S", "1")]).await;
    // A login counts as a sign of life for a minute. After a restart only sockets do, unless others remember it.
    let (ann, bob) = (scene.agent("ann", 5).await, scene.agent("bob", 5).await);
    scene.kefu.own_mut().kill();
    scene.kefu.own_mut().start_again().await;
    let mut ann = scene.connect(&ann).await;
    ann.until_online().await;
    let bob = scene.connect(&bob).await;
    bob.set_status("busy").await;
    let mut visitor = scene.connected_visitor().await;
    let id = visitor.support();
    visitor.say(&id, "hello").await;
    assert_eq!(visitor.until_assigned(&id).await, "ann");
    bob.set_status("online").await;

    ann.cut().await;
    visitor
        .until_within(GONE_WITHIN, "it was queued again", |view| {
            let requeued = view.conversations.get(&id)?.of_type("session_requeued").next()?.clone();
            assert_eq!(requeued["reason"], "agent_gone");
            Some(())
        })
        .await;
    assert_eq!(visitor.until_assigned(&id).await, "bob");
    visitor.say(&id, "are you still there?").await;

    // Who comes back does not get it back, and cannot write into it.
    ann.reconnect().await;
    let refused = ann.ask(&id, crate::client::message("I am")).await;
    assert_eq!(refused["code"], 1101, "{refused}");
}

pub async fn a_short_absence_costs_nothing(broker: Broker) {
    let scene = Scene::start_with(broker, &[("KEFU_ALLOCATION__GRACE_S", "600")]).await;
    let mut chat = scene.chat().await;
    let _other = scene.online_agent("other", 5).await;
    chat.agent.cut().await;
    chat.visitor.say(&chat.id, "while away").await;
    chat.agent.resume().await;
    chat.agent.until_texts(&chat.id, &["hello", "while away"]).await;
    chat.agent.say(&chat.id, "back").await;
    chat.visitor.until_texts(&chat.id, &["hello", "while away", "back"]).await;
    let types = chat.visitor.look(|view| view.conversations[&chat.id].types().join(" "));
    assert!(!types.contains("requeued") && !types.contains("transferred"), "{types}");
}

pub async fn an_agent_who_goes_offline_gives_sessions_back(broker: Broker) {
    let scene = Scene::start_with(broker, &[("KEFU_ALLOCATION__GRACE_S", "1")]).await;
    let chat = scene.chat().await;
    let other = scene.online_agent("other", 5).await;
    chat.agent.set_status("offline").await;
    let holder = chat
        .visitor
        .until("the other agent", |view| view.agent_of(&chat.id).filter(|agent| agent != &chat.agent.person.id))
        .await;
    assert_eq!(holder, other.person.id);
    // Cleaning up finds nobody: both have connections.
    let cleaned = scene.admin.api.post("/api/kefu/cleanup", json!({})).await.ok();
    assert_eq!(cleaned["requeued"], 0, "{cleaned}");
}
