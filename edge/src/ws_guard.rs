//! The guard between `fastwebsockets` and everything else; with its handshake the only place that names it.
//!
//! `fastwebsockets` 0.10 has a codec whose reading is not cancel-safe, a size limit per frame and none per message, an
//! 8 KiB buffer per reader, and it takes unmasked frames from clients. So bytes are gathered here, by polls that keep
//! nothing while they wait; each frame is measured before it is complete, and the codec runs only over complete frames
//! that are in memory, where its future never waits. A parked connection holds a socket and two empty buffers.
//! Frames to the client are encoded into one buffer and written together.

use std::convert::Infallible;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use fastwebsockets::{Frame, OpCode, Payload, Role, after_handshake_split};
use futures::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) use handshake::{Handshake, Pending, Socket, accept, check_origin};

mod handshake;

/// Bytes read by one poll.
const READ_BYTES: usize = 16 * 1024;
/// Largest header of a frame.
const HEAD_BYTES: usize = 16;
/// Largest payload of a control frame.
const CONTROL_BYTES: usize = 125;

/// What the guard holds a peer to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GuardLimits {
    /// Most bytes of a message, whatever its fragments.
    pub(crate) message_bytes: usize,
    /// Most fragments of a message.
    pub(crate) fragments: usize,
}

/// What a peer sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A complete text message, valid UTF-8.
    Text(Vec<u8>),
    /// A complete binary message.
    Binary(Vec<u8>),
    /// A ping to be answered with this.
    Ping(Vec<u8>),
    /// A pong.
    Pong,
    /// The peer closes, with its code.
    Close(Option<u16>),
}

/// Why a peer is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    /// A frame was not masked.
    #[error("a frame was not masked")]
    Unmasked,
    /// A message is too large, or in too many pieces.
    #[error("a message is too large")]
    TooLarge,
    /// The rules of RFC 6455 are broken.
    #[error("the WebSocket protocol is violated")]
    Protocol,
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
}

/// A WebSocket after its handshake.
pub(crate) struct Guard<S> {
    stream: S,
    limits: GuardLimits,
    inbox: BytesMut,
    partial: Option<Partial>,
    outbox: BytesMut,
}

/// A message of which more fragments are to come.
struct Partial {
    text: bool,
    data: Vec<u8>,
    fragments: usize,
}

/// A frame's header, as far as it is needed to know where the frame ends.
struct Measure {
    total_bytes: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guard<S> {
    /// Guards a stream; `read_ahead` was read behind the handshake.
    pub(crate) fn new(stream: S, limits: GuardLimits, read_ahead: &[u8]) -> Self {
        Self { stream, limits, inbox: BytesMut::from(read_ahead), partial: None, outbox: BytesMut::new() }
    }

    /// Reads more bytes; 0 at the end. Cancel-safe: what was read is kept.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = [const { MaybeUninit::uninit() }; READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut scratch);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        self.inbox.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// The messages and control frames that are complete.
    pub(crate) fn take_incoming(&mut self) -> Result<Vec<Incoming>, Violation> {
        let (frames, bytes) = self.measure_all()?;
        let mut incoming = Vec::new();
        if frames > 0 {
            let (mut reader, _writer) = after_handshake_split(&self.inbox[..bytes], tokio::io::sink(), Role::Server);
            reader.set_auto_close(false);
            reader.set_auto_pong(false);
            reader.set_max_message_size(self.limits.message_bytes + 1);
            for _ in 0..frames {
                let never = &mut |_| std::future::ready(Ok::<(), Infallible>(()));
                let frame = reader.read_frame(never).now_or_never().ok_or(Violation::Protocol)?;
                let frame = frame.map_err(|error| violation(&error))?;
                incoming.extend(accumulate(&mut self.partial, self.limits, frame.fin, frame.opcode, &frame.payload)?);
            }
        }
        self.inbox.advance(bytes);
        release(&mut self.inbox);
        Ok(incoming)
    }

    /// Queues a message to the peer.
    pub(crate) fn queue_message(&mut self, text: bool, payload: &[u8]) {
        let opcode = if text { OpCode::Text } else { OpCode::Binary };
        self.queue(opcode, payload);
    }

    /// Queues the answer to a ping.
    pub(crate) fn queue_pong(&mut self, payload: &[u8]) {
        self.queue(OpCode::Pong, payload);
    }

    /// Queues a close frame.
    pub(crate) fn queue_close(&mut self, code: u16, reason: &str) {
        let mut payload = code.to_be_bytes().to_vec();
        let end = reason.floor_char_boundary(CONTROL_BYTES - 2);
        payload.extend_from_slice(&reason.as_bytes()[..end]);
        self.queue(OpCode::Close, &payload);
    }

    fn queue(&mut self, opcode: OpCode, payload: &[u8]) {
        let mut head = [0; HEAD_BYTES];
        let size = Frame::new(true, opcode, None, Payload::Borrowed(payload)).fmt_head(&mut head);
        self.outbox.reserve(size + payload.len());
        self.outbox.extend_from_slice(&head[..size]);
        self.outbox.extend_from_slice(payload);
    }

    /// Bytes that wait to be written.
    pub(crate) fn unwritten_bytes(&self) -> usize {
        self.outbox.len()
    }

    /// Writes what is queued; ready once all of it is written and flushed. Cancel-safe.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outbox.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.outbox))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outbox.advance(written);
        }
        release(&mut self.outbox);
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Shuts the stream down.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// Complete frames at the start of the inbox: how many, and how many bytes they take. The rest is checked as far as
    /// it is there, so that nothing too large is ever gathered.
    fn measure_all(&self) -> Result<(usize, usize), Violation> {
        let (mut frames, mut bytes) = (0, 0);
        while let Some(measure) = measure(&self.inbox[bytes..], self.limits)? {
            if self.inbox.len() - bytes < measure.total_bytes {
                break;
            }
            frames += 1;
            bytes += measure.total_bytes;
        }
        Ok((frames, bytes))
    }
}

