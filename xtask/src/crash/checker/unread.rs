//! Unread is the head minus the read mark, and marks never go down.

use super::fault::Fault;
use super::reference::Reference;
use crate::crash::observed::Observations;

pub fn check(observed: &Observations, reference: &Reference<'_>, faults: &mut Vec<Fault>) {
    for told in &observed.unread {
        let known = reference.get(&told.conversation);
        let seqs = known.into_iter().flat_map(|known| known.by_rev.values()).filter_map(|(entry, _)| entry.seq);
        let head = seqs.max().unwrap_or(0);
        let exact = told.seq.checked_sub(told.read) == Some(told.unread);
        if !exact || told.seq != head || told.read < told.read_at_least {
            faults.push(Fault::WrongUnread {
                observer: told.observer.clone(),
                conversation: told.conversation.clone(),
                seq: told.seq,
                read: told.read,
                unread: told.unread,
                read_at_least: told.read_at_least,
            });
        }
    }
}
