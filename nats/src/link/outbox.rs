//! Commands of one log on their way: which wait to be sent, which for an answer.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use kefu_model::Refusal;
use tokio::time::Instant;

use crate::payload::{self, AnswerWire, EnvelopeWire};

/// Called once with the answer, or with why there is none.
pub(super) type OnWire = Box<dyn FnOnce(Result<AnswerWire, Refusal>) + Send>;

/// Encoded commands in one envelope, in bytes.
pub(super) const ENVELOPE_BYTES: usize = 512 * 1024;
/// Commands in one envelope.
pub(super) const ENVELOPE_COMMANDS: usize = 2_000;

struct Pending {
    command: Bytes,
    on_answer: OnWire,
    asked_at: Instant,
    sent_at: Option<Instant>,
}

/// The outbox of one log.
pub(super) struct Outbox {
    edge: String,
    next_token: u64,
    pending: BTreeMap<u64, Pending>,
    unsent: VecDeque<u64>,
}

impl Outbox {
    pub(super) fn new(edge: String) -> Self {
        Self { edge, next_token: 1, pending: BTreeMap::new(), unsent: VecDeque::new() }
    }

    pub(super) fn push(&mut self, command: Bytes, on_answer: OnWire) {
        let token = self.next_token;
        self.next_token += 1;
        self.pending.insert(token, Pending { command, on_answer, asked_at: Instant::now(), sent_at: None });
        self.unsent.push_back(token);
    }

    /// The next envelope's encoding, if something waits.
    pub(super) fn envelope(&mut self) -> Option<Bytes> {
        let now = Instant::now();
        let mut items = Vec::new();
        let mut bytes = 0;
        while let Some(token) = self.unsent.front() {
            let Some(pending) = self.pending.get_mut(token) else {
                self.unsent.pop_front();
                continue;
            };
            bytes += pending.command.len();
            if !items.is_empty() && (bytes > ENVELOPE_BYTES || items.len() == ENVELOPE_COMMANDS) {
                break;
            }
            pending.sent_at = Some(now);
            items.push((*token, pending.command.clone()));
            self.unsent.pop_front();
        }
        let items: Vec<_> = items.iter().map(|(token, command)| (*token, serde_bytes::Bytes::new(command))).collect();
        (!items.is_empty()).then(|| payload::encode(&EnvelopeWire { from: self.edge.as_str().into(), items }))
    }

    /// Commands without an answer.
    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn answer(&mut self, token: u64, answer: AnswerWire) {
        if let Some(pending) = self.pending.remove(&token) {
            (pending.on_answer)(Ok(answer));
        }
    }

    /// Sends everything unanswered again, in order.
    pub(super) fn resend_all(&mut self) {
        self.unsent = self.pending.keys().copied().collect();
    }

    /// Sends again if the oldest command has waited too long, and gives up on those past the deadline.
    pub(super) fn tick(&mut self, resend_after: Duration, deadline: Duration) {
        while let Some(oldest) = self.pending.first_entry() {
            if oldest.get().asked_at.elapsed() < deadline {
                break;
            }
            (oldest.remove().on_answer)(Err(Refusal::NoAnswer));
        }
        let late = self.pending.values().next().and_then(|oldest| oldest.sent_at);
        if self.unsent.is_empty() && late.is_some_and(|sent_at| sent_at.elapsed() > resend_after) {
            self.resend_all();
        }
    }

    /// Gives up on everything.
    pub(super) fn close(&mut self) {
        for (_, pending) in std::mem::take(&mut self.pending) {
            (pending.on_answer)(Err(Refusal::NoAnswer));
        }
    }
}
