//! What a customer can find out about conversations that are not theirs: nothing, not even that they exist.

use kefu_model::{ConversationId, MessageId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, message, note};
use crate::harness::scene::{Broker, Scene};

/// A conversation that is not the asker's, by everything that names it.
struct Target {
    conversation: String,
    owner: String,
}

impl Target {
    fn message(&self, seq: u64) -> String {
        let conversation = ConversationId::parse(&self.conversation).expect("an id");
        MessageId { conversation, seq }.to_string()
    }

    /// An answer with the names and what is new in every answer taken out.
    fn unnamed(&self, answer: &str) -> String {
        let mut plain = answer.to_owned();
        for seq in SEQS {
            plain = plain.replace(&self.message(seq), "MESSAGE");
        }
        let plain = plain.replace(&self.conversation, "CONVERSATION").replace(&self.owner, "OWNER");
        let mut parsed: Value = serde_json::from_str(&plain).unwrap_or(Value::String(plain));
        for field in ["request_id", "client_msg_id"] {
            if parsed[field].is_string() {
                parsed[field] = json!("NEW");
            }
        }
        parsed.to_string()
    }
}

const SEQS: [u64; 4] = [0, 1, 2, 1_000_000];

pub async fn a_stranger_cannot_tell_what_exists(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut chat = scene.chat().await;
    chat.agent.say(&chat.id, "how can I help?").await;
    let silent = scene.visitor().await;
    let there = Target { conversation: chat.id.clone(), owner: chat.visitor.person.id.clone() };
    let not_there = Target { conversation: silent.support, owner: silent.id };

    let mut stranger = scene.connected_visitor().await;
    let own = stranger.support();
    stranger.say(&own, "mine").await;
    // Nothing of their own comes between from here on.
    stranger.until_assigned(&own).await;
    // Twice: what was asked before must not show either.
    for _ in 0..2 {
        let (a, b) = (by_requests(&stranger, &there).await, by_requests(&stranger, &not_there).await);
        assert_same(&a, &b);
        let (a, b) = (by_commands(&mut stranger, &there).await, by_commands(&mut stranger, &not_there).await);
        assert_same(&a, &b);
        let (a, b) = (by_silence(&stranger, &there).await, by_silence(&stranger, &not_there).await);
        assert_same(&a, &b);
    }
    chat.visitor.say(&chat.id, "still ours").await;
    chat.agent.until_texts(&chat.id, &["hello", "how can I help?", "still ours"]).await;
}

fn assert_same(there: &[(String, String)], not_there: &[(String, String)]) {
    assert_eq!(there.len(), not_there.len());
    for (a, b) in there.iter().zip(not_there) {
        assert_eq!(a, b);
    }
}

/// Every call that takes a conversation, a message, a session or a customer: what was called, and the answer.
async fn by_requests(stranger: &Client, target: &Target) -> Vec<(String, String)> {
    let mut answers = Vec::new();
    for (method, path, body) in requests(target) {
        let what: String = target.unnamed(&format!("{method} {path} {body}")).chars().take(160).collect();
        let reply = stranger.person.api.call(method, &path, Some(body).filter(|body| !body.is_null())).await;
        answers.push((what, format!("{} {}", reply.status, target.unnamed(&reply.text))));
    }
    answers
}

