use kefu_model::{At, Event, Numbered, Verdict};

use super::super::follow::{ATTACH_ITEMS, Continuity, Follows, Key};
use super::*;
use crate::payload::AttachItemWire;

fn key() -> Key {
    (tenant(), conversation())
}

/// An outcome with events of these `rev`s; with none, it raises a mark at `rev`.
fn outcome(revs: &[u64], rev: u64) -> Outcome {
    let mark = Event::Marked { user: visitor(), read: 1, delivered: 1 };
    let numbered = |rev: &u64| Numbered { rev: *rev, seq: 0, event: Event::Recalled { message: 1, by: visitor() } };
    let mut events: Vec<Numbered> = revs.iter().map(numbered).collect();
    if revs.is_empty() {
        events.push(Numbered { rev, seq: 0, event: mark });
    }
    Outcome {
        tenant: tenant(),
        conversation: conversation(),
        identity: None,
        hash: CommandHash([0; 16]),
        at: At(1),
        rev,
        verdict: Verdict::Accepted(events),
    }
}

#[test]
fn only_the_next_outcome_is_handed_on() {
    use Continuity::{Drop, Hole, Next};
    let cases: [(&str, u64, &[u64], u64, Continuity); 12] = [
        ("the next one", 2, &[11], 11, Next),
        ("the next ones", 2, &[11, 12, 13], 13, Next),
        ("the last one again", 2, &[10], 10, Drop),
        ("older ones", 2, &[8, 9], 9, Drop),
        ("one is missing", 2, &[12], 12, Hole),
        ("an older one that ends beyond", 2, &[9, 10, 11], 11, Drop),
        ("marks at the head", 2, &[], 10, Next),
        ("marks of before", 2, &[], 9, Drop),
        ("marks of later", 2, &[], 11, Hole),
        ("an earlier epoch", 1, &[11], 11, Drop),
        ("a later epoch", 3, &[11], 11, Hole),
        ("a later epoch that is shorter", 3, &[4], 4, Hole),
    ];
    for (what, epoch, revs, rev, expected) in cases {
        let mut follows = Follows::default();
        follows.stands(&key(), Cursor { epoch: 2, rev: 10 }, true);
        assert_eq!(follows.continues(&key(), epoch, &outcome(revs, rev)), expected, "{what}");
    }
    let mut follows = Follows::default();
    assert_eq!(follows.continues(&key(), 2, &outcome(&[1], 1)), Drop, "not followed");
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_own_attach_is_dropped_until_then() {
    let mut follows = Follows::default();
    follows.stands(&key(), Cursor { epoch: 1, rev: 10 }, true);
    follows.reattach(&key());
    follows.reattach(&key());
    follows.reattach_all();
    let items = follows.due();
    assert!(matches!(items[..], [AttachItemWire::Attach(1, _, _, Some((1, 10)))]), "asked for once");
    assert_eq!(follows.continues(&key(), 1, &outcome(&[11], 11)), Continuity::Drop);
    follows.stands(&key(), Cursor { epoch: 1, rev: 12 }, false);
    assert_eq!(follows.continues(&key(), 1, &outcome(&[13], 13)), Continuity::Drop, "another's attach does not count");
    assert!(follows.answered(1).is_some_and(|waiting| waiting.asked_by.is_none()));
    follows.stands(&key(), Cursor { epoch: 1, rev: 12 }, true);
    assert_eq!(follows.continues(&key(), 1, &outcome(&[13], 13)), Continuity::Next);
}

#[tokio::test(start_paused = true)]
async fn no_detach_overtakes_a_later_attach() {
    let mut follows = Follows::default();
    let keys: Vec<Key> = (0..ATTACH_ITEMS + 100)
        .map(|number| {
            let mut bits = [0; 16];
            bits[..8].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
            (tenant(), ConversationId::room(bits))
        })
        .collect();
    for key in &keys {
        follows.detach(key);
    }
    let (tenant, conversation) = keys[0].clone();
    follows.attach(AttachRequest { token: 1, tenant, conversation, cursor: None });
    let (mut detached, mut attached) = (0, 0);
    loop {
        let items = follows.due();
        if items.is_empty() {
            break;
        }
        for item in items {
            match item {
                AttachItemWire::Detach(..) => {
                    assert_eq!(attached, 0, "the attach left first, and this takes it back");
                    detached += 1;
                }
                AttachItemWire::Attach(..) => attached += 1,
            }
        }
    }
    assert_eq!((detached, attached), (keys.len(), 1));
}
