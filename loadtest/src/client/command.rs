//! What is sent, put together from prepared pieces.

use std::io::Write as _;

use serde_json::json;

/// Characters of a text.
const TEXT_CHARS: usize = 200;
/// Bytes of a marker in a text: `@` and three numbers in hexadecimal.
const MARKER_BYTES: usize = 1 + 16 + 8 + 8;

/// What a text says of itself, so that its receiver can tell its latency and whether something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    /// When it was to be sent.
    pub intended_ns: u64,
    /// Who to whom.
    pub flow: u32,
    /// Its number there.
    pub n: u32,
}

impl Marker {
    fn put(self, out: &mut Vec<u8>) {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "@{:016x}{:08x}{:08x}", self.intended_ns, self.flow, self.n);
    }

    /// A text of 200 characters.
    pub fn text(self) -> String {
        let mut out = Vec::new();
        self.put(&mut out);
        out.resize(TEXT_CHARS, b'x');
        String::from_utf8(out).expect("ASCII")
    }

    /// Reads it at the beginning of a text.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = text.get(..MARKER_BYTES)?;
        let number = |range: std::ops::Range<usize>| {
            text[range]
                .iter()
                .try_fold(0_u64, |number, byte| Some(number << 4 | u64::from((*byte as char).to_digit(16)?)))
        };
        let narrow = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
        (text[0] == b'@').then_some(())?;
        Some(Self { intended_ns: number(1..17)?, flow: narrow(number(17..25))?, n: narrow(number(25..33))? })
    }
}

/// The commands of one device in one conversation.
#[derive(Debug)]
pub struct Template {
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Template {
    /// For that conversation.
    pub fn new(conversation: &str) -> Self {
        let head = format!(r#"{{"t":"command","conversation":"{conversation}","n":"#).into_bytes();
        let mut tail = vec![b'x'; TEXT_CHARS - MARKER_BYTES];
        tail.extend_from_slice(br#""}}}"#);
        Self { head, tail }
    }

    /// Appends the command that sends this.
    pub fn put(&self, marker: Marker, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        let _ = write!(out, "{}", marker.n);
        out.extend_from_slice(br#","body":{"type":"message","content":{"type":"text","text":""#);
        marker.put(out);
        out.extend_from_slice(&self.tail);
    }
}

/// Puts several frames into `out` as one message: alone if it is one, an array if they are more.
pub fn put_array<T>(out: &mut Vec<u8>, items: impl ExactSizeIterator<Item = T>, put: impl Fn(T, &mut Vec<u8>)) {
    let several = items.len() > 1;
    if several {
        out.push(b'[');
    }
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put(item, out);
    }
    if several {
        out.push(b']');
    }
}

/// The first frame of a connection.
pub fn hello(token: &str, device: &str) -> Vec<u8> {
    json!({"t": "hello", "v": 1, "token": token, "device": device, "client": "kefu-loadtest", "batch": true})
        .to_string()
        .into_bytes()
}

/// Follows a conversation, from a cursor (epoch, rev) or from now on.
pub fn attach(conversation: &str, cursor: Option<(u64, u64)>) -> Vec<u8> {
    let cursor = cursor.map(|(epoch, rev)| format!(r#","epoch":{epoch},"rev":{rev}"#)).unwrap_or_default();
    format!(r#"{{"t":"attach","id":1,"items":[{{"conversation":"{conversation}"{cursor}}}]}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_marker_comes_back() {
        for marker in
            [Marker { intended_ns: 0, flow: 0, n: 1 }, Marker { intended_ns: u64::MAX, flow: u32::MAX, n: u32::MAX }]
        {
            let text = marker.text();
            assert_eq!(text.chars().count(), TEXT_CHARS);
            assert_eq!(Marker::parse(text.as_bytes()), Some(marker));
        }
        assert_eq!(Marker::parse(b"@12"), None);
        assert_eq!(Marker::parse(&[b'z'; 40]), None);
    }

    #[test]
    fn commands_are_frames_of_the_protocol() {
        let template = Template::new("soySMWd5KW2aUM_QmRgkZBw");
        for (numbers, array) in [(vec![1], false), (vec![41, 42, 43], true)] {
            let mut out = Vec::new();
            let markers = numbers.iter().map(|n| Marker { intended_ns: 9, flow: 2, n: *n });
            put_array(&mut out, markers, |marker, out| template.put(marker, out));
            let message: Value = serde_json::from_slice(&out).expect("JSON");
            assert_eq!(message.is_array(), array);
            let last = message.as_array().and_then(|frames| frames.last()).unwrap_or(&message);
            assert_eq!(last["t"], "command");
            assert_eq!(last["n"], *numbers.last().expect("one"));
            assert_eq!(last["body"]["content"]["text"].as_str().map(str::len), Some(TEXT_CHARS));
        }
    }
}
