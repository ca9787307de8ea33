//! JSON and msgpack, the same frames in both.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::MAX_DEPTH;
use super::client::ClientFrame;
use super::guard::json_depth_ok;
use super::numbers::Code;
use super::server::ServerFrame;

/// How frames are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// `kefu.v1.json`, text messages.
    Json,
    /// `kefu.v1.msgpack`, binary messages.
    Msgpack,
}

/// What a message turned out to be: its frames, each read or refused.
pub type Parsed = Vec<Result<ClientFrame, Code>>;

impl Codec {
    /// The subprotocol's name.
    #[must_use]
    pub fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "kefu.v1.json",
            Self::Msgpack => "kefu.v1.msgpack",
        }
    }

    /// The codec of the first known subprotocol in a `Sec-WebSocket-Protocol` list.
    #[must_use]
    pub fn choose(offered: &str) -> Option<Self> {
        let names = offered.split(',').map(str::trim);
        names.into_iter().find_map(|name| [Self::Json, Self::Msgpack].into_iter().find(|c| c.subprotocol() == name))
    }

    /// Encodes a frame. Never fails for our own frames; a fault would give an empty message.
    #[must_use]
    pub fn encode(self, frame: &ServerFrame) -> Bytes {
        encode_value(self, frame)
    }

    /// Encodes a client's frame, as a client does.
    pub(crate) fn write(self, frame: &ClientFrame) -> Bytes {
        encode_value(self, frame)
    }

    /// Joins encoded frames to one array.
    #[must_use]
    pub fn join(self, frames: &[Bytes]) -> Bytes {
        let size: usize = frames.iter().map(|frame| frame.len() + 1).sum();
        let mut out = Vec::with_capacity(size + 5);
        match self {
            Self::Json => {
                out.push(b'[');
                for (index, frame) in frames.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(frame);
                }
                out.push(b']');
            }
            Self::Msgpack => {
                out.push(0xdd);
                out.extend_from_slice(&u32::try_from(frames.len()).unwrap_or(u32::MAX).to_be_bytes());
                for frame in frames {
                    out.extend_from_slice(frame);
                }
            }
        }
        out.into()
    }

    /// Whether a message is an object, if it is anything.
    fn is_object(self, message: &[u8]) -> bool {
        match self {
            Self::Json => message.trim_ascii_start().first() == Some(&b'{'),
            Self::Msgpack => matches!(message.first(), Some(0x80..=0x8f | 0xde | 0xdf)),
        }
    }

    fn decode<T: DeserializeOwned>(self, message: &[u8]) -> Option<T> {
        match self {
            Self::Json => serde_json::from_slice(message).ok(),
            Self::Msgpack => {
                let mut deserializer = rmp_serde::Deserializer::from_read_ref(message);
                deserializer.set_max_depth(MAX_DEPTH);
                T::deserialize(&mut deserializer).ok()
            }
        }
    }
}

fn encode_value<T: Serialize>(codec: Codec, value: &T) -> Bytes {
    let encoded = match codec {
        Codec::Json => serde_json::to_vec(value).ok(),
        Codec::Msgpack => rmp_serde::to_vec_named(value).ok(),
    };
    encoded.unwrap_or_default().into()
}

/// Reads a message: one frame, or an array of at most `max_frames`. Whatever it is, the answer is bounded by that.
#[must_use]
pub fn parse(codec: Codec, message: &[u8], max_frames: usize) -> Parsed {
    if codec == Codec::Json && !json_depth_ok(message, MAX_DEPTH) {
        return vec![Err(Code::NotAFrame)];
    }
    if let Some(frame) = read_at_once(codec, message) {
        return vec![frame];
    }
    if codec == Codec::Json
        && let Ok(items) = serde_json::from_slice::<Vec<&RawValue>>(message)
    {
        return parse_items(items, max_frames, |item| parse_json(item.get().as_bytes()));
    }
    match codec.decode::<Value>(message) {
        None => vec![Err(Code::NotAFrame)],
        Some(Value::Array(items)) => parse_items(items, max_frames, parse_value),
        Some(value) => vec![parse_value(value)],
    }
}

fn parse_items<T>(items: Vec<T>, max_frames: usize, parse: impl Fn(T) -> Result<ClientFrame, Code>) -> Parsed {
    if items.len() > max_frames { vec![Err(Code::TooManyItems)] } else { items.into_iter().map(parse).collect() }
}

/// One frame of an array, read from its text at once; what is no frame is looked at more closely, to say why.
fn parse_json(item: &[u8]) -> Result<ClientFrame, Code> {
    read_at_once(Codec::Json, item).unwrap_or_else(|| {
        let value = serde_json::from_slice::<Value>(item).map_err(|_| Code::NotAFrame)?;
        parse_value(value)
    })
}

/// The one frame that these bytes are; `None` when they are none, which [`parse_value`] finds the reason for. Only an object
/// is tried: serde would take an array for a frame's fields in their order.
fn read_at_once(codec: Codec, bytes: &[u8]) -> Option<Result<ClientFrame, Code>> {
    if codec.is_object(bytes) { codec.decode(bytes).map(sized) } else { None }
}

fn parse_value(value: Value) -> Result<ClientFrame, Code> {
    let Value::Object(fields) = &value else { return Err(Code::NotAFrame) };
    let code = match fields.get("t") {
        Some(Value::String(kind)) if !ClientFrame::is_kind(kind) => Code::UnknownKind,
        _ => Code::BadFrame,
    };
    serde_json::from_value(value).map_err(|_| code).and_then(sized)
}

fn sized(frame: ClientFrame) -> Result<ClientFrame, Code> {
    if frame.numbers_fit() { Ok(frame) } else { Err(Code::BadFrame) }
}
