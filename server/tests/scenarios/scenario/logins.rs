//! Logging in.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::harness::scene::{Broker, PASSWORD, Scene};

fn login(username: &str, password: &str) -> Value {
    json!({"username": username, "password": password})
}

pub async fn nobody_learns_which_agents_there_are(broker: Broker) {
    let scene = Scene::start(broker).await;
    scene.agent("mei", 5).await;
    scene.agent("gone", 5).await;
    scene.admin.api.put("/api/users/gone", json!({"disabled": true})).await.ok();
    let mut answers = Vec::new();
    for (username, password) in [("mei", "wrong password"), ("nobody", "wrong password"), ("gone", PASSWORD)] {
        let reply = scene.api().post("/api/kefu/login", login(username, password)).await;
        reply.refused(StatusCode::UNAUTHORIZED, 2008);
        let mut body = reply.json();
        body["request_id"] = Value::Null;
        answers.push(body);
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
}

pub async fn who_fails_too_often_is_locked_out(broker: Broker) {
    let scene = Scene::start(broker).await;
    scene.agent("mei", 5).await;
    scene.agent("bob", 5).await;
    for username in ["mei", "nobody"] {
        for attempt in 1..=5 {
            let reply = scene.api().post("/api/kefu/login", login(username, "wrong password")).await;
            let expected = if attempt < 5 { (401, 2008) } else { (429, 2009) };
            assert_eq!((reply.status, reply.code()), expected, "{username}: {}", reply.text);
        }
        // The right password does not help now; nor does another spelling.
        let reply = scene.api().post("/api/kefu/login", login(username, PASSWORD)).await;
        reply.refused(StatusCode::TOO_MANY_REQUESTS, 2009);
        assert!(reply.headers.contains_key("retry-after"));
        scene
            .api()
            .post("/api/kefu/login", login(&username.to_uppercase(), PASSWORD))
            .await
            .refused(StatusCode::TOO_MANY_REQUESTS, 2009);
    }
    let bob = scene.api().post("/api/kefu/login", login("bob", PASSWORD)).await.ok();
    assert_eq!(bob["user"]["id"], "bob");
}

pub async fn a_success_forgets_the_failures_before(broker: Broker) {
    let scene = Scene::start(broker).await;
    scene.agent("mei", 5).await;
    for _ in 0..3 {
        for _ in 0..4 {
            scene
                .api()
                .post("/api/kefu/login", login("mei", "wrong password"))
                .await
                .refused(StatusCode::UNAUTHORIZED, 2008);
        }
        scene.api().post("/api/kefu/login", login("mei", PASSWORD)).await.ok();
    }
    for wrong in [
        json!({}),
        json!({"username": "mei"}),
        json!({"username": "", "password": "x"}),
        json!({"username": 1, "password": "x"}),
    ] {
        scene.api().post("/api/kefu/login", wrong).await.refused(StatusCode::UNPROCESSABLE_ENTITY, 2004);
    }
    let unknown = json!({"username": "mei", "password": PASSWORD, "site_key": "another"});
    scene.api().post("/api/kefu/login", unknown).await.refused(StatusCode::NOT_FOUND, 2013);
    let remembered = json!({"username": "mei", "password": PASSWORD, "remember": true});
    let (short, long) = (
        scene.api().post("/api/kefu/login", login("mei", PASSWORD)).await.ok(),
        scene.api().post("/api/kefu/login", remembered).await.ok(),
    );
    assert!(short["expires_at"].as_str() < long["expires_at"].as_str(), "{short} {long}");
}

pub async fn calls_are_limited_by_user(broker: Broker) {
    let scene = Scene::start_with(broker, &[("KEFU_LIMITS__REQUESTS_PER_USER_MINUTE", "20")]).await;
    let (one, other) = (scene.visitor().await, scene.visitor().await);
    let mut refused = None;
    for _ in 0..25 {
        let reply = one.api.get("/api/v1/chat/conversations").await;
        assert!(reply.headers.contains_key("ratelimit-remaining"), "{:?}", reply.headers);
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("the limit is 20 a minute");
    refused.refused(StatusCode::TOO_MANY_REQUESTS, 2007);
    assert!(refused.headers.contains_key("retry-after"));
    other.api.get("/api/v1/chat/conversations").await.ok();
}
