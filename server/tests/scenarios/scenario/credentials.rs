//! Credentials that end, and those that never were any.

use reqwest::StatusCode;
use serde_json::json;

use crate::client::{Client, Protocol};
use crate::harness::kefu::Kefu;
use crate::harness::scene::{self, Broker, PASSWORD, Person, Scene, log_in};

pub async fn logging_out_ends_that_login_only(broker: Broker) {
    let scene = Scene::start(broker).await;
    let desk = scene.agent("mei", 5).await;
    let phone = log_in(&scene.api(), "mei", PASSWORD).await;
    let (at_desk, on_phone) = (scene.connect(&desk).await, scene.connect(&phone).await);
    assert_eq!(desk.api.post("/api/kefu/logout", json!({})).await.status, 204);
    assert_eq!(at_desk.until_closed().await, 4203);
    is_refused(&scene, &desk).await;
    phone.api.get("/api/kefu/status").await.ok();
    on_phone.send(json!({"t": "ping", "id": 5}));
    on_phone.until("pong", |view| view.current().iter().any(|frame| frame["id"] == 5).then_some(())).await;
}

pub async fn a_new_password_ends_all_logins(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mei = scene.agent("mei", 5).await;
    let socket = scene.connect(&mei).await;
    let path = "/api/users/mei/password";
    let own = |current: &str| json!({"password": "a new password", "current_password": current});
    mei.api.put(path, own("wrong")).await.refused(StatusCode::UNAUTHORIZED, 2008);
    mei.api
        .put(path, json!({"password": "short", "current_password": PASSWORD}))
        .await
        .refused(StatusCode::UNPROCESSABLE_ENTITY, 2004);
    assert_eq!(mei.api.put(path, own(PASSWORD)).await.status, 204);
    assert_eq!(socket.until_closed().await, 4203);
    is_refused(&scene, &mei).await;
    let old = json!({"username": "mei", "password": PASSWORD});
    scene.api().post("/api/kefu/login", old).await.refused(StatusCode::UNAUTHORIZED, 2008);

    let again = log_in(&scene.api(), "mei", "a new password").await;
    let socket = scene.connect(&again).await;
    assert_eq!(scene.admin.api.put(path, json!({"password": "the admin's choice"})).await.status, 204);
    assert_eq!(socket.until_closed().await, 4203);
    log_in(&scene.api(), "mei", "the admin's choice").await;
}

pub async fn a_disabled_agent_is_out_at_once(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mei = scene.agent("mei", 5).await;
    let socket = scene.connect(&mei).await;
    scene.admin.api.put("/api/users/mei", json!({"disabled": true})).await.ok();
    assert_eq!(socket.until_closed().await, 4203);
    is_refused(&scene, &mei).await;
    let login = json!({"username": "mei", "password": PASSWORD});
    scene.api().post("/api/kefu/login", login.clone()).await.refused(StatusCode::UNAUTHORIZED, 2008);
    scene.admin.api.put("/api/users/mei", json!({"disabled": false})).await.ok();
    scene.api().post("/api/kefu/login", login).await.ok();
    is_refused(&scene, &mei).await;
}

pub async fn credentials_run_out(broker: Broker) {
    let short = [("KEFU_AUTH__LOGIN_MINUTES", "0"), ("KEFU_AUTH__VISITOR_DAYS", "0")];
    let nats = (broker == Broker::Nats).then(kefu_nats::testing::NatsServer::start);
    let url = nats.as_ref().map(kefu_nats::testing::NatsServer::url);
    let mut variables = short.to_vec();
    variables.extend(url.as_deref().map(|url| ("KEFU_NATS__URL", url)));
    let kefu = Kefu::start(&[], &variables).await;
    let api = crate::harness::api::Api::new(&kefu.url());
    let visitor = scene::visitor(&api).await;
    let admin = log_in(&api, "admin", &kefu.admin_password()).await;
    for person in [&visitor, &admin] {
        let ran_out = crate::harness::wait::eventually("it ran out", async || {
            let reply = person.api.get("/api/v1/chat/conversations").await;
            (reply.status != 200).then_some(reply)
        });
        ran_out.await.refused(StatusCode::UNAUTHORIZED, 4202);
        let mut socket = Client::new(&kefu.address(), person, Protocol::Json);
        socket.dial().await;
        assert_eq!(socket.until_closed().await, 4202);
    }
}

