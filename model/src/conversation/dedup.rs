//! What is remembered of commands, so that the same command gets the same answer.

use std::collections::VecDeque;

use crate::command::{Answer, CommandHash};
use crate::ids::At;
use crate::limits::DEVICE_WINDOW;
use crate::refusal::Refusal;

/// The last answers of one device in one conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceLog {
    /// Number of the device's last decided command; 0 before the first.
    pub last_n: u64,
    /// Answers to the last [`DEVICE_WINDOW`] commands, oldest first, ending at `last_n`.
    pub answers: VecDeque<KeptAnswer>,
}

/// An answer that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Hash of the command's content.
    pub hash: CommandHash,
    /// What it was answered.
    pub answer: Answer,
}

/// What is kept for a keyed command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyEntry {
    /// Hash and answer.
    pub kept: KeptAnswer,
    /// When it was decided.
    pub at: At,
}

/// What is known of a command's identity before it is decided.
#[derive(Debug, Clone, Copy)]
pub enum Prior<'a> {
    /// The command has no identity.
    None,
    /// The device's log, empty when it never spoke here.
    Device(&'a DeviceLog),
    /// The key's entry, if it was used.
    Key(Option<&'a KeyEntry>),
}

impl DeviceLog {
    /// Says what to do with the n-th command: `None` when it is new, else its answer.
    #[must_use]
    pub fn check(&self, n: u64, hash: CommandHash) -> Option<Answer> {
        if n == self.last_n + 1 {
            return None;
        }
        if n == 0 || n > self.last_n {
            return Some(Answer::Refused { refusal: Refusal::NotNext, expected_n: Some(self.last_n + 1) });
        }
        let back = usize::try_from(self.last_n - n).unwrap_or(usize::MAX);
        let kept = self.answers.len().checked_sub(back.saturating_add(1)).and_then(|index| self.answers.get(index));
        Some(match kept {
            None => Answer::refused(Refusal::Forgotten),
            Some(kept) if kept.hash == hash => kept.answer,
            Some(_) => Answer::refused(Refusal::OtherContent),
        })
    }

    /// Remembers the answer to the n-th command. An `n` that is known already changes nothing.
    pub fn remember(&mut self, n: u64, hash: CommandHash, answer: Answer) {
        if n != self.last_n + 1 {
            return;
        }
        self.last_n = n;
        if self.answers.len() == DEVICE_WINDOW {
            self.answers.pop_front();
        }
        self.answers.push_back(KeptAnswer { hash, answer });
    }
}

impl KeyEntry {
    /// The answer to the key's command sent again.
    #[must_use]
    pub fn check(&self, hash: CommandHash) -> Answer {
        if self.kept.hash == hash { self.kept.answer } else { Answer::refused(Refusal::OtherContent) }
    }
}
