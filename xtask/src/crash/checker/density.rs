//! Numbers have no holes, and who followed got to the end.

use super::fault::Fault;
use super::reference::Reference;
use crate::crash::observed::{History, Observations, Transcript};

pub fn check(observed: &Observations, reference: &Reference<'_>, faults: &mut Vec<Fault>) {
    for transcript in &observed.transcripts {
        check_revs(transcript, faults);
        check_seqs_seen(transcript, faults);
        check_end(transcript, reference, faults);
    }
    for history in &observed.histories {
        check_history(history, faults);
        let head = reference.get(&history.conversation).map_or(0, |known| known.head);
        if history.complete && history.rev < head {
            faults.push(behind(&history.source, &history.conversation, history.rev, head));
        }
    }
}

fn check_revs(transcript: &Transcript, faults: &mut Vec<Fault>) {
    let mut last = transcript.from;
    for entry in &transcript.entries {
        if entry.rev != last + 1 {
            faults.push(hole(&transcript.observer, &transcript.conversation, "rev", last, entry.rev));
        }
        last = entry.rev;
    }
}

/// A placeholder may stand for a message from before the observer's membership, so it excuses one `seq`.
fn check_seqs_seen(transcript: &Transcript, faults: &mut Vec<Fault>) {
    let mut last = (transcript.from == 0).then_some(0);
    let mut hidden = 0;
    for entry in &transcript.entries {
        hidden += u64::from(entry.is_hidden());
        let Some(seq) = entry.seq.filter(|_| entry.kind == "message") else { continue };
        if let Some(last) = last
            && !(last + 1..=last + 1 + hidden).contains(&seq)
        {
            faults.push(hole(&transcript.observer, &transcript.conversation, "seq", last, seq));
        }
        last = Some(seq);
        hidden = 0;
    }
}

fn check_end(transcript: &Transcript, reference: &Reference<'_>, faults: &mut Vec<Fault>) {
    let at = transcript.entries.last().map_or(transcript.from, |entry| entry.rev);
    let head = reference.get(&transcript.conversation).map_or(0, |known| known.head);
    if transcript.to_the_end && at < head {
        faults.push(behind(&transcript.observer, &transcript.conversation, at, head));
    }
}

fn check_history(history: &History, faults: &mut Vec<Fault>) {
    // Agents read only what was said while they were members: their seqs may have holes.
    if !history.staff {
        check_seqs_told(history, faults);
    }
    for pair in history.entries.windows(2) {
        let [last, next] = pair else { continue };
        if next.rev <= last.rev {
            faults.push(hole(&history.source, &history.conversation, "rev", last.rev, next.rev));
        }
    }
}

fn check_seqs_told(history: &History, faults: &mut Vec<Fault>) {
    let seqs: Vec<u64> = history.entries.iter().filter_map(|entry| entry.seq).collect();
    let mut last = if history.complete { 0 } else { seqs.first().map_or(0, |first| first - 1) };
    for seq in seqs {
        if seq != last + 1 {
            faults.push(hole(&history.source, &history.conversation, "seq", last, seq));
        }
        last = seq;
    }
    if history.complete && last != history.seq {
        faults.push(hole(&history.source, &history.conversation, "seq", last, history.seq));
    }
}

fn hole(observer: &str, conversation: &str, number: &'static str, after: u64, next: u64) -> Fault {
    Fault::Hole { observer: observer.to_owned(), conversation: conversation.to_owned(), number, after, next }
}

fn behind(observer: &str, conversation: &str, at: u64, head: u64) -> Fault {
    Fault::Behind { observer: observer.to_owned(), conversation: conversation.to_owned(), at, head }
}
