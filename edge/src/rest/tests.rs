use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use kefu_model::{Name, Role};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::directory::{NewAgent, PasswordRule, create_agent};
use crate::testing::{TestEdge, config, tenant};

mod history;
mod live_away;
mod processes;

/// Calls that need no credential, on purpose.
const PUBLIC: &[&str] = &["POST /api/kehu/session", "POST /api/kefu/login", "GET /api/system/health"];
/// Calls that customers may make.
const CUSTOMERS: &[&str] = &[
    "GET /api/kehu/service",
    "POST /api/messages/send",
    "PUT /api/messages/{id}",
    "POST /api/messages/{id}/recall",
    "GET /api/v1/chat/messages/{message_id}",
    "POST /api/messages/mark-read",
    "PUT /api/v1/chat/messages/{id}/read",
    "GET /api/v1/chat/messages",
    "GET /api/messages/history/{user_id}",
    "GET /api/v1/chat/conversations",
    "POST /api/sessions",
    "GET /api/sessions/{id}",
    "POST /api/sessions/{id}/end",
    "GET /api/stream",
    "POST /api/stream/{connection_id}",
];

fn request(method: &str, path: &str, token: Option<&str>, body: Option<Value>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string()))).unwrap()
}

async fn call(edge: &TestEdge, request: Request<Body>) -> Response<Body> {
    router(&edge.services).oneshot(request).await.unwrap()
}

async fn json_of(response: Response<Body>) -> Value {
    serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap_or_default()
}

async fn expect(edge: &TestEdge, request: Request<Body>, status: u16, code: u16) {
    let what = format!("{} {}", request.method(), request.uri());
    let response = call(edge, request).await;
    assert_eq!(response.status().as_u16(), status, "{what}");
    assert_eq!(response.headers()["content-type"], "application/problem+json", "{what}");
    let body = json_of(response).await;
    assert_eq!(body["code"], code, "{what}: {body}");
    assert!(body["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{what}");
}

fn visitor(edge: &TestEdge) -> String {
    let id = kefu_model::UserId::new("v_1").unwrap();
    edge.services.auth.visitors.issue(&tenant(), &id, None, crate::clock::now()).unwrap().0
}

async fn login(edge: &TestEdge, username: &str, role: Role) -> String {
    let agent =
        NewAgent { tenant: tenant(), username: username.into(), name: Name::new(username).unwrap(), role, capacity: 5 };
    create_agent(&edge.services.store, agent, "correct horse", PasswordRule::Checked).await.unwrap();
    let body = json!({"username": username, "password": "correct horse"});
    let response = call(edge, request("POST", "/api/kefu/login", None, Some(body))).await;
    assert_eq!(response.status(), StatusCode::OK);
    json_of(response).await["session_token"].as_str().unwrap().to_owned()
}

/// Every described call: method and path.
fn routes() -> Vec<(String, String)> {
    let api: Value = serde_json::from_str(&openapi()).unwrap();
    let mut routes = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        for method in
            methods.as_object().unwrap().keys().filter(|key| !["parameters", "summary"].contains(&key.as_str()))
        {
            routes.push((method.to_uppercase(), path.clone()));
        }
    }
    routes
}

#[test]
fn the_committed_description_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::env::var_os("KEFU_WRITE_SCHEMA").is_some() {
        std::fs::write(path, openapi()).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(committed, openapi(), "run the tests with KEFU_WRITE_SCHEMA=1 and commit {path}");
}

#[tokio::test]
async fn every_call_declares_the_role_it_needs() {
    let edge = TestEdge::new(config());
    let customer = visitor(&edge);
    let routes = routes();
    assert!(routes.len() >= 40, "{}", routes.len());
    for (method, path) in routes {
        let name = format!("{method} {path}");
        let path = path.replace(['{', '}'], "x");
        if PUBLIC.contains(&name.as_str()) {
            continue;
        }
        expect(&edge, request(&method, &path, None, Some(json!({}))), 401, 4201).await;
        expect(&edge, request(&method, &path, Some("nonsense"), Some(json!({}))), 401, 4201).await;
        if !CUSTOMERS.contains(&name.as_str()) {
            expect(&edge, request(&method, &path, Some(&customer), Some(json!({}))), 403, 1103).await;
        }
    }
}

