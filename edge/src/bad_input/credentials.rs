//! Credentials that are none, on REST, WebSocket and a stream of events alike.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use kefu_model::{At, Name, Role, TenantId};
use kefu_store::Fault;
use serde_json::{Value, json};

use super::*;
use crate::clock;
use crate::config::TenantConfig;
use crate::directory::{NewAgent, PasswordRule, create_agent};

async fn is_refused(served: &Served, token: &str, code: u64) {
    is_answered(served, token, (401, code), code).await;
}

/// REST and a stream of events answer with a status and a number, a WebSocket is closed with a number.
async fn is_answered(served: &Served, token: &str, answer: (u16, u64), closed: u64) {
    for path in ["/api/v1/chat/conversations", "/api/stream?device=d"] {
        let mut raw = served.dial().await;
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
        raw.write(head.as_bytes()).await;
        let response = raw.response().await;
        assert_eq!((response.status, response.code()), answer, "{path}");
        let says_how = response.head.to_ascii_lowercase().contains("www-authenticate: bearer");
        assert_eq!(says_how, answer.0 == 401, "{}", response.head);
    }
    let mut raw = served.open().await;
    raw.say(&json!({"t": "hello", "v": 1, "device": "d", "token": token}).to_string()).await;
    assert_eq!(u64::from(raw.closed_with().await), closed);
}

fn signed(algorithm: Algorithm, key: &[u8], claims: &Value) -> String {
    encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(key)).unwrap()
}

// Bad input: a forged credential: another key or algorithm, none, another tenant's
#[tokio::test]
async fn forged_ones() {
    let served = Served::start().await;
    let soon = clock::now().0 / 1_000 + 600;
    let claims = json!({"sub": "v_1", "ten": "default", "aud": "kefu-visitor", "iat": 1, "exp": soon});
    let ours = served.visitor();
    let parts: Vec<&str> = ours.split('.').collect();
    // Base64url of {"alg":"none"} and of {"alg":"HS512"}.
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    let renamed = format!("eyJhbGciOiJIUzUxMiJ9.{}.{}", parts[1], parts[2]);
    let elsewhere = TenantId::new("elsewhere").unwrap();
    let visitors = &served.edge.services.auth.visitors;
    let gone = visitors.issue(&elsewhere, &UserId::new("v_1").unwrap(), None, clock::now()).unwrap().0;
    let host_site = json!({"sub": "u1", "aud": "kefu", "exp": soon});
    for token in [
        String::new(),
        "x".to_owned(),
        "a.b.c".to_owned(),
        "x".repeat(5_000),
        unsigned,
        renamed,
        signed(Algorithm::HS256, b"another key of another deployment", &claims),
        signed(Algorithm::HS384, b"another key of another deployment", &claims),
        signed(Algorithm::HS256, b"0123456789abcdef0123456789abcdef", &host_site),
        signed(Algorithm::HS256, b"0123456789abcdef0123456789abcdef", &claims),
        gone,
    ] {
        is_refused(&served, &token, 4201).await;
    }
}

/// What one site signed is nothing at another.
#[tokio::test]
async fn another_tenants_signature() {
    let other = TenantConfig {
        tenant: TenantId::new("other").unwrap(),
        site_key: "other".into(),
        identity_secret: Some("another secret of another tenant".to_owned().into()),
        identity_audience: "kefu".into(),
    };
    let mut both = config();
    both.tenants.push(other);
    let served = Served::start_with(both).await;
    let claims = json!({"sub": "u1", "aud": "kefu", "exp": clock::now().0 / 1_000 + 600});
    let theirs = signed(Algorithm::HS256, b"another secret of another tenant", &claims);
    for (site, expected) in [("default", 401), ("other", 200)] {
        let body = json!({"site_key": site, "identity_token": theirs}).to_string();
        let mut raw = served.dial().await;
        let head = "POST /api/kehu/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length";
        raw.write(format!("{head}: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
        let response = raw.response().await;
        assert_eq!(response.status, expected, "{site}");
    }
}

// Bad input: a credential that ran out
#[tokio::test]
async fn expired_ones() {
    let served = Served::start().await;
    let visitors = &served.edge.services.auth.visitors;
    let old = visitors.issue(&tenant(), &UserId::new("v_1").unwrap(), None, At(0)).unwrap().0;
    is_refused(&served, &old, 4202).await;
    let served = Served::start_with(EdgeConfig { login_ttl_ms: 0, ..config() }).await;
    is_refused(&served, &logged_in(&served).await, 4202).await;
}

// Bad input: a credential that was revoked
#[tokio::test]
async fn revoked_ones() {
    let served = Served::start().await;
    let token = logged_in(&served).await;
    let mut socket = served.open().await;
    socket.say(&json!({"t": "hello", "v": 1, "device": "d", "token": token}).to_string()).await;
    assert_eq!(socket.frame().await["t"], "welcome");
    let mut raw = served.dial().await;
    let head = format!("POST /api/kefu/logout HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n");
    raw.write(head.as_bytes()).await;
    assert_eq!(raw.response().await.status, 204);
    is_refused(&served, &token, 4201).await;
    // Every edge is told, and closes what is open.
    let told = served.edge.upstream.notices.lock().pop().unwrap();
    served.edge.services.hub.take(kefu_nats::link::LinkEvent::Notice(told));
    assert_eq!(socket.closed_with().await, 4203);
}

// Bad input: a credential that cannot be checked because the store is away
#[tokio::test]
async fn unchecked_ones() {
    let (edge, store) = TestEdge::with_faulty_store(config());
    let served = Served::of(edge).await;
    let token = logged_in(&served).await;
    served.edge.services.live.invalidate_logins(&[crate::auth::hash_token(&token)]).await.unwrap();
    store.set_plan(|_| Some(Fault::Unavailable));
    is_answered(&served, &token, (503, 2012), 4103).await;
    store.set_plan(|_| None);
    let mut socket = served.open().await;
    socket.say(&json!({"t": "hello", "v": 1, "device": "d", "token": token}).to_string()).await;
    assert_eq!(socket.frame().await["t"], "welcome");
}

async fn logged_in(served: &Served) -> String {
    let name = Name::new("mei").unwrap();
    let agent = NewAgent { tenant: tenant(), username: "mei".into(), name, role: Role::Agent, capacity: 5 };
    let services = &served.edge.services;
    let agent = create_agent(&services.store, agent, "correct horse", PasswordRule::Checked).await.unwrap();
    services.auth.log_in(&agent, false, "").await.unwrap().token
}