/// Gives a buffer back once it is empty: an idle connection keeps none.
fn release(buffer: &mut BytesMut) {
    if buffer.is_empty() {
        *buffer = BytesMut::new();
    }
}

/// Reads a header; none while it is not complete.
fn measure(bytes: &[u8], limits: GuardLimits) -> Result<Option<Measure>, Violation> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    let control = first & 0x08 != 0;
    if first & 0x70 != 0 || (control && first & 0x80 == 0) {
        return Err(Violation::Protocol);
    }
    if second & 0x80 == 0 {
        return Err(Violation::Unmasked);
    }
    let (length_bytes, payload) = match (second & 0x7f, rest) {
        (126, [a, b, ..]) => (2, u64::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => (8, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h])),
        (126 | 127, _) => return Ok(None),
        (short, _) => (0, u64::from(short)),
    };
    if control && payload > CONTROL_BYTES as u64 {
        return Err(Violation::Protocol);
    }
    let payload = usize::try_from(payload).map_err(|_| Violation::TooLarge)?;
    if payload > limits.message_bytes {
        return Err(Violation::TooLarge);
    }
    Ok(Some(Measure { total_bytes: 2 + length_bytes + 4 + payload }))
}

fn violation(error: &fastwebsockets::WebSocketError) -> Violation {
    match error {
        fastwebsockets::WebSocketError::InvalidUTF8 => Violation::NotUtf8,
        fastwebsockets::WebSocketError::FrameTooLarge => Violation::TooLarge,
        _ => Violation::Protocol,
    }
}

/// Puts fragments together. The payload is copied: a received frame is never sent back as it is.
fn accumulate(
    partial: &mut Option<Partial>,
    limits: GuardLimits,
    fin: bool,
    opcode: OpCode,
    payload: &[u8],
) -> Result<Option<Incoming>, Violation> {
    match opcode {
        OpCode::Ping => Ok(Some(Incoming::Ping(payload.to_vec()))),
        OpCode::Pong => Ok(Some(Incoming::Pong)),
        OpCode::Close => close_code(payload).map(|code| Some(Incoming::Close(code))),
        OpCode::Text | OpCode::Binary if partial.is_some() => Err(Violation::Protocol),
        OpCode::Text | OpCode::Binary => {
            let first = Partial { text: opcode == OpCode::Text, data: payload.to_vec(), fragments: 1 };
            if fin {
                return first.finish().map(Some);
            }
            *partial = Some(first);
            Ok(None)
        }
        OpCode::Continuation => {
            let mut so_far = partial.take().ok_or(Violation::Protocol)?;
            so_far.fragments += 1;
            if so_far.fragments > limits.fragments || so_far.data.len() + payload.len() > limits.message_bytes {
                return Err(Violation::TooLarge);
            }
            so_far.data.extend_from_slice(payload);
            if fin {
                return so_far.finish().map(Some);
            }
            *partial = Some(so_far);
            Ok(None)
        }
    }
}

impl Partial {
    fn finish(self) -> Result<Incoming, Violation> {
        if !self.text {
            return Ok(Incoming::Binary(self.data));
        }
        if std::str::from_utf8(&self.data).is_err() {
            return Err(Violation::NotUtf8);
        }
        Ok(Incoming::Text(self.data))
    }
}

fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    match payload {
        [] => Ok(None),
        [_] => Err(Violation::Protocol),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if std::str::from_utf8(reason).is_err() {
                return Err(Violation::NotUtf8);
            }
            if fastwebsockets::CloseCode::from(code).is_allowed() { Ok(Some(code)) } else { Err(Violation::Protocol) }
        }
    }
}

#[cfg(test)]
mod tests;
