//! What the observers say together.

use std::collections::{BTreeMap, HashMap};

use crate::crash::observed::{Entry, Observations};

/// Per conversation, everything that anybody saw.
#[derive(Debug, Default)]
pub struct Reference<'a> {
    conversations: HashMap<&'a str, Known<'a>>,
}

/// What is known of a conversation.
#[derive(Debug, Default)]
pub struct Known<'a> {
    /// The first that was seen under each `rev`, and by whom; placeholders do not count.
    pub by_rev: BTreeMap<u64, (&'a Entry, &'a str)>,
    /// The highest number that anybody was told of.
    pub head: u64,
}

impl<'a> Reference<'a> {
    /// Gathers them.
    pub fn of(observed: &'a Observations) -> Self {
        let mut reference = Self::default();
        for transcript in &observed.transcripts {
            let known = reference.conversations.entry(&transcript.conversation).or_default();
            known.add(transcript.from, &transcript.entries, &transcript.observer);
        }
        for history in &observed.histories {
            let known = reference.conversations.entry(&history.conversation).or_default();
            known.add(history.rev, &history.entries, &history.source);
        }
        for command in &observed.commands {
            let known = reference.conversations.entry(&command.conversation).or_default();
            let rev = command.accepted().map_or(0, |(rev, _)| rev);
            known.head = known.head.max(rev);
        }
        reference
    }

    /// One conversation; none if nobody saw anything of it.
    pub fn get(&self, conversation: &str) -> Option<&Known<'a>> {
        self.conversations.get(conversation)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &Known<'a>)> {
        self.conversations.iter().map(|(name, known)| (*name, known))
    }
}

impl<'a> Known<'a> {
    fn add(&mut self, rev: u64, entries: &'a [Entry], observer: &'a str) {
        self.head = self.head.max(rev);
        for entry in entries {
            self.head = self.head.max(entry.rev);
            if !entry.is_hidden() {
                self.by_rev.entry(entry.rev).or_insert((entry, observer));
            }
        }
    }
}
