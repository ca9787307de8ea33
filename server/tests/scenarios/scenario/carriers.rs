//! The same frames, whatever carries them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::client::{Client, Protocol, message};
use crate::harness::scene::{Broker, Scene};

pub async fn everybody_chats_over_events_and_posts(broker: Broker) {
    chat_over(broker, Protocol::Sse).await;
}

pub async fn everybody_chats_in_msgpack(broker: Broker) {
    chat_over(broker, Protocol::Msgpack).await;
}

async fn chat_over(broker: Broker, protocol: Protocol) {
    let scene = Scene::start(broker).await;
    let address = scene.kefu.address();
    let mut agent = Client::connect(&address, &scene.agent("mei", 5).await, protocol).await;
    agent.until_online().await;
    let mut visitor = Client::connect(&address, &scene.visitor().await, protocol).await;
    let id = visitor.support();
    assert_eq!(visitor.look(|view| view.welcome.clone()).expect("welcome")["support_conversation"], id.as_str());
    visitor.attach(&id).await;
    visitor.say(&id, "你好 👋").await;
    assert_eq!(visitor.until_assigned(&id).await, "mei");
    agent.attach_added(&id).await;
    agent.say(&id, "how can I help?").await;

    agent.send(json!({"t": "typing", "conversation": id, "on": true, "preview": "not shown"}));
    let typing = visitor.until("typing", |view| view.last("typing", &id).cloned()).await;
    assert_eq!((&typing["on"], &typing["preview"]), (&json!(true), &Value::Null));
    visitor.send(json!({"t": "typing", "conversation": id, "on": true, "preview": "I would like"}));
    let typing = agent.until("typing", |view| view.last("typing", &id).cloned()).await;
    assert_eq!(typing["preview"], "I would like");
    visitor.send(json!({"t": "mark", "conversation": id, "read": 2}));
    let marks = agent.until("marks", |view| view.last("marks", &id).filter(|marks| marks["read"] == 2).cloned()).await;
    assert_eq!(marks["user"]["id"], visitor.person.id.as_str());
    visitor.send(json!({"t": "ping", "id": 77}));
    visitor.until("pong", |view| view.current().iter().any(|f| f["t"] == "pong" && f["id"] == 77).then_some(())).await;
    visitor.send(json!({"t": "nonsense"}));
    visitor.until("an error", |view| view.current().iter().any(|frame| frame["code"] == 3003).then_some(())).await;

    visitor.cut().await;
    agent.say(&id, "are you there?").await;
    visitor.resume().await;
    visitor.say(&id, "I am").await;
    // The same conversation over another carrier.
    let mut other = scene.connect(&visitor.person).await;
    other.attach_from_start(&id).await;
    for client in [&agent, &visitor, &other] {
        client.until_texts(&id, &["你好 👋", "how can I help?", "are you there?", "I am"]).await;
    }
    let events = |client: &Client| {
        let mut events = client.look(|view| view.conversations[&id].events.clone());
        for event in &mut events {
            event.as_object_mut().expect("an object").retain(|field, _| field != "device" && field != "n");
        }
        events
    };
    assert_eq!(events(&visitor), events(&other));
}

pub async fn a_stream_belongs_to_its_credential(broker: Broker) {
    let scene = Scene::start(broker).await;
    let client = Client::connect(&scene.kefu.address(), &scene.visitor().await, Protocol::Sse).await;
    let id =
        client.look(|view| view.welcome.clone()).expect("welcome")["connection_id"].as_str().expect("an id").to_owned();
    let path = format!("/api/stream/{id}");
    let ping = json!({"t": "ping"});
    let stranger = scene.visitor().await;
    stranger.api.post(&path, ping.clone()).await.refused(StatusCode::NOT_FOUND, 2018);
    scene.api().post(&path, ping.clone()).await.refused(StatusCode::UNAUTHORIZED, 4201);
    client.person.api.post("/api/stream/nowhere", ping.clone()).await.refused(StatusCode::NOT_FOUND, 2018);
    assert_eq!(client.person.api.post(&path, ping.clone()).await.status, 202);
    let many = Value::Array(vec![ping; 65]);
    client.person.api.post(&path, many).await.ok();
    client.until("too many", |view| view.current().iter().any(|frame| frame["code"] == 3005).then_some(())).await;
    let large = format!("{:?}", "x".repeat(70_000));
    client
        .person
        .api
        .raw(Method::POST, &path, Some(("application/json", &large)))
        .await
        .refused(StatusCode::PAYLOAD_TOO_LARGE, 2003);
    client.person.api.get("/api/stream?device=").await.refused(StatusCode::UNPROCESSABLE_ENTITY, 2004);
}

pub async fn bad_frames_are_refused_by_number(broker: Broker) {
    let scene = Scene::start(broker).await;
    let mut visitor = scene.connected_visitor().await;
    let id = visitor.support();
    for (text, code) in [
        ("no json", 3001),
        ("42", 3001),
        ("[1]", 3001),
        ("{}", 3002),
        (r#"{"t":"nonsense"}"#, 3003),
        (r#"{"t":"attach"}"#, 3002),
        (r#"{"t":"attach","id":"x","items":[]}"#, 3002),
        (r#"{"t":"hello","v":1,"device":"d"}"#, 3004),
        (r#"{"t":"status","status":"online"}"#, 3002),
    ] {
        let before = visitor.look(|view| view.frames.len());
        visitor.send_text(text);
        let error =
            visitor.until(text, |view| view.frames[before..].iter().find(|frame| frame["t"] == "error").cloned()).await;
        assert_eq!((&error["code"], &error["fatal"]), (&json!(code), &json!(false)), "{text}: {error}");
    }
    for (body, code) in [
        (message(""), 1301),
        (message(&"x".repeat(8_001)), 1302),
        (json!({"type": "message", "content": {"type": "system", "text": "x"}}), 1103),
        (json!({"type": "rate", "session": 1, "score": 6}), 1303),
        (json!({"type": "recall", "seq": 7}), 1202),
        (json!({"type": "end_session", "reason": "x".repeat(201)}), 1302),
    ] {
        // The conversation exists from here on.
        visitor.say(&id, "hello").await;
        let answer = visitor.ask(&id, body.clone()).await;
        assert_eq!((&answer["t"], &answer["code"]), (&json!("rejected"), &json!(code)), "{body}: {answer}");
    }
    // The sixteenth is one too many.
    for _ in 0..7 {
        visitor.send_text("no json");
    }
    assert_eq!(visitor.until_closed().await, 4301);
}

pub async fn connections_that_do_not_keep_to_the_protocol_are_closed(broker: Broker) {
    let scene = Scene::start(broker).await;
    let person = scene.visitor().await;
    let hello = |v: u64, device: &str| json!({"t": "hello", "v": v, "token": person.token, "device": device});
    for (frame, code) in [(hello(2, "d"), 4305), (hello(1, "no/device"), 4301), (hello(1, ""), 4301)] {
        let mut client = Client::new(&scene.kefu.address(), &person, Protocol::Json);
        client.open_silently().await;
        client.send(frame.clone());
        assert_eq!(client.until_closed().await, code, "{frame}");
    }
    let client = scene.connect(&person).await;
    client.send_text(&format!("{:?}", "x".repeat(70_000)));
    assert_eq!(client.until_closed().await, 4302);
    let mut silent = Client::new(&scene.kefu.address(), &person, Protocol::Json);
    silent.open_silently().await;
    assert_eq!(silent.until_closed().await, 4303);
}
