//! Rows to test with.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kefu_model::conversation::{Interval, Member, SessionStatus};
use kefu_model::{At, Audience, Content, Conversation, ConversationId, Event, Name, Partition, TenantId, User, UserId};

use crate::{
    Checkpoint, ConversationKey, Item, ItemKey, ItemRow, LogBatch, LogReader, MemberRow, SessionRow, Stamp, StateRow,
};

/// This machine's clock: what expires by the backend's own clock is tested by it.
#[must_use]
pub fn now() -> At {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    At(u64::try_from(since.as_millis()).expect("a time"))
}

/// Waits until it is so, asking again and again.
///
/// # Panics
/// When it is not so within half a minute.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A tenant's name, checked.
#[must_use]
pub fn tenant(text: &str) -> TenantId {
    TenantId::new(text).expect("a tenant")
}

/// A user's id, checked.
#[must_use]
pub fn id(text: &str) -> UserId {
    UserId::new(text).expect("an id")
}

/// An agent.
#[must_use]
pub fn agent(text: &str) -> User {
    User::agent(id(text))
}

/// A customer.
#[must_use]
pub fn customer(text: &str) -> User {
    User::customer(id(text))
}

/// The support conversation of a customer.
#[must_use]
pub fn support(tenant: &TenantId, customer: &str) -> ConversationKey {
    ConversationKey { tenant: tenant.clone(), conversation: ConversationId::support(tenant, &id(customer)) }
}

/// The stamp of a position in epoch 1.
#[must_use]
pub fn stamp(position: u64) -> Stamp {
    Stamp::new(1, position).expect("a stamp")
}

/// A checkpoint of the archiver at a position of epoch 1.
#[must_use]
pub fn checkpoint(partition: u16, position: u64) -> Checkpoint {
    Checkpoint {
        reader: LogReader::Archiver,
        partition: Partition(partition),
        epoch: 1,
        log_id: [7; 16],
        position,
        generation: 1,
        ordinal: position,
        state: vec![1, 2, 3],
    }
}

/// A message to all, or a private note, or a session event.
#[must_use]
pub fn item(key: &ConversationKey, item_key: ItemKey, rev: u64, at: u64, event: Event) -> ItemRow {
    let item = Item { key: item_key, rev, at: At(at), event, edited: None, recalled: None };
    ItemRow { conversation: key.clone(), item, stamp: stamp(rev) }
}

/// Somebody says something.
#[must_use]
pub fn says(text: &str, audience: Audience) -> Event {
    let (by, by_name) = (Some(customer("c")), Name::new("访客").ok());
    Event::Message { by, by_name, content: Content::Text(text.into()), audience }
}

/// A conversation's state with one member.
#[must_use]
pub fn state(key: &ConversationKey, member: &User, rev: u64, seq: u64) -> Conversation {
    let entry = Member { name: None, intervals: vec![Interval { from: 1, until: None }], read: seq, delivered: seq };
    Conversation {
        rev,
        seq,
        updated_at: At(rev * 1_000),
        members: BTreeMap::from([(member.clone(), entry)]),
        ..Conversation::absent(key.tenant.clone(), key.conversation)
    }
}

/// A state's row.
#[must_use]
pub fn state_row(key: &ConversationKey, member: &User, rev: u64, seq: u64, position: u64) -> StateRow {
    StateRow { state: state(key, member, rev, seq), stamp: stamp(position) }
}

/// A membership.
#[must_use]
pub fn member(key: &ConversationKey, user: &User, updated_at: u64, position: u64) -> MemberRow {
    MemberRow {
        conversation: key.clone(),
        user: user.clone(),
        active: true,
        read: 1,
        delivered: 1,
        rev: 2,
        seq: 1,
        updated_at: At(updated_at),
        stamp: stamp(position),
    }
}

/// A session.
#[must_use]
pub fn session(key: &ConversationKey, who: &str, ordinal: u64, opened_at: u64, position: u64) -> SessionRow {
    SessionRow {
        conversation: key.clone(),
        ordinal,
        customer: Some((customer(who), Name::new("访客").ok())),
        status: SessionStatus::Waiting,
        opened_at: At(opened_at),
        agent: None,
        assigned_at: None,
        ended_at: None,
        ended_by: None,
        end_reason: None,
        rating: None,
        comment: None,
        stamp: stamp(position),
    }
}

/// A conversation of so many messages, one every second from 1 s on, with two session events before the first and a
/// private note after every third. The revs are dense.
#[must_use]
pub fn thread(key: &ConversationKey, messages: u64) -> LogBatch {
    let mut items = Vec::new();
    let mut add = |seq, event: Event, at| {
        let rev = items.len() as u64 + 1;
        let slot = if event.takes_seq() { 0 } else { rev };
        items.push(item(key, ItemKey { seq, slot }, rev, at, event));
    };
    add(0, Event::SessionOpened { session: 1 }, 500);
    add(0, Event::MemberAdded { user: agent("a") }, 600);
    for seq in 1..=messages {
        add(seq, says(&format!("message {seq}"), Audience::All), seq * 1_000);
        if seq % 3 == 0 {
            add(seq, says("a note", Audience::Staff), seq * 1_000 + 500);
        }
    }
    let rev = items.len() as u64;
    LogBatch { states: vec![state_row(key, &customer("c"), rev, messages, rev)], items, ..LogBatch::default() }
}
