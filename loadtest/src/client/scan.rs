//! Finding what matters in the server's frames without parsing them.
//!
//! The server writes compact JSON with `t` first in each frame. Quotes inside strings are escaped, so `"t":"` can only
//! be the beginning of a frame, and a frame ends where the next one begins.

use memchr::memmem::{self, Finder};

use super::command::Marker;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A command was accepted.
    Ack,
    /// A command was refused.
    Rejected,
    /// New events.
    Deliver,
    /// Something is wrong with what was sent.
    Error,
    /// `hello` was taken.
    Welcome,
    /// Conversations are followed.
    Attached,
    /// A new conversation.
    Added,
    /// The server wants the client gone.
    Goaway,
    /// The answer to a ping.
    Pong,
    /// Marks, typing, presence, the queue and the like.
    Other,
}

/// A frame within a message.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// What it is.
    pub kind: Kind,
    /// From its `t` on.
    pub body: &'a [u8],
}

/// The searchers, built once.
#[derive(Debug)]
pub struct Scanner {
    tag: Finder<'static>,
    text: Finder<'static>,
}

impl Default for Scanner {
    fn default() -> Self {
        Self { tag: Finder::new(br#""t":""#), text: Finder::new(br#""text":"@"#) }
    }
}

impl Scanner {
    /// The frames of a message: one, or those of an array.
    pub fn frames<'a>(&'a self, message: &'a [u8]) -> impl Iterator<Item = Frame<'a>> + 'a {
        let mut rest = self.tag.find(message).map(|at| &message[at + 5..]);
        std::iter::from_fn(move || {
            let body = rest?;
            let next = self.tag.find(body);
            rest = next.map(|at| &body[at + 5..]);
            let body = &body[..next.unwrap_or(body.len())];
            Some(Frame { kind: kind_of(body), body })
        })
    }

    /// The markers of our messages in a `deliver`, each with the part of the frame that came before it.
    pub fn markers<'a>(&'a self, body: &'a [u8]) -> impl Iterator<Item = (Option<Marker>, &'a [u8])> + 'a {
        let mut rest = body;
        std::iter::from_fn(move || {
            let at = self.text.find(rest)?;
            let (before, after) = rest.split_at(at);
            rest = &after[9..];
            Some((Marker::parse(&after[8..]), before))
        })
    }
}

fn kind_of(body: &[u8]) -> Kind {
    let name = &body[..memchr::memchr(b'"', body).unwrap_or(0)];
    match name {
        b"ack" => Kind::Ack,
        b"deliver" => Kind::Deliver,
        b"rejected" => Kind::Rejected,
        b"error" => Kind::Error,
        b"welcome" => Kind::Welcome,
        b"attached" => Kind::Attached,
        b"added" => Kind::Added,
        b"goaway" => Kind::Goaway,
        b"pong" => Kind::Pong,
        _ => Kind::Other,
    }
}

/// The number behind a key such as `"n":`, the first time it stands in these bytes.
pub fn number(body: &[u8], key: &str) -> Option<u64> {
    let digits = &body[memmem::find(body, key.as_bytes())? + key.len()..];
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

/// The string behind a key such as `"conversation":"`, as it stands there. Not for strings that may hold quotes.
pub fn string<'a>(body: &'a [u8], key: &str) -> Option<&'a str> {
    let text = &body[memmem::find(body, key.as_bytes())? + key.len()..];
    std::str::from_utf8(&text[..memchr::memchr(b'"', text)?]).ok()
}

/// A frame's beginning, for people.
pub fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned()
}

/// The cursor after a `deliver`: its epoch and its last event's `rev`.
pub fn cursor_of(body: &[u8]) -> Option<(u64, u64)> {
    let last = memmem::rfind(body, br#"{"rev":"#)?;
    Some((number(body, r#""epoch":"#)?, number(&body[last..], r#""rev":"#)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACK: &str = r#"{"t":"ack","conversation":"soySMWd5KW2aUM_QmRgkZBw","n":17,"rev":20,"seq":18,"at":"x"}"#;

    #[test]
    fn frames_of_an_array_are_told_apart() {
        let message = format!(r#"[{ACK},{{"t":"marks","read":1}},{ACK},{{"t":"rejected","n":3,"code":1403}}]"#);
        let scanner = Scanner::default();
        let frames: Vec<_> = scanner.frames(message.as_bytes()).collect();
        let kinds: Vec<_> = frames.iter().map(|frame| frame.kind).collect();
        assert_eq!(kinds, [Kind::Ack, Kind::Other, Kind::Ack, Kind::Rejected]);
        assert_eq!(number(frames[0].body, r#""n":"#), Some(17));
        assert_eq!(string(frames[2].body, r#""conversation":""#), Some("soySMWd5KW2aUM_QmRgkZBw"));
        assert_eq!(number(frames[3].body, r#""code":"#), Some(1403));
    }

    #[test]
    fn a_text_that_looks_like_a_frame_is_none() {
        let message = serde_json::json!({"t": "deliver", "text": r#"{"t":"rejected"}"#}).to_string();
        // serde_json sorts the keys; what matters is the escaping.
        let kinds: Vec<_> = Scanner::default().frames(message.as_bytes()).map(|frame| frame.kind).collect();
        assert_eq!(kinds, [Kind::Deliver]);
    }

    #[test]
    fn markers_of_several_events_are_found() {
        let text = |n| Marker { intended_ns: 5_000 + u64::from(n), flow: 7, n }.text();
        let event = |rev, n| format!(r#"{{"rev":{rev},"seq":{n},"content":{{"type":"text","text":"{}"}}}}"#, text(n));
        let body = format!(r#"deliver","epoch":3,"events":[{},{}]}}"#, event(11, 1), event(12, 2));
        let scanner = Scanner::default();
        let found: Vec<_> = scanner.markers(body.as_bytes()).collect();
        let numbers: Vec<_> =
            found.iter().map(|(marker, _)| marker.map(|marker| (marker.n, marker.intended_ns))).collect();
        assert_eq!(numbers, [Some((1, 5_001)), Some((2, 5_002))]);
        assert_eq!(number(found[1].1, r#""seq":"#), Some(2));
        assert_eq!(cursor_of(body.as_bytes()), Some((3, 12)));
    }
}