pub async fn foreign_and_forged_tokens_are_refused(broker: Broker) {
    let scene = Scene::start(broker).await;
    let other = Kefu::start(&["--demo"], &[]).await;
    let ours = scene.visitor().await;
    let theirs = scene::visitor(&crate::harness::api::Api::new(&other.url())).await;
    let parts: Vec<&str> = ours.token.split('.').collect();
    let their_parts: Vec<&str> = theirs.token.split('.').collect();
    // Base64url of {"alg":"none"}.
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    let swapped = format!("{}.{}.{}", parts[0], their_parts[1], parts[2]);
    let cut = ours.token[..ours.token.len() - 4].to_owned();
    let long = "x".repeat(5_000);
    for token in [theirs.token.clone(), unsigned, swapped, cut, long, "nonsense".to_owned()] {
        let person = Person { api: scene.api().with(&token), token, ..ours.clone() };
        is_refused(&scene, &person).await;
        let mut socket = Client::new(&scene.kefu.address(), &person, Protocol::Json);
        socket.dial().await;
        assert_eq!(socket.until_closed().await, 4201);
        assert_eq!(person.api.stream("/api/stream?device=d1").await.status(), 401);
    }
    scene.api().get("/api/v1/chat/conversations").await.refused(StatusCode::UNAUTHORIZED, 4201);

    // A token that is not ours makes a new visitor; ours brings the same one back.
    let renewed = scene.api().post("/api/kehu/session", json!({"visitor_token": ours.token})).await.ok();
    assert_eq!(renewed["user_id"], ours.id.as_str());
    let stranger = scene.api().post("/api/kehu/session", json!({"visitor_token": theirs.token})).await.ok();
    assert_ne!(stranger["user_id"], theirs.id.as_str());
}

pub async fn an_address_that_names_somebody_else_is_refused(broker: Broker) {
    let scene = Scene::start(broker).await;
    let (one, other) = (scene.visitor().await, scene.visitor().await);
    for (query, code) in [
        (format!("/ws?user_id={}&user_type=kehu&session_token={}", one.id, one.token), 0),
        (format!("/ws/{}?session_token={}", one.id, one.token), 0),
        (format!("/ws?user_id={}&session_token={}", other.id, one.token), 4204),
        (format!("/ws?user_id={}&user_type=kefu&session_token={}", one.id, one.token), 4204),
        (format!("/ws/{}?session_token={}", other.id, one.token), 4204),
    ] {
        let mut socket =
            Client::new(&scene.kefu.address(), &Person { token: String::new(), ..one.clone() }, Protocol::Json);
        socket.dial_at(&query).await;
        if code == 0 {
            socket.until("welcome", |view| view.welcome.clone()).await;
        } else {
            assert_eq!(socket.until_closed().await, code, "{query}");
        }
    }
    assert!(!scene.kefu.output().contains(&one.token), "tokens are never logged");
}

/// The token is worth nothing any more.
async fn is_refused(scene: &Scene, person: &Person) {
    for path in ["/api/v1/chat/conversations", "/api/kefu/status"] {
        let reply = person.api.get(path).await;
        assert_eq!(reply.status, 401, "{}", reply.text);
        assert!([4201, 4203].contains(&reply.code()), "{}", reply.text);
    }
    let mut socket = Client::new(&scene.kefu.address(), person, Protocol::Json);
    socket.dial().await;
    assert!([4201, 4203].contains(&socket.until_closed().await));
}
