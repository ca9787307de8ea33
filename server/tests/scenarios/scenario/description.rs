//! The API describes itself.

use reqwest::Method;
use serde_json::json;

use crate::harness::scene::{Broker, Scene};

pub async fn every_described_call_is_there(broker: Broker) {
    let scene = Scene::start(broker).await;
    let described = scene.api().get("/api/openapi.json").await.ok();
    assert!(described["openapi"].as_str().is_some_and(|version| version.starts_with("3.")), "{}", described["openapi"]);
    let paths = described["paths"].as_object().expect("paths");
    for path in [
        "/api/kehu/session",
        "/api/kefu/login",
        "/api/messages/send",
        "/api/v1/chat/messages",
        "/api/messages/history/{user_id}",
        "/api/sessions",
        "/api/users",
        "/api/connections",
        "/api/stream",
    ] {
        assert!(paths.contains_key(path), "{path} is not described");
    }
    let mut calls = 0;
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().expect("methods") {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let concrete = path.replace(['{', '}'], "x");
            // Nobody asks: a call that needs somebody says so; the others find their fault or answer.
            let body = (method != Method::GET && method != Method::DELETE).then(|| json!({}));
            let reply = scene.api().call(method.clone(), &concrete, body).await;
            assert!(
                ![404, 405].contains(&reply.status) && reply.status < 500,
                "{method} {path}: {} {}",
                reply.status,
                reply.text
            );
            let is_public = operation["security"] == json!([]) || operation["security"] == json!([{}]);
            assert_eq!(reply.status == 401, !is_public, "{method} {path}: {} {}", reply.status, reply.text);
            assert!(operation["responses"].as_object().is_some_and(|all| !all.is_empty()), "{method} {path}");
            calls += 1;
        }
    }
    assert!(calls > 30, "{calls} calls");
    let frames = scene.api().get("/api/frames.json").await.ok();
    assert!(frames["$defs"].is_object() || frames["anyOf"].is_array(), "{frames}");
}
