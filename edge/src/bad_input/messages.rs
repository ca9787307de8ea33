//! Messages that are no frames of ours.

use serde_json::json;

use super::raw::frame;
use super::*;

// Bad input: a message that is not JSON or msgpack, or no object or array of objects
// Bad input: a field that is missing or has a wrong type
// Bad input: an unknown `t`
// Bad input: an unknown `type` of a body or content
// Bad input: a number that is negative, fractional, or 2^53 and more
// Bad input: nesting deeper than 16
// Bad input: more than 64 frames in an array, or 200 items in an `attach`
// Bad input: 16 protocol errors
#[tokio::test]
async fn json_is_refused_by_number_and_the_connection_stays() {
    let served = Served::start().await;
    let support = kefu_model::ConversationId::support(&tenant(), &UserId::new("v_1").unwrap());
    let command = |body: &str| format!(r#"{{"t":"command","conversation":"{support}","n":1,"body":{body}}}"#);
    let deep = format!(r#"{{"t":"ping","x":{}{}}}"#, "[".repeat(16), "]".repeat(16));
    let items = vec![format!(r#"{{"conversation":"{support}"}}"#); 201].join(",");
    let cases: Vec<(String, u64)> = vec![
        ("not json".into(), 3001),
        ("".into(), 3001),
        ("7".into(), 3001),
        ("[null]".into(), 3001),
        (r#"["ping"]"#.into(), 3001),
        (r#"{"t":"ping""#.into(), 3001),
        (deep, 3001),
        ("[".repeat(60_000), 3001),
        ("{}".into(), 3002),
        (r#"{"t":7}"#.into(), 3002),
        (r#"{"t":"attach","id":"x","items":[]}"#.into(), 3002),
        (r#"{"t":"attach","id":1}"#.into(), 3002),
        (r#"{"t":"dance"}"#.into(), 3003),
        (command(r#"{"type":"dance"}"#), 3002),
        (command(r#"{"type":"message","content":{"type":"dance"}}"#), 3002),
        (command(r#"{"type":"rate","session":1,"score":256}"#), 3002),
        (r#"{"t":"ping","id":-1}"#.into(), 3002),
        (r#"{"t":"ping","id":1.5}"#.into(), 3002),
        (r#"{"t":"ping","id":9007199254740992}"#.into(), 3002),
        (r#"{"t":"ping","id":1e400}"#.into(), 3001),
        (format!(r#"{{"t":"attach","id":1,"items":[{{"conversation":"{support}","rev":9007199254740992}}]}}"#), 3002),
        (format!(r#"{{"t":"mark","conversation":"{support}","read":18446744073709551615}}"#), 3002),
        (command(r#"{"type":"recall","seq":9007199254740992}"#), 3002),
        (format!("[{}]", vec![r#"{"t":"ping"}"#; 65].join(",")), 3005),
        (format!(r#"{{"t":"attach","id":1,"items":[{items}]}}"#), 3005),
    ];
    let mut raw = served.welcomed().await;
    for (index, (text, code)) in cases.iter().enumerate() {
        if index % 10 == 0 {
            raw = served.welcomed().await;
        }
        raw.say(text).await;
        assert_eq!(raw.error().await, *code, "{}", &text[..text.len().min(100)]);
        raw.say(r#"{"t":"ping","id":3}"#).await;
        assert_eq!(raw.frame().await["id"], 3);
    }
    for n in ["0", "9007199254740992"] {
        raw.say(&command(r#"{"type":"recall","seq":1}"#).replace(r#""n":1"#, &format!(r#""n":{n}"#))).await;
        assert_eq!(raw.frame().await["code"], 1303, "{n}");
    }
    let mut raw = served.open().await;
    for _ in 0..15 {
        raw.say("not json").await;
        assert_eq!(raw.error().await, 3001);
    }
    raw.say("not json").await;
    assert_eq!(raw.closed_with().await, 4301);
}

// Bad input: an id that is none, or huge
#[tokio::test]
async fn ids_that_are_none() {
    let served = Served::start().await;
    let mut raw = served.welcomed().await;
    for id in [String::new(), "x".repeat(60_000), "s!!!!!!!!!!!!!!!!!!!!!!".to_owned(), "\u{0}".to_owned()] {
        let id = json!(id);
        raw.say(&format!(r#"{{"t":"command","conversation":{id},"n":1,"body":{{"type":"end_session"}}}}"#)).await;
        assert_eq!(raw.frame().await["code"], 1201);
        raw.say(&format!(r#"{{"t":"attach","id":1,"items":[{{"conversation":{id}}}]}}"#)).await;
        assert_eq!(raw.frame().await["items"][0]["error"], 1201);
        raw.say(&format!(r#"{{"t":"mark","conversation":{id},"read":1}}"#)).await;
        assert_eq!(raw.error().await, 3002);
        raw.say(&format!(r#"{{"t":"detach","items":[{id}]}}"#)).await;
    }
    for device in ["", "no/device", &"x".repeat(65)] {
        let mut raw = served.open().await;
        raw.say(&served.hello().replace(r#""device":"d""#, &format!(r#""device":"{device}""#))).await;
        assert_eq!(raw.closed_with().await, 4301, "{device}");
    }
}

// Bad input: msgpack that declares more than it carries, or nests deeply
// Bad input: a binary message in `kefu.v1.json`, or a text message in `kefu.v1.msgpack`
#[tokio::test]
async fn msgpack_that_lies_and_messages_of_the_other_kind() {
    let served = Served::start().await;
    let mut bombs: Vec<Vec<u8>> = Vec::new();
    for kind in [0xdd, 0xdf, 0xdb, 0xc6, 0xc9] {
        bombs.push(vec![kind, 0xff, 0xff, 0xff, 0xff, 1]);
        // The same behind a field, and as the items of an attach.
        bombs.push([b"\x81\xa1t".as_slice(), &[kind, 0xff, 0xff, 0xff, 0xff]].concat());
        let items = b"\x83\xa1t\xa6attach\xa2id\x01\xa5items".as_slice();
        bombs.push([items, &[kind, 0xff, 0xff, 0xff, 0xff]].concat());
    }
    bombs.push(vec![0x91; 60_000]);
    bombs.push([[0x81, 0xa1, b'x'].repeat(1_000), vec![0xc0]].concat());
    for bomb in bombs {
        let mut raw = served.open_in("kefu.v1.msgpack").await;
        raw.write(&frame(0x82, &bomb)).await;
        assert_eq!(raw.error().await, 3001, "{:02x?}", &bomb[..bomb.len().min(24)]);
    }
    let mut packed = served.open_in("kefu.v1.msgpack").await;
    packed.say(r#"{"t":"ping","id":1}"#).await;
    assert_eq!(packed.error().await, 3001);
    packed.write(&frame(0x82, b"\x82\xa1t\xa4ping\xa2id\x01")).await;
    assert_eq!(packed.frame().await["id"], 1);
    let mut plain = served.open().await;
    plain.write(&frame(0x82, br#"{"t":"ping","id":1}"#)).await;
    assert_eq!(plain.error().await, 3001);
    plain.say(r#"{"t":"ping","id":1}"#).await;
    assert_eq!(plain.frame().await["id"], 1);
}

// Bad input: another frame before `hello`, or `hello` twice
// Bad input: more than 256 frames before `welcome`
#[tokio::test]
async fn hello_out_of_place() {
    let served = Served::start().await;
    let mut raw = served.open().await;
    raw.say(r#"{"t":"typing","conversation":"x","on":true}"#).await;
    assert_eq!(raw.error().await, 3004);
    raw.say(&served.hello()).await;
    assert_eq!(raw.frame().await["t"], "welcome");
    raw.say(&served.hello()).await;
    assert_eq!(raw.error().await, 3004);
    // In one read with hello, so that they come before the credential is checked.
    let mut raw = served.open().await;
    let frames = [served.hello(), vec![r#"{"t":"detach","items":[]}"#; 63].join(",")].join(",");
    let more = format!("[{}]", vec![r#"{"t":"detach","items":[]}"#; 64].join(","));
    let mut bytes = frame(0x81, format!("[{frames}]").as_bytes());
    bytes.extend((0..4).flat_map(|_| frame(0x81, more.as_bytes())));
    raw.write(&bytes).await;
    assert_eq!(raw.closed_with().await, 4301);
}