#[tokio::test]
async fn agents_may_not_administer() {
    let edge = TestEdge::new(config());
    let agent = login(&edge, "kefu001", Role::Agent).await;
    let body = json!({"username": "x", "name": "x", "role": "admin", "password": "long enough"});
    expect(&edge, request("POST", "/api/users", Some(&agent), Some(body)), 403, 1103).await;
    expect(&edge, request("GET", "/api/connections", Some(&agent), None), 403, 1103).await;
    expect(&edge, request("GET", "/api/users?type=kehu", Some(&agent), None), 403, 1103).await;
    let password = json!({"password": "long enough"});
    expect(&edge, request("PUT", "/api/users/admin/password", Some(&agent), Some(password)), 403, 1103).await;
}

#[tokio::test]
async fn wrong_logins_look_all_the_same_and_then_wait() {
    let edge = TestEdge::new(config());
    login(&edge, "kefu001", Role::Agent).await;
    let attempt =
        |name: &str| request("POST", "/api/kefu/login", None, Some(json!({"username": name, "password": "wrong"})));
    for name in ["kefu001", "nobody"] {
        for _ in 0..4 {
            expect(&edge, attempt(name), 401, 2008).await;
        }
        expect(&edge, attempt(name), 429, 2009).await;
        let response = call(&edge, attempt(name)).await;
        assert!(response.headers().contains_key("retry-after"));
    }
}

#[tokio::test]
async fn a_logout_ends_the_token() {
    let edge = TestEdge::new(config());
    let token = login(&edge, "kefu001", Role::Agent).await;
    let status = call(&edge, request("GET", "/api/kefu/status", Some(&token), None)).await;
    assert_eq!(json_of(status).await["status"], "online");
    let out = call(&edge, request("POST", "/api/kefu/logout", Some(&token), None)).await;
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    expect(&edge, request("GET", "/api/kefu/status", Some(&token), None), 401, 4201).await;
    assert!(matches!(&edge.upstream.notices.lock()[..], [kefu_nats::notice::Notice::Revoked { session: Some(_), .. }]));
}

