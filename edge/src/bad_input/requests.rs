//! Requests that HTTP/1.1 does not allow, or that two servers might read differently.

use super::*;

async fn answers(served: &Served, bytes: &[u8]) -> Option<(u16, bool)> {
    let mut raw = served.dial().await;
    raw.write(bytes).await;
    let response = raw.try_response().await?;
    Some((response.status, raw.is_closed().await))
}

// Bad input: two different `Content-Length`, a bad chunk size, another transfer coding, a folded header, or CR or NUL in a value
#[tokio::test]
async fn what_is_ambiguous_is_refused_and_the_connection_closed() {
    let served = Served::start().await;
    for head in [
        "POST /api/kehu/session HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        "POST /api/kehu/session HTTP/1.1\r\nHost: x\r\nContent-Length: 2, 3\r\n\r\n{}",
        "POST /api/kehu/session HTTP/1.1\r\nHost: x\r\nContent-Length: -2\r\n\r\n{}",
        "POST /api/kehu/session HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}",
        "POST /api/kehu/session HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n{}",
        "POST /api/kehu/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        "POST /api/kehu/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
        "POST /api/kehu/session HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: b\r\n folded\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: b\rc\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost: x\r\nX-A: b\0c\r\n\r\n",
        "GET /livez HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET  /livez HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /li\u{1}vez HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /livez HTTP/3.7\r\nHost: x\r\n\r\n",
    ] {
        assert_eq!(answers(&served, head.as_bytes()).await, Some((400, true)), "{head:?}");
    }
    for chunk in [
        "x\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n{}\r\n",
        "2\r\n{}0\r\n\r\n",
        "2;a\nb\r\n{}\r\n",
    ] {
        let head = "POST /api/kehu/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
        let request = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}");
        let mut raw = served.dial().await;
        raw.write(request.as_bytes()).await;
        let response = raw.response().await;
        assert_eq!((response.status, response.code()), (400, 2001), "{chunk:?}");
        assert!(raw.is_closed().await, "{chunk:?}");
    }
}

// Bad input: `Content-Length` and `Transfer-Encoding` together
#[tokio::test]
async fn a_length_beside_chunks_counts_for_nothing_and_nothing_behind_is_read() {
    let served = Served::start().await;
    for lengths in
        ["Content-Length: 4\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 4"]
    {
        let head = format!("POST /api/kehu/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{lengths}");
        let request = format!("{head}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(answers(&served, request.as_bytes()).await, Some((200, true)), "{lengths}");
    }
}

// Bad input: lines ended by LF alone, an address in absolute form, a method that nobody knows
#[tokio::test]
async fn what_is_odd_and_harmless_is_read() {
    let served = Served::start().await;
    for (request, status) in [
        ("GET /livez HTTP/1.1\nHost: x\nConnection: close\n\n", 200),
        ("GET http://evil.example/livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        ("GET http://evil.example HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405),
        ("CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405),
        ("BREW /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 405),
        ("GET /livez HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", 200),
    ] {
        let answer = answers(&served, request.as_bytes()).await;
        assert_eq!(answer.map(|(status, _)| status), Some(status), "{request:?}");
    }
    for number in 0..50 {
        let request = format!("M{number} /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        answers(&served, request.as_bytes()).await;
    }
    let families = served.edge.services.prometheus.gather();
    let requests = families.iter().find(|family| family.name() == "kefu_edge_request_seconds").unwrap();
    assert!(requests.get_metric().len() < 20, "an invented method is no time series");
}

// Bad input: a request line or headers larger than 32 KiB, or more than 64 headers
#[tokio::test]
async fn a_head_is_bounded() {
    let served = Served::start().await;
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(200_000));
    let answer = answers(&served, long.as_bytes()).await;
    assert!(matches!(answer, Some((414 | 431, _)) | None), "{answer:?}");
    let large = format!("GET /livez HTTP/1.1\r\nX-A: {}\r\n\r\n", "a".repeat(200_000));
    let answer = answers(&served, large.as_bytes()).await;
    assert!(matches!(answer, Some((431, _)) | None), "{answer:?}");
    let many: String = (0..65).map(|number| format!("X-{number}: a\r\n")).collect();
    assert_eq!(answers(&served, format!("GET /livez HTTP/1.1\r\n{many}\r\n").as_bytes()).await, Some((431, true)));
}

// Bad input: something else than HTTP/1
#[tokio::test]
async fn other_protocols_are_told_so() {
    let served = Served::start().await;
    for bytes in [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        &[0; 64],
        b"\r\n\r\n\r\nnonsense\r\n\r\n",
    ] {
        let answer = answers(&served, bytes).await;
        assert!(matches!(answer, Some((400, true)) | None), "{bytes:?}: {answer:?}");
    }
}