fn requests(target: &Target) -> Vec<(Method, String, Value)> {
    let (id, owner) = (&target.conversation, &target.owner);
    let long = "x".repeat(8_001);
    let mut calls = Vec::new();
    for path in [
        format!("/api/v1/chat/messages?conversation_id={id}"),
        format!("/api/v1/chat/messages?room_id={id}"),
        format!("/api/v1/chat/messages?conversation_id={id}&page=3"),
        format!("/api/v1/chat/messages?conversation_id={id}&before=1.0"),
        format!("/api/v1/chat/messages?conversation_id={id}&after=9.0"),
        format!("/api/v1/chat/messages?conversation_id={id}&from=2020-01-01T00:00:00Z"),
        format!("/api/sessions/{id}.1"),
        format!("/api/sessions/{id}.2"),
        format!("/api/sessions?customer_id={owner}"),
        format!("/api/kefu/customer/{owner}"),
        format!("/api/users/{owner}?type=kehu"),
    ] {
        calls.push((Method::GET, path, Value::Null));
    }
    for seq in SEQS {
        let message = target.message(seq);
        calls.push((Method::GET, format!("/api/v1/chat/messages/{message}"), Value::Null));
        calls.push((Method::PUT, format!("/api/v1/chat/messages/{message}/read"), json!({})));
        calls.push((Method::POST, format!("/api/messages/{message}/recall"), json!({})));
        for content in ["changed", "", &long] {
            calls.push((Method::PUT, format!("/api/messages/{message}"), json!({"content": content})));
        }
        calls.push((Method::POST, "/api/messages/mark-read".to_owned(), json!({"conversation_id": id, "seq": seq})));
        let items = json!({"items": [{"conversation_id": id, "seq": seq}]});
        calls.push((Method::POST, "/api/messages/mark-read".to_owned(), items));
    }
    for body in [
        json!({"content": "let me in"}),
        json!({"content": "let me in", "client_msg_id": "k1"}),
        json!({"content": "something else", "client_msg_id": "k1"}),
        json!({"content": ""}),
        json!({"content": long}),
        json!({"content": "psst", "audience": "staff"}),
        json!({"content": "notice", "msg_type": "system"}),
        json!({"content": {"type": "image", "file_id": "f", "name": "n", "size": 1, "mime": "no"}}),
    ] {
        let mut body = body;
        body["conversation_id"] = json!(id);
        calls.push((Method::POST, "/api/messages/send".to_owned(), body));
    }
    for body in [json!({}), json!({"reason": "r"}), json!({"reason": " "})] {
        calls.push((Method::POST, format!("/api/sessions/{id}.1/end"), body.clone()));
        calls.push((Method::POST, format!("/api/sessions/{id}.7/end"), body));
    }
    for call in ["assign", "release"] {
        calls.push((Method::POST, format!("/api/kefu/{call}/{owner}"), json!({})));
    }
    calls
}

/// Every command and every way to attach: what was asked, and the answer.
async fn by_commands(stranger: &mut Client, target: &Target) -> Vec<(String, String)> {
    let id = &target.conversation;
    let mut answers = Vec::new();
    for cursor in
        [json!({}), json!({"epoch": 1, "rev": 0}), json!({"epoch": 1, "rev": 3}), json!({"epoch": 7, "rev": 9})]
    {
        let mut item = cursor;
        item["conversation"] = json!(id);
        let answer = stranger.attach_item(item.clone()).await;
        answers.push((target.unnamed(&item.to_string()), target.unnamed(&answer.to_string())));
    }
    let edit = |seq: u64, text: &str| json!({"type": "edit", "seq": seq, "content": {"type": "text", "text": text}});
    let bodies = [
        message("let me in"),
        message(""),
        message(&"x".repeat(8_001)),
        note("psst"),
        json!({"type": "message", "content": {"type": "system", "text": "notice"}}),
        json!({"type": "message", "content": {"type": "card", "title": ""}}),
        edit(0, "x"),
        edit(1, "x"),
        edit(1, ""),
        edit(999, "x"),
        json!({"type": "recall", "seq": 1}),
        json!({"type": "recall", "seq": 0}),
        json!({"type": "end_session"}),
        json!({"type": "end_session", "reason": ""}),
        json!({"type": "end_session", "reason": "r".repeat(201)}),
        json!({"type": "rate", "session": 1, "score": 5}),
        json!({"type": "rate", "session": 0, "score": 9}),
    ];
    // In order, again, with holes, and under numbers that never come.
    for n in [1, 1, 2, 5, 0, 33] {
        for body in &bodies {
            let answer = stranger.command_as(id, n, body.clone()).await;
            assert_eq!(answer["t"], "rejected", "{answer}");
            let asked: String = body.to_string().chars().take(80).collect();
            answers.push((format!("{n} {asked}"), target.unnamed(&answer.to_string())));
        }
    }
    answers
}

/// What is not answered stays unanswered: all that comes until the next `pong`.
async fn by_silence(stranger: &Client, target: &Target) -> Vec<(String, String)> {
    let id = &target.conversation;
    let mut answers = Vec::new();
    for frame in [
        json!({"t": "mark", "conversation": id, "read": 1}),
        json!({"t": "mark", "conversation": id, "delivered": 99}),
        json!({"t": "mark", "conversation": id}),
        json!({"t": "typing", "conversation": id, "on": true, "preview": "psst"}),
        json!({"t": "detach", "items": [id]}),
    ] {
        let before = stranger.look(|view| view.frames.len());
        stranger.send(frame.clone());
        stranger.send(json!({"t": "ping", "id": before}));
        let heard = stranger
            .until("pong", |view| {
                let heard = &view.frames[before..];
                heard.iter().any(|frame| frame["t"] == "pong").then(|| heard.to_vec())
            })
            .await;
        let told: Vec<&Value> = heard.iter().filter(|frame| frame["t"] != "pong").collect();
        answers.push((target.unnamed(&frame.to_string()), format!("{told:?}")));
    }
    answers
}
