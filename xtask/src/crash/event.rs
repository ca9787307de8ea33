//! Events of the wire and items of the history as the checker compares them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::observed::{Change, Entry, Turn};

/// Fields that every observer must see alike. Names, reasons and the sender's own numbers are not for everybody.
const COMPARED: [&str; 9] = ["type", "rev", "at", "message_id", "seq", "by", "content", "session", "agent"];

/// Reads an event of a `deliver` frame, or an item of a history.
pub fn entry(value: &Value) -> Option<Entry> {
    let kind = value["type"].as_str()?.to_owned();
    let compared = COMPARED.iter().filter_map(|name| Some(((*name).to_owned(), value.get(*name)?.clone())));
    let print = Value::Object(compared.collect::<Map<_, _>>()).to_string();
    Some(Entry {
        rev: value["rev"].as_u64()?,
        seq: value["seq"].as_u64(),
        text: value["content"]["text"].as_str().map(str::to_owned),
        turn: turn(&kind, value),
        kind,
        print,
    })
}

/// What an event says of a session's agent; none if nothing, or if it does not say when.
fn turn(kind: &str, value: &Value) -> Option<Turn> {
    let change = match kind {
        "session_assigned" => Change::Assigned { agent: user(&value["agent"])? },
        "session_transferred" => Change::Transferred { from: user(&value["from"])?, agent: user(&value["agent"])? },
        "session_requeued" => Change::Requeued { gone: value["reason"] == "agent_gone" },
        "session_ended" => Change::Ended,
        _ => return None,
    };
    let at: Timestamp = value["at"].as_str()?.parse().ok()?;
    Some(Turn { at_ms: u64::try_from(at.as_millisecond()).ok()?, change })
}

/// A user of the wire as `kefu:id` or `kehu:id`.
pub fn user(value: &Value) -> Option<String> {
    Some(format!("{}:{}", value["type"].as_str()?, value["id"].as_str()?))
}

/// A text as the content of a message.
pub fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_for_everybody_is_not_compared() {
        let live = json!({"type": "message", "rev": 3, "seq": 2, "at": "t", "by": {"type": "kehu", "id": "a"},
            "content": text("hello"), "device": "d", "n": 1});
        let told = json!({"type": "message", "rev": 3, "seq": 2, "at": "t", "by": {"type": "kehu", "id": "a"},
            "content": text("hello"), "conversation_id": "s", "by_name": "A"});
        assert_eq!(entry(&live), entry(&told));
        assert_eq!(entry(&live).and_then(|entry| entry.text).as_deref(), Some("hello"));
    }

    #[test]
    fn a_sessions_agent_is_told_live_and_in_the_history() {
        let live = json!({"type": "session_assigned", "rev": 3, "at": "1970-01-01T00:00:01.250Z", "session": 1,
            "agent": {"type": "kefu", "id": "a"}, "reason": "least loaded"});
        let turn = |value: &Value| entry(value).and_then(|entry| entry.turn);
        let assigned = Change::Assigned { agent: "kefu:a".to_owned() };
        assert_eq!(turn(&live), Some(Turn { at_ms: 1_250, change: assigned }));
        let gone = json!({"type": "session_requeued", "rev": 4, "at": "1970-01-01T00:00:02.000Z", "session": 1,
            "reason": "agent_gone"});
        assert_eq!(turn(&gone), Some(Turn { at_ms: 2_000, change: Change::Requeued { gone: true } }));
        assert_eq!(turn(&json!({"type": "session_opened", "rev": 1, "at": "1970-01-01T00:00:01.000Z"})), None);
    }
}
