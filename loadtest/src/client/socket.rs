//! A WebSocket connection that costs little.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::TcpStream;

use super::{frame, handshake};
use crate::clock;

/// Bytes read at once.
const SCRATCH_BYTES: usize = 256 * 1024;
/// An emptied buffer larger than this is given back.
const KEEP_BYTES: usize = 4 * 1024;

/// The one buffer into which all connections read: between reads a connection holds only what is incomplete.
#[derive(Debug, Clone)]
pub struct Scratch(Rc<RefCell<Vec<u8>>>);

impl Default for Scratch {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(vec![0; SCRATCH_BYTES])))
    }
}

/// Why a connection is over.
#[derive(Debug)]
pub enum Ended {
    /// The server said so, with a number of docs/protocol.md.
    Closed(u16, String),
    /// The connection broke.
    Broken(io::Error),
    /// What came is no WebSocket frame of this server.
    Violation(&'static str),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(code, reason) => write!(f, "closed with {code} {reason}"),
            Self::Broken(error) => write!(f, "broken: {error}"),
            Self::Violation(what) => write!(f, "not as agreed: {what}"),
        }
    }
}

impl std::error::Error for Ended {}

/// A connection. One task reads; whoever is on this thread may queue and flush.
#[derive(Debug)]
pub struct Socket {
    stream: RefCell<TcpStream>,
    scratch: Scratch,
    unread: RefCell<Vec<u8>>,
    unwritten: RefCell<Vec<u8>>,
    reader: RefCell<Option<Waker>>,
    sent_at_ns: Cell<u64>,
}

impl Socket {
    /// Connects from that address.
    pub async fn open(server: SocketAddr, source: Ipv4Addr, scratch: &Scratch) -> anyhow::Result<Self> {
        let (stream, unread) = handshake::open(server, source).await?;
        Ok(Self {
            stream: RefCell::new(stream),
            scratch: scratch.clone(),
            unread: RefCell::new(unread),
            unwritten: RefCell::default(),
            reader: RefCell::default(),
            sent_at_ns: Cell::new(clock::now_ns()),
        })
    }

    /// Queues a text message.
    pub fn queue(&self, text: &[u8]) {
        frame::put(&mut self.unwritten.borrow_mut(), frame::TEXT, text);
    }

    /// Writes what is queued, as far as the connection takes it now; the reading task writes the rest. A connection
    /// that broke is noticed by its reader.
    pub fn flush(&self) {
        let mut unwritten = self.unwritten.borrow_mut();
        if unwritten.is_empty() {
            return;
        }
        self.sent_at_ns.set(clock::now_ns());
        if let Ok(written) = self.stream.borrow().try_write(&unwritten) {
            forget(&mut unwritten, written);
        }
        if !unwritten.is_empty()
            && let Some(reader) = self.reader.borrow_mut().take()
        {
            reader.wake();
        }
    }

    /// Queues a text message and writes it.
    pub fn send(&self, text: &[u8]) {
        self.queue(text);
        self.flush();
    }

    /// When something was sent last.
    pub fn sent_at_ns(&self) -> u64 {
        self.sent_at_ns.get()
    }

    /// Reads once and hands over every message that is complete then, at least one read's worth. `hear` may queue and
    /// flush, and must not read.
    pub async fn read(&self, mut hear: impl FnMut(&[u8])) -> Result<(), Ended> {
        poll_fn(|cx| self.poll_messages(cx, &mut hear)).await
    }

    fn poll_messages(&self, cx: &mut Context<'_>, hear: &mut impl FnMut(&[u8])) -> Poll<Result<(), Ended>> {
        self.remember(cx);
        self.poll_unwritten(cx).map_err(Ended::Broken)?;
        let mut scratch = self.scratch.0.borrow_mut();
        let filled = match ready!(self.poll_bytes(cx, &mut scratch)) {
            Ok(filled) => filled,
            Err(error) => return Poll::Ready(Err(Ended::Broken(error))),
        };
        let mut at = 0;
        loop {
            let message = match frame::take(&scratch[at..filled]) {
                Ok(Some(message)) => message,
                Ok(None) => break,
                Err(what) => return Poll::Ready(Err(Ended::Violation(what))),
            };
            match message.opcode {
                frame::TEXT => hear(message.payload),
                frame::PING => frame::put(&mut self.unwritten.borrow_mut(), frame::PONG, message.payload),
                frame::CLOSE => return Poll::Ready(Err(closed(message.payload))),
                _ => {}
            }
            at += message.total;
        }
        let mut unread = self.unread.borrow_mut();
        unread.extend_from_slice(&scratch[at..filled]);
        if unread.is_empty() && unread.capacity() > KEEP_BYTES {
            *unread = Vec::new();
        }
        drop(unread);
        self.flush();
        Poll::Ready(Ok(()))
    }

    /// Puts what was incomplete and what comes into the scratch; gives how much that is.
    fn poll_bytes(&self, cx: &mut Context<'_>, scratch: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        let mut unread = self.unread.borrow_mut();
        let kept = unread.len();
        if scratch.len() < 2 * kept {
            scratch.resize(2 * kept, 0);
        }
        // What came behind the handshake may be whole messages already.
        let whole = matches!(frame::take(&unread), Ok(Some(_)) | Err(_));
        let mut read = 0;
        if !whole {
            let mut buffer = ReadBuf::new(&mut scratch[kept..]);
            ready!(Pin::new(&mut *self.stream.borrow_mut()).poll_read(cx, &mut buffer))?;
            read = buffer.filled().len();
            if read == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        scratch[..kept].copy_from_slice(&unread);
        unread.clear();
        Poll::Ready(Ok(kept + read))
    }

    fn poll_unwritten(&self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut unwritten = self.unwritten.borrow_mut();
        while !unwritten.is_empty() {
            match self.stream.borrow().poll_write_ready(cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(ready) => ready?,
            }
            let written = self.stream.borrow().try_write(&unwritten);
            match written {
                Ok(written) => forget(&mut unwritten, written),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn remember(&self, cx: &Context<'_>) {
        let mut reader = self.reader.borrow_mut();
        if !reader.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *reader = Some(cx.waker().clone());
        }
    }
}

fn forget(unwritten: &mut Vec<u8>, written: usize) {
    unwritten.drain(..written);
    if unwritten.is_empty() && unwritten.capacity() > KEEP_BYTES * 4 {
        *unwritten = Vec::new();
    }
}

fn closed(payload: &[u8]) -> Ended {
    let code = payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
    Ended::Closed(code, String::from_utf8_lossy(payload.get(2..).unwrap_or_default()).into_owned())
}
