//! Requests that are wrong are refused in one shape, with a number.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::harness::scene::{Broker, Scene};

const WRONG: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;
const JSON: &str = "application/json";

pub async fn wrong_requests_are_problems_with_numbers(broker: Broker) {
    let scene = Scene::start(broker).await;
    let chat = scene.chat().await;
    let (api, admin) = (&chat.visitor.person.api, &scene.admin.api);
    let send = "/api/messages/send";
    for path in [send, "/api/messages/mark-read", "/api/kehu/session", "/api/kefu/login", "/api/sessions"] {
        api.raw(Method::POST, path, Some((JSON, "{not json"))).await.refused(StatusCode::BAD_REQUEST, 2001);
        api.raw(Method::POST, path, Some(("text/plain", "hello")))
            .await
            .refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, 2002);
        api.raw(Method::POST, path, Some((JSON, "[]"))).await.code();
        let large = format!("{{\"x\": {:?}}}", "x".repeat(300_000));
        api.raw(Method::POST, path, Some((JSON, &large))).await.refused(StatusCode::PAYLOAD_TOO_LARGE, 2003);
        let deep = format!("{{\"x\": {}{}}}", "[".repeat(2_000), "]".repeat(2_000));
        api.raw(Method::POST, path, Some((JSON, &deep))).await.refused(StatusCode::BAD_REQUEST, 2001);
        api.call(Method::PATCH, path, None).await.refused(StatusCode::METHOD_NOT_ALLOWED, 2006);
    }
    for (body, status, code) in [
        (json!({}), WRONG, 2004),
        (json!({"content": 7}), WRONG, 2004),
        (json!({"content": {"type": "text"}}), WRONG, 2004),
        (json!({"content": ""}), WRONG, 1301),
        (json!({"content": "x".repeat(8_001)}), WRONG, 1302),
        (json!({"content": "x", "msg_type": "image"}), WRONG, 2004),
        (json!({"content": "x", "client_msg_id": ""}), WRONG, 2004),
        (json!({"content": "x", "client_msg_id": "x".repeat(257)}), WRONG, 2004),
        (json!({"content": "x", "audience": "nobody"}), WRONG, 2004),
        (json!({"content": "x", "conversation_id": "nonsense"}), StatusCode::NOT_FOUND, 1201),
        (json!({"content": {"type": "card", "title": "t", "url": "javascript:alert(1)"}}), WRONG, 1303),
        (json!({"content": {"type": "system", "text": "x"}}), StatusCode::FORBIDDEN, 1103),
    ] {
        let reply = api.post(send, body.clone()).await;
        assert_eq!((reply.status, reply.code()), (status.as_u16(), code), "{body}: {}", reply.text);
    }
    for (path, code) in [
        ("/api/v1/chat/messages?limit=0", 2004),
        ("/api/v1/chat/messages?limit=201", 2004),
        ("/api/v1/chat/messages?limit=many", 2004),
        ("/api/v1/chat/messages?page=0", 2004),
        ("/api/v1/chat/messages?before=x&after=y", 2004),
        ("/api/v1/chat/messages?before=nonsense", 2004),
        ("/api/v1/chat/messages?from=yesterday", 2004),
        ("/api/v1/chat/conversations?page_size=1000", 2004),
    ] {
        api.get(path).await.refused(WRONG, code);
    }
    api.get("/api/v1/chat/messages/nonsense").await.refused(StatusCode::NOT_FOUND, 1202);
    admin.get("/api/v1/chat/messages").await.refused(WRONG, 2004);
    admin.get("/api/users/%FF").await.code();
    admin.post("/api/messages/mark-read", json!({})).await.refused(WRONG, 2004);
    admin.post(send, json!({"content": "to whom?"})).await.refused(WRONG, 2004);
    let own = json!({"to_user_id": "admin", "to_user_type": "kefu", "content": "me"});
    admin.post(send, own).await.refused(WRONG, 2004);
    scene.api().post("/api/kehu/session", json!({"site_key": "another"})).await.refused(StatusCode::NOT_FOUND, 2013);
    scene
        .api()
        .post("/api/kehu/session", json!({"identity_token": "a.b.c"}))
        .await
        .refused(StatusCode::UNAUTHORIZED, 2014);
    scene.api().post("/api/kehu/session", json!({"name": 7})).await.refused(WRONG, 2004);
}

pub async fn what_is_not_there_is_not_found(broker: Broker) {
    let scene = Scene::start(broker).await;
    for path in
        ["/api/nothing", "/api", "/api/", "/nothing.js", "/kehu/../../etc/passwd", "/kehu/%2e%2e/%2e%2e/etc/passwd"]
    {
        let reply = scene.admin.api.get(path).await;
        assert_eq!(reply.status, 404, "{path}: {}", reply.text);
        reply.refused(StatusCode::NOT_FOUND, 2005);
    }
    scene.api().post("/", json!({})).await.refused(StatusCode::METHOD_NOT_ALLOWED, 2006);
    scene.api().get("/ws").await.refused(StatusCode::UPGRADE_REQUIRED, 2016);
    for path in ["/", "/kehu/", "/kefu/", "/kefu/anything/within", "/docs/"] {
        let reply = scene.api().get(path).await;
        assert_eq!((reply.status, reply.content_type.as_str()), (200, "text/html"), "{path}");
        for header in ["content-security-policy", "x-content-type-options"] {
            assert!(reply.headers.contains_key(header), "{path}: {header}");
        }
    }
    for path in ["/kehu", "/kefu", "/docs"] {
        let reply = scene.api().get(path).await;
        assert_eq!((reply.status, reply.headers["location"].to_str().ok()), (308, Some(format!("{path}/").as_str())));
    }
}

pub async fn other_origins_are_kept_out(broker: Broker) {
    let settings = [
        ("KEFU_SERVER__PUBLIC_URL", "https://chat.example.org"),
        ("KEFU_SERVER__ALLOWED_ORIGINS", "https://shop.example.org"),
    ];
    let scene = Scene::start_with(broker, &settings).await;
    let visitor = scene.visitor().await;
    let stream = async |origin: &str| {
        let request = visitor.api.request(Method::GET, "/api/stream?device=d1").header("origin", origin);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(stream("https://shop.example.org").await, 200);
    assert_eq!(stream("https://chat.example.org").await, 200);
    assert_eq!(stream("https://evil.example").await, 403);
    assert_eq!(stream("null").await, 403);
    let preflight = async |origin: &str| {
        let request = scene.api().request(Method::OPTIONS, "/api/kehu/session").header("origin", origin);
        let response = request.header("access-control-request-method", "POST").send().await.expect("an answer");
        response.headers().get("access-control-allow-origin").and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    assert_eq!(preflight("https://shop.example.org").await.as_deref(), Some("https://shop.example.org"));
    assert_eq!(preflight("https://evil.example").await, None);
}
