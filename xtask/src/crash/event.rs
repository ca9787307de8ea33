//! Events of the wire and items of the history as the checker compares them.

use serde_json::{Map, Value, json};

use super::observed::Entry;

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
        kind,
        print,
    })
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
}
