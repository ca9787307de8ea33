//! What was acked is there, everywhere, where the ack said; and nothing else is.

use std::collections::{HashMap, HashSet};

use super::fault::{Fault, named};
use super::reference::Reference;
use crate::crash::observed::{Command, Entry, History, Observations, Transcript, Wanted};

pub fn check(observed: &Observations, reference: &Reference<'_>, faults: &mut Vec<Fault>) {
    let expected = Expected::of(observed);
    for command in &observed.commands {
        check_place(command, reference, faults);
    }
    for transcript in &observed.transcripts {
        check_transcript(transcript, &expected, faults);
    }
    for history in &observed.histories {
        check_history(history, &expected, reference, faults);
    }
}

/// The accepted messages and notes, and every text that may be seen.
struct Expected<'a> {
    accepted: HashMap<&'a str, Vec<(&'a Command, u64)>>,
    /// Accepted, or sent and not answered: those may have happened.
    possible: HashSet<&'a str>,
}

impl<'a> Expected<'a> {
    fn of(observed: &'a Observations) -> Self {
        let mut expected = Self { accepted: HashMap::new(), possible: HashSet::new() };
        for command in &observed.commands {
            let Some(text) = command.wanted.text() else { continue };
            if let Some((rev, _)) = command.accepted() {
                expected.accepted.entry(&command.conversation).or_default().push((command, rev));
                expected.possible.insert(text);
            } else if command.answers.is_empty() {
                expected.possible.insert(text);
            }
        }
        expected
    }

    fn in_conversation(&self, conversation: &str) -> &[(&'a Command, u64)] {
        self.accepted.get(conversation).map_or(&[], Vec::as_slice)
    }
}

/// The ack's numbers are the message's: its `seq`, and a `rev` that is its own or of an event that it caused.
fn check_place(command: &Command, reference: &Reference<'_>, faults: &mut Vec<Fault>) {
    let (Some((rev, seq)), Some(text)) = (command.accepted(), command.wanted.text()) else { return };
    let Some(known) = reference.get(&command.conversation) else { return };
    let is_it = |entry: &&Entry| entry.text.as_deref() == Some(text);
    let found = known.by_rev.range(..=rev).rev().map(|(_, (entry, _))| *entry).find(is_it);
    let Some(entry) = found else {
        let observer = "anybody".to_owned();
        faults.push(Fault::Lost { observer, command: named(command), rev });
        return;
    };
    let between = known.by_rev.range(entry.rev..=rev).skip(1).any(|(_, (other, _))| other.kind == "message");
    if entry.seq != seq || between {
        faults.push(Fault::Misplaced {
            command: named(command),
            acked: format!("rev {rev}, seq {seq:?}"),
            found: format!("rev {}, seq {:?}", entry.rev, entry.seq),
        });
    }
}

fn check_transcript(transcript: &Transcript, expected: &Expected<'_>, faults: &mut Vec<Fault>) {
    let Transcript { observer, conversation, entries, .. } = transcript;
    let seen: HashMap<&str, &Entry> = texts(entries);
    check_known(observer, conversation, entries, expected, faults);
    let last = entries.last().map_or(transcript.from, |entry| entry.rev);
    let hidden: HashSet<u64> = entries.iter().filter(|entry| entry.is_hidden()).map(|entry| entry.rev).collect();
    for (command, rev) in expected.in_conversation(conversation) {
        let is_note = matches!(command.wanted, Wanted::Note { .. });
        let text = command.wanted.text().unwrap_or_default();
        let covered = (transcript.from + 1..=last).contains(rev);
        let shown = seen.get(text).copied();
        if let Some(entry) = shown.filter(|_| is_note && !transcript.staff) {
            let (observer, conversation) = (observer.clone(), conversation.clone());
            faults.push(Fault::Leaked { observer, conversation, rev: entry.rev });
        } else if covered && shown.is_none() && !hides(&hidden, transcript, *rev, is_note) {
            faults.push(Fault::Lost { observer: observer.clone(), command: named(command), rev: *rev });
        }
    }
}

/// Whether a placeholder stands for it rightly: a note for a customer, or anything from before an agent came in.
fn hides(hidden: &HashSet<u64>, transcript: &Transcript, rev: u64, is_note: bool) -> bool {
    let starts_inside = rev <= transcript.from + 8 && transcript.from > 0;
    let placeholder = (rev.saturating_sub(8)..=rev).any(|rev| hidden.contains(&rev));
    (placeholder && (is_note || transcript.staff)) || starts_inside
}

fn check_history(history: &History, expected: &Expected<'_>, reference: &Reference<'_>, faults: &mut Vec<Fault>) {
    let History { source, conversation, entries, .. } = history;
    check_known(source, conversation, entries, expected, faults);
    if !history.complete {
        return;
    }
    let told = texts(entries);
    for (command, rev) in expected.in_conversation(conversation) {
        let is_note = matches!(command.wanted, Wanted::Note { .. });
        let shown = told.get(command.wanted.text().unwrap_or_default());
        if shown.is_some() && is_note && !history.staff {
            faults.push(Fault::Leaked { observer: source.clone(), conversation: conversation.clone(), rev: *rev });
        } else if shown.is_none() && !is_note {
            faults.push(Fault::Lost { observer: source.clone(), command: named(command), rev: *rev });
        }
    }
    let known = reference.get(conversation).map(|known| &known.by_rev);
    for (entry, _) in known.into_iter().flat_map(|by_rev| by_rev.values()) {
        let text = entry.text.as_deref().unwrap_or_default();
        if entry.seq.is_some() && entry.kind == "message" && !told.contains_key(text) {
            faults.push(Fault::NotInHistory {
                source: source.clone(),
                conversation: conversation.clone(),
                rev: entry.rev,
                text: text.to_owned(),
            });
        }
    }
}

fn check_known(
    observer: &str,
    conversation: &str,
    entries: &[Entry],
    expected: &Expected<'_>,
    faults: &mut Vec<Fault>,
) {
    let messages = entries.iter().filter(|entry| entry.kind == "message");
    for (entry, text) in messages.filter_map(|entry| Some((entry, entry.text.as_deref()?))) {
        if !expected.possible.contains(text) {
            faults.push(Fault::Unknown {
                observer: observer.to_owned(),
                conversation: conversation.to_owned(),
                rev: entry.rev,
                text: text.to_owned(),
            });
        }
    }
}

fn texts(entries: &[Entry]) -> HashMap<&str, &Entry> {
    entries.iter().filter_map(|entry| Some((entry.text.as_deref()?, entry))).collect()
}
