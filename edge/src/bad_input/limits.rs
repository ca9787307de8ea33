//! Too much of what is allowed.

use super::raw::handshake;
use super::*;

fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

// Bad input: calls faster than the limit of a user or an address
#[tokio::test]
async fn calls_are_limited_by_user_and_address() {
    for limited in [
        EdgeConfig { requests_per_user_minute: 5, ..config() },
        EdgeConfig { requests_per_address_minute: 5, ..config() },
    ] {
        let served = Served::start_with(limited).await;
        let mut raw = served.dial().await;
        let mut refused = None;
        for _ in 0..8 {
            raw.write(&get("/api/v1/chat/conversations", &served.visitor())).await;
            let response = raw.response().await;
            assert!(response.head.contains("ratelimit-limit: 5\r\n"), "{}", response.head);
            if response.status != 200 {
                refused = Some(response);
                break;
            }
        }
        let refused = refused.expect("the limit is 5 a minute");
        assert_eq!((refused.status, refused.code()), (429, 2007));
        for header in ["ratelimit-remaining: 0\r\n", "ratelimit-reset: ", "retry-after: "] {
            assert!(refused.head.contains(header), "{header}: {}", refused.head);
        }
    }
    let visitors = EdgeConfig { visitors_per_address_minute: 2, ..config() };
    let served = Served::start_with(visitors).await;
    let mut raw = served.dial().await;
    let mut codes = Vec::new();
    for _ in 0..3 {
        raw.write(b"POST /api/kehu/session HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await;
        codes.push(raw.response().await.status);
    }
    assert_eq!(codes, [200, 200, 429]);
}

// Bad input: more connections than a user, an address or the process may have
#[tokio::test]
async fn connections_are_limited_by_user_address_and_process() {
    for (limited, expected) in [
        (EdgeConfig { connections_per_address: 2, ..config() }, (429, 4304)),
        (EdgeConfig { connections: 2, ..config() }, (503, 4102)),
    ] {
        let served = Served::start_with(limited).await;
        let _kept = [served.open().await, served.open().await];
        for request in [handshake(&[]), get("/api/stream?device=d", &served.visitor())] {
            let mut raw = served.dial().await;
            raw.write(&request).await;
            let response = raw.response().await;
            assert_eq!((response.status, response.code()), expected);
        }
    }
    let served = Served::start_with(EdgeConfig { connections_per_user: 2, ..config() }).await;
    let _kept = [served.welcomed().await, served.welcomed().await];
    let mut third = served.open().await;
    third.say(&served.hello()).await;
    assert_eq!(third.closed_with().await, 4304);
}
