//! What is queued to a client: bounded in frames and in bytes.

use std::collections::VecDeque;
use std::task::{Context, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::frame::Code;

/// A bounded queue with one reader.
pub(crate) struct Mailbox {
    max_frames: usize,
    max_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Bytes>,
    bytes: usize,
    closed: Option<Code>,
    waker: Option<Waker>,
}

/// What the reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mail {
    /// Encoded frames, in order.
    Frames(Vec<Bytes>),
    /// Nothing more will come: close with this number.
    Closed(Code),
    /// Nothing now; the reader will be woken.
    Nothing,
}

impl Mailbox {
    pub(crate) fn new(max_frames: usize, max_bytes: usize) -> Self {
        Self { max_frames, max_bytes, state: Mutex::default() }
    }

    /// Queues a frame; false when there is no room. After it was closed frames are dropped.
    pub(crate) fn push(&self, frame: Bytes) -> bool {
        let mut state = self.state.lock();
        if state.closed.is_some() {
            return true;
        }
        if state.frames.len() >= self.max_frames || state.bytes + frame.len() > self.max_bytes {
            return false;
        }
        state.bytes += frame.len();
        state.frames.push_back(frame);
        wake(state);
        true
    }

    /// Whether a frame of that size fits in a quarter of what is free: room for what is not urgent.
    pub(crate) fn has_room_for(&self, bytes: usize) -> bool {
        let state = self.state.lock();
        bytes <= self.max_bytes.saturating_sub(state.bytes) / 4 && state.frames.len() < self.max_frames / 2
    }

    /// Closes it behind what is queued. The first number counts.
    pub(crate) fn close(&self, code: Code) {
        let mut state = self.state.lock();
        state.closed.get_or_insert(code);
        wake(state);
    }

    /// Closes it at once: what is queued is dropped, the client resumes elsewhere.
    pub(crate) fn overflow(&self, code: Code) {
        let mut state = self.state.lock();
        state.frames = VecDeque::new();
        state.bytes = 0;
        state.closed.get_or_insert(code);
        wake(state);
    }

    /// The number it was closed with.
    pub(crate) fn closed_with(&self) -> Option<Code> {
        self.state.lock().closed
    }

    /// Wakes this reader at the next change, though it took nothing.
    pub(crate) fn wake_with(&self, cx: &Context<'_>) {
        self.state.lock().waker = Some(cx.waker().clone());
    }

    /// Takes frames of about `max_bytes` and at most `max_frames`; at least one if there is any.
    pub(crate) fn take(&self, cx: &Context<'_>, max_bytes: usize, max_frames: usize) -> Mail {
        let mut state = self.state.lock();
        if state.frames.is_empty() {
            if let Some(code) = state.closed {
                return Mail::Closed(code);
            }
            if state.waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
                state.waker = Some(cx.waker().clone());
            }
            return Mail::Nothing;
        }
        // Usually all of it: then the queue goes as it is, and an idle connection keeps no room for frames.
        if state.bytes <= max_bytes && state.frames.len() <= max_frames {
            state.bytes = 0;
            return Mail::Frames(std::mem::take(&mut state.frames).into());
        }
        let mut taken = Vec::new();
        let mut bytes = 0;
        while bytes < max_bytes && taken.len() < max_frames {
            let Some(frame) = state.frames.pop_front() else { break };
            bytes += frame.len();
            taken.push(frame);
        }
        state.bytes = state.bytes.saturating_sub(bytes);
        if state.frames.is_empty() {
            state.frames = VecDeque::new();
        }
        Mail::Frames(taken)
    }
}

/// Wakes the reader after the lock is released.
fn wake(mut state: parking_lot::MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(mailbox: &Mailbox, max_bytes: usize) -> Mail {
        mailbox.take(&Context::from_waker(Waker::noop()), max_bytes, 100)
    }

    #[test]
    fn it_is_bounded_in_frames_and_bytes() {
        let mailbox = Mailbox::new(2, 10);
        assert!(mailbox.push(Bytes::from_static(b"12345")));
        assert!(!mailbox.push(Bytes::from_static(b"123456")));
        assert!(mailbox.push(Bytes::from_static(b"1")));
        assert!(!mailbox.push(Bytes::from_static(b"2")));
        let frames = vec![Bytes::from_static(b"12345"), Bytes::from_static(b"1")];
        assert_eq!(take(&mailbox, 100), Mail::Frames(frames));
        assert!(mailbox.push(Bytes::from_static(b"1234567890")));
    }

    #[test]
    fn what_is_taken_in_parts_comes_whole_and_leaves_no_room() {
        let mailbox = Mailbox::new(10, 100);
        for frame in ["one", "two", "three"] {
            assert!(mailbox.push(Bytes::from_static(frame.as_bytes())));
        }
        let frames = |texts: &[&'static str]| {
            Mail::Frames(texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect())
        };
        assert_eq!(take(&mailbox, 1), frames(&["one"]));
        assert!(mailbox.has_room_for(23) && !mailbox.has_room_for(24), "8 bytes are left");
        assert_eq!(take(&mailbox, 7), frames(&["two", "three"]));
        assert_eq!(mailbox.state.lock().frames.capacity(), 0);
        assert!(mailbox.has_room_for(25));
    }

    #[test]
    fn a_close_comes_behind_what_is_queued_and_the_first_number_counts() {
        let mailbox = Mailbox::new(10, 100);
        mailbox.push(Bytes::from_static(b"last"));
        mailbox.close(Code::Revoked);
        mailbox.close(Code::Silent);
        assert!(mailbox.push(Bytes::from_static(b"dropped")));
        assert_eq!(take(&mailbox, 100), Mail::Frames(vec![Bytes::from_static(b"last")]));
        assert_eq!(take(&mailbox, 100), Mail::Closed(Code::Revoked));
    }

    #[test]
    fn an_overflow_drops_what_is_queued() {
        let mailbox = Mailbox::new(10, 100);
        mailbox.push(Bytes::from_static(b"x"));
        mailbox.overflow(Code::SlowConsumer);
        assert_eq!(take(&mailbox, 100), Mail::Closed(Code::SlowConsumer));
    }
}
