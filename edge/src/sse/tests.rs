use axum::body::BodyDataStream;
use axum::http::Request;
use futures::StreamExt;
use kefu_model::UserId;
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::rest;
use crate::testing::{TestEdge, config, tenant};

fn token(edge: &TestEdge, id: &str) -> String {
    let id = UserId::new(id).unwrap();
    edge.services.auth.visitors.issue(&tenant(), &id, None, clock::now()).unwrap().0
}

async fn open_stream(edge: &TestEdge, token: &str) -> BodyDataStream {
    let request = Request::get("/api/stream?device=d").header("authorization", format!("Bearer {token}"));
    let response = rest::router(&edge.services).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body().into_data_stream()
}

async fn next_frame(stream: &mut BodyDataStream) -> Value {
    let event = stream.next().await.unwrap().unwrap();
    let data = event.strip_prefix(b"data: ").and_then(|data| data.strip_suffix(b"\n\n")).unwrap();
    serde_json::from_slice(data).unwrap()
}

async fn send(edge: &TestEdge, token: &str, id: &str, frames: &str) -> u16 {
    let request = Request::post(format!("/api/stream/{id}")).header("authorization", format!("Bearer {token}"));
    let request = request.header("content-type", "application/json").body(Body::from(frames.to_owned())).unwrap();
    rest::router(&edge.services).oneshot(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn frames_go_down_the_stream_and_up_by_post() {
    let edge = TestEdge::new(config());
    let token_1 = token(&edge, "v_1");
    let mut stream = open_stream(&edge, &token_1).await;
    let welcome = next_frame(&mut stream).await;
    assert_eq!(welcome["t"], "welcome");
    let id = welcome["connection_id"].as_str().unwrap();
    assert_eq!(send(&edge, &token_1, id, r#"[{"t":"ping","id":1},{"t":"ping","id":2}]"#).await, 202);
    let pongs = next_frame(&mut stream).await;
    assert_eq!(pongs.as_array().map(Vec::len), Some(2));
    assert_eq!(send(&edge, &token(&edge, "v_2"), id, r#"{"t":"ping"}"#).await, 404, "somebody else's");
    assert_eq!(send(&edge, &token_1, "nothing", r#"{"t":"ping"}"#).await, 404);
    assert_eq!(send(&edge, &token_1, id, &"x".repeat(70_000)).await, 413);
    drop(stream);
    assert_eq!(send(&edge, &token_1, id, r#"{"t":"ping"}"#).await, 404, "the stream is gone");
    assert_eq!(edge.services.places.taken(), 0);
    assert!(edge.services.hub.connections().is_empty());
}

#[tokio::test]
async fn a_closed_connection_ends_the_stream() {
    let edge = TestEdge::new(config());
    let mut stream = open_stream(&edge, &token(&edge, "v_1")).await;
    next_frame(&mut stream).await;
    edge.services.hub.connections()[0].input(Input::Close(Code::Disconnected));
    assert_eq!(next_frame(&mut stream).await["code"], 4004);
    assert!(stream.next().await.is_none());
}
