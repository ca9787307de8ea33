//! Agents are administered.

use reqwest::StatusCode;
use serde_json::json;

use crate::harness::scene::{Broker, PASSWORD, Scene, log_in};

const WRONG: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

pub async fn an_admin_administers_agents(broker: Broker) {
    let scene = Scene::start(broker).await;
    let admin = &scene.admin.api;
    let body = json!({"username": "mei", "name": "Mei 梅", "role": "agent", "password": PASSWORD, "capacity": 3});
    let created = admin.post("/api/users", body.clone()).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let created = created.ok();
    assert_eq!((&created["id"], &created["role"], &created["capacity"]), (&json!("mei"), &json!("agent"), &json!(3)));
    assert!(!created.to_string().contains("argon2"), "{created}");
    admin.post("/api/users", body.clone()).await.refused(StatusCode::CONFLICT, 2010);
    for (field, value) in [
        ("username", json!("")),
        ("username", json!("a b")),
        ("username", json!("x".repeat(65))),
        ("password", json!("short")),
        ("role", json!("customer")),
        ("capacity", json!(1_001)),
        ("name", json!("")),
        ("capacity", json!(-1)),
        ("name", json!(7)),
    ] {
        let mut wrong = body.clone();
        wrong["username"] = json!("another");
        wrong[field] = value;
        admin.post("/api/users", wrong.clone()).await.refused(WRONG, 2004);
    }
    let changed =
        admin.put("/api/users/mei", json!({"name": "Mei Lin", "capacity": 7, "role": "supervisor"})).await.ok();
    assert_eq!(
        (&changed["name"], &changed["capacity"], &changed["role"]),
        (&json!("Mei Lin"), &json!(7), &json!("supervisor"))
    );
    assert_eq!(admin.get("/api/users/mei").await.ok()["name"], "Mei Lin");
    admin.put("/api/users/nobody", json!({})).await.refused(StatusCode::NOT_FOUND, 2017);
    admin.get("/api/users/nobody").await.refused(StatusCode::NOT_FOUND, 2017);

    scene.agent("bob", 5).await;
    let all = admin.get("/api/users?type=kefu").await.ok();
    assert_eq!(all["total"], 3, "{all}");
    let found = admin.get("/api/users?q=Lin").await.ok();
    assert_eq!((found["items"].as_array().map(Vec::len), &found["items"][0]["id"]), (Some(1), &json!("mei")));
    assert_eq!(admin.get("/api/users?role=admin").await.ok()["items"][0]["id"], "admin");
    let page = admin.get("/api/users?page=2&page_size=2").await.ok();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1));
    // Nobody can lock themselves out.
    admin.put("/api/users/admin", json!({"role": "agent"})).await.refused(StatusCode::FORBIDDEN, 1103);
    admin.put("/api/users/admin", json!({"disabled": true})).await.refused(StatusCode::FORBIDDEN, 1103);
}

pub async fn agents_administer_nobody(broker: Broker) {
    let scene = Scene::start(broker).await;
    let other = scene.agent("other", 5).await;
    let body = json!({"username": "eve", "name": "Eve", "role": "admin", "password": PASSWORD});
    for person in [scene.agent("mei", 5).await, scene.staff("sup", "supervisor", 5).await] {
        person.api.post("/api/users", body.clone()).await.refused(StatusCode::FORBIDDEN, 1103);
        let own = format!("/api/users/{}", person.id);
        person.api.put(&own, json!({"role": "admin"})).await.refused(StatusCode::FORBIDDEN, 1103);
        person.api.put("/api/users/other", json!({"disabled": true})).await.refused(StatusCode::FORBIDDEN, 1103);
        let password = json!({"password": "taken over now"});
        person.api.put("/api/users/other/password", password).await.refused(StatusCode::FORBIDDEN, 1103);
        // Colleagues are seen.
        assert_eq!(person.api.get("/api/users/other").await.ok()["name"], "Agent other");
    }
    other.api.get("/api/kefu/status").await.ok();
}

pub async fn another_role_means_logging_in_again(broker: Broker) {
    let scene = Scene::start(broker).await;
    let socket = scene.connect(&scene.staff("sup", "supervisor", 5).await).await;
    socket.person.api.get("/api/sessions/statistics").await.ok();
    scene.admin.api.put("/api/users/sup", json!({"role": "agent"})).await.ok();
    assert_eq!(socket.until_closed().await, 4203);
    assert_eq!(socket.person.api.get("/api/sessions/statistics").await.status, 401);
    let again = log_in(&scene.api(), "sup", PASSWORD).await;
    again.api.get("/api/sessions/statistics").await.refused(StatusCode::FORBIDDEN, 1103);
}

pub async fn status_and_capacity_are_the_agents_own(broker: Broker) {
    let scene = Scene::start(broker).await;
    let chat = scene.chat().await;
    let mei = &chat.agent.person.api;
    let status = mei.get("/api/kefu/status").await.ok();
    assert_eq!(status, json!({"user_id": "mei", "status": "online", "capacity": 5, "active": 1}));
    for (method, status) in [(reqwest::Method::PUT, "busy"), (reqwest::Method::POST, "away")] {
        let answer = mei.call(method, "/api/kefu/status", Some(json!({"status": status}))).await.ok();
        assert_eq!(answer["status"], status);
        chat.agent
            .until("presence", |view| {
                view.current().iter().any(|frame| frame["t"] == "presence" && frame["status"] == status).then_some(())
            })
            .await;
    }
    assert_eq!(mei.get("/api/users/mei").await.ok()["status"], "away");
    mei.put("/api/kefu/status", json!({"status": "online", "capacity": 6})).await.refused(WRONG, 2004);
    mei.put("/api/kefu/status", json!({"status": "asleep"})).await.refused(WRONG, 2004);
    assert_eq!(mei.put("/api/kefu/status", json!({"status": "online", "capacity": 2})).await.ok()["capacity"], 2);
    let beat = mei.post("/api/kefu/heartbeat", json!({})).await.ok();
    assert!(beat["expires_at"].is_string() && beat["status"] == "online", "{beat}");
}