#[tokio::test]
async fn an_agent_sees_and_ends_their_own_logins() {
    let edge = TestEdge::new(config());
    let token = login(&edge, "kefu001", Role::Agent).await;
    let other = login(&edge, "kefu002", Role::Agent).await;
    let listed = json_of(call(&edge, request("GET", "/api/kefu/logins", Some(&token), None)).await).await;
    assert_eq!((&listed["total"], &listed["items"][0]["current"]), (&json!(1), &json!(true)));
    let path = format!("/api/kefu/logins/{}", listed["items"][0]["id"].as_str().unwrap());
    expect(&edge, request("DELETE", &path, Some(&other), None), 404, 2005).await;
    let ended = call(&edge, request("DELETE", &path, Some(&token), None)).await;
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    expect(&edge, request("GET", "/api/kefu/logins", Some(&token), None), 401, 4201).await;
    assert_eq!(call(&edge, request("GET", "/api/kefu/logins", Some(&other), None)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_visitor_comes_back_as_the_same_one() {
    let edge = TestEdge::new(config());
    let first = call(&edge, request("POST", "/api/kehu/session", None, Some(json!({"name": " 小明 "})))).await;
    assert_eq!(first.status(), StatusCode::OK);
    let first = json_of(first).await;
    assert_eq!(first["name"], "小明");
    let again = json!({"visitor_token": first["visitor_token"]});
    let again = json_of(call(&edge, request("POST", "/api/kehu/session", None, Some(again))).await).await;
    assert_eq!(again["user_id"], first["user_id"]);
    assert_eq!(again["support_conversation"], first["support_conversation"]);
    let other =
        json_of(call(&edge, request("POST", "/api/kehu/session", None, Some(json!({"visitor_token": "x"})))).await);
    assert_ne!(other.await["user_id"], first["user_id"], "a bad token gives a new visitor, never somebody else");
    expect(&edge, request("POST", "/api/kehu/session", None, Some(json!({"site_key": "x"}))), 404, 2013).await;
    expect(&edge, request("POST", "/api/kehu/session", None, Some(json!({"identity_token": "x"}))), 401, 2014).await;
}

/// What the host site says of its user.
fn vouched() -> String {
    let key = jsonwebtoken::EncodingKey::from_secret(b"0123456789abcdef0123456789abcdef");
    let exp = crate::clock::now().0 / 1_000 + 60;
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &json!({"sub": "u1", "aud": "kefu", "exp": exp}), &key)
        .unwrap()
}

#[tokio::test]
async fn linking_takes_a_visitors_token_that_is_valid() {
    let edge = TestEdge::new(config());
    let issue = |tenant: &kefu_model::TenantId, id: &str, at| {
        let id = kefu_model::UserId::new(id).unwrap();
        edge.services.auth.visitors.issue(tenant, &id, None, at).unwrap().0
    };
    let come = |visitor_token: &str| {
        let body = json!({"identity_token": vouched(), "visitor_token": visitor_token});
        request("POST", "/api/kehu/session", None, Some(body))
    };
    let (now, elsewhere) = (crate::clock::now(), kefu_model::TenantId::new("elsewhere").unwrap());
    expect(&edge, come("nonsense"), 401, 4201).await;
    expect(&edge, come(&issue(&elsewhere, "v_1", now)), 401, 4201).await;
    expect(&edge, come(&issue(&tenant(), "v_1", kefu_model::At(0))), 401, 4202).await;
    // The owner is asked of an anonymous visitor, and of nobody else.
    expect(&edge, come(&issue(&tenant(), "v_1", now)), 504, 1402).await;
    for vouched_before in ["u1", "u2"] {
        let answer = call(&edge, come(&issue(&tenant(), vouched_before, now))).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let answer = json_of(answer).await;
        assert_eq!((&answer["user_id"], &answer["linked_conversation"]), (&json!("u1"), &Value::Null));
    }
}

#[tokio::test]
async fn bad_requests_are_problems() {
    let edge = TestEdge::new(config());
    let token = visitor(&edge);
    let raw = |body: &str, kind: &str| {
        let request = Request::post("/api/messages/send").header("authorization", format!("Bearer {token}"));
        request.header("content-type", kind).body(Body::from(body.to_owned())).unwrap()
    };
    expect(&edge, raw("{", "application/json"), 400, 2001).await;
    expect(&edge, raw("{\"content\": 7}", "application/json"), 422, 2004).await;
    expect(&edge, raw("{\"content\": \"x\"}", "text/plain"), 415, 2002).await;
    expect(&edge, raw(&"[".repeat(1_000), "application/json"), 400, 2001).await;
    expect(&edge, raw(&"x".repeat(300_000), "application/json"), 413, 2003).await;
    expect(&edge, request("GET", "/api/nothing", Some(&token), None), 404, 2005).await;
    expect(&edge, request("PATCH", "/api/messages/send", Some(&token), None), 405, 2006).await;
    expect(&edge, request("GET", "/api/v1/chat/conversations?page=0", Some(&token), None), 422, 2004).await;
    expect(&edge, request("GET", "/api/v1/chat/messages?before=x", Some(&token), None), 422, 2004).await;
    expect(&edge, request("GET", "/api/v1/chat/messages/nonsense", Some(&token), None), 404, 1202).await;
    expect(&edge, request("GET", "/ws", None, None), 426, 2016).await;
}

#[tokio::test]
async fn nobody_looks_into_others_conversations() {
    let edge = TestEdge::new(config());
    let token = visitor(&edge);
    let other = kefu_model::ConversationId::support(&tenant(), &kefu_model::UserId::new("v_2").unwrap());
    let path = format!("/api/v1/chat/messages?conversation_id={other}");
    expect(&edge, request("GET", &path, Some(&token), None), 404, 1201).await;
    let own = call(&edge, request("GET", "/api/messages/history/anybody", Some(&token), None)).await;
    let own = json_of(own).await;
    let support = kefu_model::ConversationId::support(&tenant(), &kefu_model::UserId::new("v_1").unwrap());
    assert_eq!(own["conversation_id"], support.to_string());
    assert_eq!((&own["rev"], &own["epoch"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn a_message_without_answer_can_be_asked_for_again() {
    let edge = TestEdge::new(config());
    let token = visitor(&edge);
    let body = json!({"content": "hello", "client_msg_id": "m1"});
    let response = call(&edge, request("POST", "/api/messages/send", Some(&token), Some(body))).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    assert_eq!(json_of(response).await["client_msg_id"], "m1");
}

#[tokio::test]
async fn pages_have_headers_that_protect() {
    let edge = TestEdge::new(config());
    for path in ["/", "/kefu/", "/kehu/", "/kefu/chat/42"] {
        let response = call(&edge, request("GET", path, None, None)).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let headers = response.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(headers["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'self'"));
        assert_eq!(headers["cache-control"], "no-cache");
    }
    let asset = call(&edge, request("GET", "/assets/app-1a2b.js", None, None)).await;
    assert!(asset.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    expect(&edge, request("GET", "/assets/../secret", None, None), 404, 2005).await;
    let moved = call(&edge, request("GET", "/kefu", None, None)).await;
    assert_eq!(moved.headers()["location"], "/kefu/");
    let docs = call(&edge, request("GET", "/docs/", None, None)).await;
    assert_eq!(docs.status(), StatusCode::OK);
}

#[tokio::test]
async fn only_allowed_origins_may_call() {
    let edge = TestEdge::new(config());
    let preflight = |origin: &str| {
        let request = Request::builder().method("OPTIONS").uri("/api/messages/send").header("origin", origin);
        request.header("access-control-request-method", "POST").body(Body::empty()).unwrap()
    };
    let own = call(&edge, preflight("https://chat.example.org")).await;
    assert_eq!(own.status(), StatusCode::NO_CONTENT);
    assert_eq!(own.headers()["access-control-allow-origin"], "https://chat.example.org");
    let other = call(&edge, preflight("https://evil.example")).await;
    assert!(!other.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn calls_are_limited_by_user() {
    let edge = TestEdge::new(crate::EdgeConfig { requests_per_user_minute: 2, ..config() });
    let token = visitor(&edge);
    let ask = || request("GET", "/api/v1/chat/conversations", Some(&token), None);
    for _ in 0..2 {
        let response = call(&edge, ask()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers().contains_key("ratelimit-remaining"));
    }
    expect(&edge, ask(), 429, 2007).await;
}

#[tokio::test]
async fn readiness_tells_the_truth() {
    let edge = TestEdge::cold(config());
    let cold = call(&edge, request("GET", "/readyz", None, None)).await;
    assert_eq!(cold.status(), StatusCode::SERVICE_UNAVAILABLE);
    edge.services.warmth.complete();
    assert_eq!(call(&edge, request("GET", "/readyz", None, None)).await.status(), StatusCode::OK);
    edge.services.leaving.store(true, std::sync::atomic::Ordering::Relaxed);
    let response = call(&edge, request("GET", "/readyz", None, None)).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let text = to_bytes(response.into_body(), 1 << 16).await.unwrap();
    assert!(String::from_utf8_lossy(&text).contains("edge: is stopping"));
    assert_eq!(call(&edge, request("GET", "/livez", None, None)).await.status(), StatusCode::OK);
    let metrics = call(&edge, request("GET", "/metrics", None, None)).await;
    assert_eq!(metrics.status(), StatusCode::OK);
}
