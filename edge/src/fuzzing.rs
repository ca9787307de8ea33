//! Readers of bytes that clients wrote, for the fuzz targets. Nothing here belongs into the product.

mod api;
mod wire;

use std::future::poll_fn;

use futures::FutureExt;
use kefu_model::{At, Role, TenantId, User, UserId};

use crate::auth::{Admission, Caller, Credential};
use crate::clock::Now;
use crate::config::EdgeConfig;
use crate::edge::settings;
use crate::frame::{ClientFrame, Code, Codec, Parsed, parse};
use crate::machine::{Effect, Input, Machine, Settings};
use crate::ws_guard::{Guard, GuardLimits, Incoming};

pub use api::{Api, Call};
use wire::Wire;

const NOW: Now = Now { at: At(1_000_000), steady_ms: 1_000_000 };

/// A connection's state machine with everybody around it, who always agree.
struct Peer {
    machine: Machine,
    settings: Settings,
    codec: Codec,
}

impl Peer {
    fn new(codec: Codec) -> Self {
        Self { machine: Machine::new(NOW.steady_ms), settings: settings(&EdgeConfig::default()), codec }
    }

    fn take(&mut self, parsed: Parsed) {
        for frame in parsed {
            self.step(match frame {
                Ok(frame) => Input::Frame(frame),
                Err(code) => Input::Malformed(code),
            });
        }
    }

    fn step(&mut self, input: Input) {
        let was_closed = self.machine.is_closed();
        let effects = self.machine.step(&self.settings, input, NOW);
        assert!(!was_closed || effects.is_empty(), "a closed connection does nothing");
        for effect in effects {
            match effect {
                Effect::Authenticate { .. } => self.step(Input::Authenticated(Ok(Box::new(admission())))),
                Effect::Join(_) => self.step(Input::Joined(Ok(()))),
                Effect::Send(frame) => assert!(!self.codec.encode(&frame).is_empty(), "{frame:?}"),
                Effect::Close(_) => assert!(self.machine.is_closed()),
                _ => {}
            }
        }
    }
}

fn admission() -> Admission {
    let name = |text| UserId::new(text).unwrap_or_else(|error| panic!("{error}"));
    let caller = Caller {
        tenant: TenantId::new("default").unwrap_or_else(|error| panic!("{error}")),
        user: User::customer(name("v_1")),
        role: Role::Customer,
        name: None,
        capacity: None,
        credential: Credential::Visitor { issued_at: At(0), expires_at: At(u64::MAX) },
    };
    Admission { caller, connection_id: "c".to_owned(), status: None, renewed: None }
}

/// Reads bytes as a client's WebSocket behind the handshake, so many at a time.
///
/// # Panics
/// When the guard keeps or hands out more than its limits, or the state machine breaks its rules.
pub fn socket(msgpack: bool, at_a_time: usize, bytes: &[u8]) {
    let codec = if msgpack { Codec::Msgpack } else { Codec::Json };
    let config = EdgeConfig::default();
    let limits = GuardLimits { message_bytes: config.frame_bytes, fragments: config.message_fragments };
    let mut guard = Guard::new(Wire::new(bytes, at_a_time), limits, &[]);
    let mut peer = Peer::new(codec);
    while let Some(Ok(1..)) = poll_fn(|cx| guard.poll_read(cx)).now_or_never() {
        let Ok(incoming) = guard.take_incoming() else { return peer.step(Input::Close(Code::Protocol)) };
        for message in incoming {
            match message {
                Incoming::Text(data) | Incoming::Binary(data) => {
                    assert!(data.len() <= limits.message_bytes);
                    peer.take(parse(codec, &data, config.batch_frames));
                }
                Incoming::Ping(payload) => guard.queue_pong(&payload),
                Incoming::Pong => peer.step(Input::Heard),
                Incoming::Close(_) => return peer.step(Input::Ended),
            }
        }
        let Some(Ok(())) = poll_fn(|cx| guard.poll_flush(cx)).now_or_never() else { panic!("the wire takes all") };
    }
    peer.step(Input::Ended);
}

/// Reads bytes as one message.
///
/// # Panics
/// When a frame is not the same after it was written and read again.
pub fn frames(msgpack: bool, message: &[u8]) {
    let codec = if msgpack { Codec::Msgpack } else { Codec::Json };
    let max_frames = EdgeConfig::default().batch_frames;
    let parsed = parse(codec, message, max_frames);
    assert!(parsed.len() <= max_frames.max(1));
    for frame in parsed.iter().flatten() {
        is_read_again(frame);
    }
    let mut peer = Peer::new(codec);
    peer.step(Input::Frame(ClientFrame::Hello {
        v: 1,
        token: None,
        device: "d".to_owned(),
        client: None,
        batch: true,
    }));
    peer.take(parsed);
}

fn is_read_again(frame: &ClientFrame) {
    let expected = vec![Ok(frame.clone())];
    for codec in [Codec::Json, Codec::Msgpack] {
        let written = codec.write(frame);
        assert_eq!(parse(codec, &written, 1), expected, "{codec:?}");
    }
}

/// The tenant and the site of the doubles.
fn config() -> EdgeConfig {
    let tenant = crate::config::TenantConfig {
        tenant: admission().caller.tenant,
        site_key: "default".to_owned(),
        identity_secret: Some("0123456789abcdef0123456789abcdef".to_owned().into()),
        identity_audience: "kefu".to_owned(),
    };
    EdgeConfig {
        tenants: vec![tenant],
        requests_per_address_minute: u32::MAX,
        requests_per_user_minute: u32::MAX,
        visitors_per_address_minute: u32::MAX,
        logins_per_address_minute: u32::MAX,
        outcome_wait_ms: 1,
        ..EdgeConfig::default()
    }
}
