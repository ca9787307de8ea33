//! Whom a conversation is none of their business.

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::api::Api;
use crate::harness::scene::{Broker, Scene};

pub async fn another_customers_conversation_is_out_of_reach(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut chat = scene.chat().await;
    let said = chat.visitor.say(&chat.id, "my secret").await;
    let (id, owner) = (chat.id.clone(), chat.visitor.person.id.clone());
    let of_seq = |event: &&serde_json::Value| event["seq"] == said["seq"];
    let message_id = chat
        .visitor
        .until("the message", |view| {
            let message = view.conversations[&id].of_type("message").find(of_seq)?;
            message["message_id"].as_str().map(str::to_owned)
        })
        .await;

    let mut stranger = scene.connected_visitor().await;
    let own = stranger.support();
    stranger.say(&own, "mine").await;
    reads_nothing(&stranger.person.api, &id, &owner, &message_id).await;
    writes_nothing(&stranger.person.api, &id, &message_id).await;
    let attached = stranger.attach(&id).await;
    assert_eq!(attached["error"], 1201, "{attached}");
    for body in [
        crate::client::message("let me in"),
        json!({"type": "edit", "seq": 1, "content": {"type": "text", "text": "x"}}),
        json!({"type": "end_session"}),
        json!({"type": "rate", "session": 1, "score": 1}),
    ] {
        let answer = stranger.ask(&id, body).await;
        assert_eq!(answer["t"], "rejected", "{answer}");
    }
    stranger.send(json!({"t": "mark", "conversation": id, "read": 1}));
    stranger.send(json!({"t": "typing", "conversation": id, "on": true, "preview": "psst"}));

    // An agent who does not have it sees no more; a supervisor does.
    let mut other = scene.online_agent("other", 5).await;
    reads_nothing(&other.person.api, &id, &owner, &message_id).await;
    writes_nothing(&other.person.api, &id, &message_id).await;
    let attached = other.attach(&id).await;
    assert_eq!(attached["error"], 1101, "{attached}");
    let supervisor = scene.staff("sup", "supervisor", 0).await;
    let seen = supervisor.api.whole_history(&id).await;
    assert!(seen.iter().any(|item| item["content"]["text"] == "my secret"), "{seen:?}");

    chat.visitor.say(&id, "still ours").await;
    chat.agent.until_texts(&id, &["hello", "my secret", "still ours"]).await;
    let typed = chat.agent.look(|view| view.last("typing", &id).cloned());
    assert_eq!(typed, None);
    let received = stranger.look(|view| serde_json::Value::from(view.frames.clone()).to_string());
    assert!(!received.contains("my secret") && !received.contains(&owner), "{received}");
}

/// Whatever is asked, nothing of the conversation is told.
async fn reads_nothing(api: &Api, id: &str, owner: &str, message_id: &str) {
    for path in [
        format!("/api/v1/chat/messages?conversation_id={id}"),
        format!("/api/v1/chat/messages?room_id={id}"),
        format!("/api/v1/chat/messages?user_id={owner}"),
        format!("/api/messages/history/{owner}"),
        format!("/api/v1/chat/messages/{message_id}"),
        "/api/v1/chat/conversations".to_owned(),
        format!("/api/sessions/{id}.1"),
        format!("/api/sessions?customer_id={owner}"),
    ] {
        let reply = api.get(&path).await;
        assert!(!reply.text.contains("my secret"), "{path}: {}", reply.text);
        assert!(reply.status < 500, "{path}: {}", reply.text);
    }
    api.get(&format!("/api/v1/chat/messages?conversation_id={id}")).await.refused(StatusCode::NOT_FOUND, 1201);
    api.get(&format!("/api/v1/chat/messages/{message_id}")).await.refused(StatusCode::NOT_FOUND, 1202);
}

/// Whatever is tried, it is refused.
async fn writes_nothing(api: &Api, id: &str, message_id: &str) {
    let calls = [
        (
            reqwest::Method::POST,
            "/api/messages/send".to_owned(),
            json!({"conversation_id": id, "content": "let me in"}),
        ),
        (reqwest::Method::POST, "/api/messages/mark-read".to_owned(), json!({"conversation_id": id, "seq": 1})),
        (reqwest::Method::PUT, format!("/api/v1/chat/messages/{message_id}/read"), json!({})),
        (reqwest::Method::PUT, format!("/api/messages/{message_id}"), json!({"content": "changed"})),
        (reqwest::Method::POST, format!("/api/messages/{message_id}/recall"), json!({})),
        (reqwest::Method::POST, format!("/api/sessions/{id}.1/end"), json!({})),
    ];
    for (method, path, body) in calls {
        let reply = api.call(method, &path, Some(body)).await;
        assert!([403, 404].contains(&reply.status), "{path}: {} {}", reply.status, reply.text);
        assert!([1101, 1102, 1103, 1201, 1202, 1205].contains(&reply.code()), "{path}: {}", reply.text);
    }
}

pub async fn customers_have_no_business_in_the_office(broker: Broker) {
    let scene = Scene::start(broker).await;
    let visitor = scene.visitor().await;
    for path in [
        "/api/users",
        "/api/users/admin",
        "/api/sessions",
        "/api/sessions/statistics",
        "/api/connections",
        "/api/kefu/status",
        "/api/system/info",
        "/api/system/online-users",
        "/api/stats/websocket",
    ] {
        visitor.api.get(path).await.refused(StatusCode::FORBIDDEN, 1103);
    }
    let customer = format!("/api/kefu/assign/{}", visitor.id);
    visitor.api.post(&customer, json!({})).await.refused(StatusCode::FORBIDDEN, 1103);
    visitor.api.post("/api/kefu/cleanup", json!({})).await.refused(StatusCode::FORBIDDEN, 1103);
    let agent = scene.agent("mei", 5).await;
    for path in ["/api/sessions/statistics", "/api/connections", "/api/stats/websocket", "/api/users?type=kehu"] {
        agent.api.get(path).await.refused(StatusCode::FORBIDDEN, 1103);
    }
    agent.api.post("/api/kefu/cleanup", json!({})).await.refused(StatusCode::FORBIDDEN, 1103);
}
