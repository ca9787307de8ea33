//! All observers tell the same: one event per `rev`, one message per `seq`, one place per message.

use std::collections::HashMap;

use super::fault::Fault;
use super::reference::{Known, Reference};
use crate::crash::observed::{Entry, Observations};

pub fn check(observed: &Observations, reference: &Reference<'_>, faults: &mut Vec<Fault>) {
    for transcript in &observed.transcripts {
        compare(&transcript.observer, &transcript.conversation, &transcript.entries, reference, faults);
    }
    for history in &observed.histories {
        compare(&history.source, &history.conversation, &history.entries, reference, faults);
    }
    for (conversation, known) in reference.iter() {
        check_places(conversation, known, faults);
    }
}

fn compare(observer: &str, conversation: &str, entries: &[Entry], reference: &Reference<'_>, faults: &mut Vec<Fault>) {
    let Some(known) = reference.get(conversation) else { return };
    for entry in entries.iter().filter(|entry| !entry.is_hidden()) {
        let Some((first, who)) = known.by_rev.get(&entry.rev) else { continue };
        if first.print != entry.print {
            faults.push(Fault::Disagreement {
                conversation: conversation.to_owned(),
                number: "rev",
                at: entry.rev,
                one: format!("{who}: {}", first.print),
                other: format!("{observer}: {}", entry.print),
            });
        }
    }
}

fn check_places(conversation: &str, known: &Known<'_>, faults: &mut Vec<Fault>) {
    let mut by_seq: HashMap<u64, &Entry> = HashMap::new();
    let mut by_text: HashMap<&str, &Entry> = HashMap::new();
    for (entry, _) in known.by_rev.values().filter(|(entry, _)| entry.kind == "message") {
        if let Some(seq) = entry.seq
            && let Some(first) = by_seq.insert(seq, entry)
        {
            faults.push(Fault::Disagreement {
                conversation: conversation.to_owned(),
                number: "seq",
                at: seq,
                one: first.print.clone(),
                other: entry.print.clone(),
            });
        }
        if let Some(text) = &entry.text
            && let Some(first) = by_text.insert(text, entry)
        {
            faults.push(Fault::Doubled {
                conversation: conversation.to_owned(),
                text: text.clone(),
                one: first.rev,
                other: entry.rev,
            });
        }
    }
}
