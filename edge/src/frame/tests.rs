use kefu_model::At;
use proptest::prelude::*;

use super::*;

fn json(text: &str) -> Parsed {
    parse(Codec::Json, text.as_bytes(), 64)
}

#[test]
fn the_committed_schema_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/frames.schema.json");
    if std::env::var_os("KEFU_WRITE_SCHEMA").is_some() {
        std::fs::write(path, schema()).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(committed, schema(), "run the tests with KEFU_WRITE_SCHEMA=1 and commit {path}");
}

#[test]
fn a_hello_is_read() {
    let parsed = json(r#"{"t":"hello","v":1,"device":"d1","token":"x","unknown":[1]}"#);
    let hello = ClientFrame::Hello { v: 1, token: Some("x".into()), device: "d1".into(), client: None, batch: false };
    assert_eq!(parsed, vec![Ok(hello)]);
}

#[test]
fn what_is_wrong_is_said_by_number() {
    assert_eq!(json("nonsense"), vec![Err(Code::NotAFrame)]);
    assert_eq!(json("7"), vec![Err(Code::NotAFrame)]);
    assert_eq!(json(r#"{"t":"dance"}"#), vec![Err(Code::UnknownKind)]);
    assert_eq!(json(r#"{"v":1}"#), vec![Err(Code::BadFrame)]);
    assert_eq!(json(r#"{"t":"hello","v":"one"}"#), vec![Err(Code::BadFrame)]);
    assert_eq!(json(&"[".repeat(60_000)), vec![Err(Code::NotAFrame)]);
    assert_eq!(json(&format!("[{}]", vec![r#"{"t":"ping"}"#; 65].join(","))), vec![Err(Code::TooManyItems)]);
}

#[test]
fn an_array_is_read_frame_by_frame() {
    let parsed = json(r#"[{"t":"ping"},{"t":"dance"},3]"#);
    assert_eq!(parsed, vec![Ok(ClientFrame::Ping { id: None }), Err(Code::UnknownKind), Err(Code::NotAFrame)]);
}

#[test]
fn a_frame_of_an_array_is_judged_as_one_alone() {
    // An array for a frame's fields in their order, and a number that not every client can tell from the next.
    for bad in [r#"["ping",7]"#, r#"{"t":"mark","conversation":"s1","read":9007199254740993}"#] {
        let alone = json(bad);
        assert!(alone[0].is_err(), "{bad}");
        let value: serde_json::Value = serde_json::from_str(bad).unwrap();
        let packed = |value| rmp_serde::to_vec_named(value).unwrap();
        if value.is_object() {
            assert_eq!(parse(Codec::Msgpack, &packed(&value), 64), alone);
        }
        let in_array = json(&format!("[{bad},{bad}]"));
        assert!(in_array.iter().all(Result::is_err) && in_array.len() == 2, "{bad}: {in_array:?}");
        assert_eq!(parse(Codec::Msgpack, &packed(&serde_json::json!([value, value])), 64), in_array);
    }
}

#[test]
fn msgpack_says_the_same_as_json() {
    let frame = ClientFrame::Command {
        conversation: "s1".into(),
        n: 1,
        body: CommandBody::Message { content: Content::Text { text: "hi".into() }, audience: Audience::All },
    };
    let packed = rmp_serde::to_vec_named(&frame).unwrap();
    assert_eq!(parse(Codec::Msgpack, &packed, 64), vec![Ok(frame.clone())]);
    assert_eq!(json(&serde_json::to_string(&frame).unwrap()), vec![Ok(frame.clone())]);
    let many = rmp_serde::to_vec_named(&vec![&frame, &frame]).unwrap();
    assert_eq!(parse(Codec::Msgpack, &many, 64), vec![Ok(frame.clone()), Ok(frame)]);
}

#[test]
fn declared_lengths_cost_nothing() {
    // An array, a map and a binary that claim four billion items.
    for bytes in [[0xdd, 0xff, 0xff, 0xff, 0xff], [0xdf, 0xff, 0xff, 0xff, 0xff], [0xc6, 0xff, 0xff, 0xff, 0xff]] {
        assert_eq!(parse(Codec::Msgpack, &bytes, 64), vec![Err(Code::NotAFrame)]);
    }
    assert_eq!(parse(Codec::Msgpack, &[0x91; 60_000], 64), vec![Err(Code::NotAFrame)]);
}

#[test]
fn server_frames_have_flat_events() {
    let event = Event { rev: 3, at: At(1_000).into(), kind: EventKind::SessionOpened { session: 1 } };
    let frame = ServerFrame::Deliver { conversation: "s1".into(), epoch: 1, events: vec![event] };
    let text = String::from_utf8(Codec::Json.encode(&frame).to_vec()).unwrap();
    assert_eq!(
        text,
        r#"{"t":"deliver","conversation":"s1","epoch":1,"events":[{"rev":3,"at":"1970-01-01T00:00:01.000Z","type":"session_opened","session":1}]}"#
    );
    let packed = Codec::Msgpack.encode(&frame);
    assert_eq!(rmp_serde::from_slice::<ServerFrame>(&packed).unwrap(), frame);
}

#[test]
fn joined_frames_are_an_array() {
    let pong = ServerFrame::Pong { id: None, now: At(0).into() };
    for codec in [Codec::Json, Codec::Msgpack] {
        let joined = codec.join(&[codec.encode(&pong), codec.encode(&pong)]);
        let read: Vec<ServerFrame> = match codec {
            Codec::Json => serde_json::from_slice(&joined).unwrap(),
            Codec::Msgpack => rmp_serde::from_slice(&joined).unwrap(),
        };
        assert_eq!(read, vec![pong.clone(), pong.clone()]);
    }
}

#[test]
fn subprotocols_are_chosen_by_the_clients_order() {
    assert_eq!(Codec::choose("kefu.v1.msgpack, kefu.v1.json"), Some(Codec::Msgpack));
    assert_eq!(Codec::choose("soap, kefu.v1.json"), Some(Codec::Json));
    assert_eq!(Codec::choose("soap"), None);
}

#[test]
fn the_hash_depends_on_the_content_only() {
    let text =
        |text: &str| CommandBody::Message { content: Content::Text { text: text.into() }, audience: Audience::All };
    assert_eq!(hash_of(&text("a")), hash_of(&text("a")));
    assert_ne!(hash_of(&text("a")), hash_of(&text("b")));
}

proptest! {
    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(parse(Codec::Json, &bytes, 8).len() <= 8);
        prop_assert!(parse(Codec::Msgpack, &bytes, 8).len() <= 8);
    }

    #[test]
    fn times_survive_the_wire(ms in 0_u64..4_102_444_800_000) {
        let time = Time(At(ms));
        prop_assert_eq!(Time::parse(&time.to_text()), Some(time));
    }
}
