//! What people say, what they are called and what they log in with never gets into a log.

use reqwest::Method;
use serde_json::json;

use crate::client::message;
use crate::harness::scene::{Broker, PASSWORD, Scene};

const TEXT: &str = "my neighbour Quetzalcoatl snores";
const EMAIL: &str = "quetzal@example.org";
const AGENT: &str = "wilhelmina";

pub async fn nothing_personal_is_logged(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut agent = scene.online_agent(AGENT, 5).await;
    let mut visitor = scene.connected_visitor().await;
    let id = visitor.support();
    visitor.say(&id, TEXT).await;
    visitor.until_assigned(&id).await;
    agent.attach_added(&id).await;
    agent.say(&id, TEXT).await;
    let card =
        json!({"type": "card", "title": "Contact", "text": TEXT, "fields": [{"name": "E-mail", "value": EMAIL}]});
    assert_eq!(visitor.ask(&id, json!({"type": "message", "content": card})).await["t"], "ack");
    // Whatever is refused is where something would be quoted.
    let office = &agent.person.api;
    let login = json!({"username": AGENT, "password": EMAIL});
    scene.api().post("/api/kefu/login", login).await.code();
    office.get(&format!("/api/kefu/customer/{EMAIL}")).await.code();
    office
        .raw(Method::POST, "/api/v1/chat/send", Some(("application/json", &format!("{{\"text\": \"{TEXT}"))))
        .await
        .code();
    office.with(&format!("{}x", agent.person.token)).get("/api/users/me").await.code();
    visitor.ask(&format!("c{}", &id[1..]), message(TEXT)).await;
    visitor.cut().await;
    visitor.resume().await;
    visitor.send_text(&format!("{{\"t\": \"{TEXT}\"}}"));
    visitor.until("it is refused", |view| view.frames.iter().any(|frame| frame["t"] == "error").then_some(())).await;
    let logged = scene.kefu.output();
    assert!(!logged.is_empty());
    let personal = [TEXT, "Quetzalcoatl", EMAIL, AGENT, PASSWORD, &agent.person.token, &visitor.person.token];
    for secret in personal {
        let line = logged.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
