//! Rows of the log: stamps, replays, checkpoints, expiry.

use kefu_model::command::Answer;
use kefu_model::conversation::{DeviceLog, KeptAnswer, KeyEntry};
use kefu_model::ids::CommandKey;
use kefu_model::limits::KEY_RETENTION_MS;
use kefu_model::{At, Audience, CommandHash, Content, DeviceId, Name, Partition, Refusal};

use super::sample::{
    agent, checkpoint, customer, eventually, id, item, member, now, says, session, stamp, state_row, support, tenant,
    thread,
};
use crate::{
    Amendment, CustomerRow, DeviceKey, DeviceRow, Edit, HistoryQuery, ItemKey, KeyRow, LogBatch, LogReader, Recall,
    Store, Version, VersionRow,
};

fn answer(rev: u64) -> KeptAnswer {
    let answer = Answer::Accepted { rev, seq: None, at: At(rev) };
    KeptAnswer { hash: CommandHash([5; 16]), answer }
}

fn device_row(key: &DeviceKey, n: u64, position: u64) -> DeviceRow {
    let mut log = DeviceLog { last_n: n - 1, ..DeviceLog::default() };
    log.remember(n, CommandHash([1; 16]), Answer::refused(Refusal::NoSession));
    DeviceRow { key: key.clone(), log, stamp: stamp(position) }
}

/// Of two writes to a row the one with the larger stamp stays, in whatever order they come.
pub async fn the_newer_stamp_wins(store: &dyn Store) {
    let t = tenant("stamps");
    let key = support(&t, "c");
    let device = DeviceKey { conversation: key.clone(), device: DeviceId::new("d").expect("a device") };
    let batch = |position: u64| LogBatch {
        items: vec![crate::ItemRow {
            stamp: stamp(position),
            ..item(&key, ItemKey::message(1), 1, 1, says(&format!("at {position}"), Audience::All))
        }],
        devices: vec![device_row(&device, position, position)],
        members: vec![member(&key, &customer("c"), position, position)],
        sessions: vec![session(&key, "c", 1, 5, position)],
        states: vec![state_row(&key, &customer("c"), position, 1, position)],
        checkpoint: Some(checkpoint(100, position)),
        ..LogBatch::default()
    };
    for position in [5, 9, 5, 7, 9] {
        store.write_log_batch(batch(position).into()).await.expect("write");
    }
    let state = store.load_conversation(&t, key.conversation).await.expect("load").expect("there");
    assert_eq!((state.value.rev, state.stamp), (9, stamp(9)));
    assert_eq!(store.load_device(&device).await.expect("load").expect("there").value.last_n, 9);
    let message = store.message(&t, key.conversation, 1).await.expect("read").expect("there");
    assert_eq!(message.content(), Some(&Content::Text("at 9".into())));
    let query = crate::ConversationQuery { limit: 9, ..Default::default() };
    let page = store.conversations_of(&t, &customer("c"), query).await.expect("list");
    assert_eq!(page.entries[0].member.updated_at, At(9));
    let found = store.session(&t, key.conversation, 1).await.expect("read").expect("there");
    assert_eq!(found.stamp, stamp(9));
    let saved = store.checkpoint(LogReader::Archiver, Partition(100)).await.expect("read").expect("there");
    assert_eq!(saved.position, 9);
}

/// A batch written again changes nothing.
pub async fn replays_change_nothing(store: &dyn Store) {
    let t = tenant("replays");
    let key = support(&t, "c");
    let query = HistoryQuery { limit: 200, ..HistoryQuery::default() };
    store.write_log_batch(thread(&key, 20).into()).await.expect("write");
    let before = store.history(&t, key.conversation, query).await.expect("read");
    for _ in 0..3 {
        store.write_log_batch(thread(&key, 20).into()).await.expect("write");
    }
    assert_eq!(store.history(&t, key.conversation, query).await.expect("read"), before);
}

/// Edits and recalls change the message and leave what it said before.
pub async fn amendments_keep_versions(store: &dyn Store) {
    let t = tenant("amendments");
    let key = support(&t, "c");
    store.write_log_batch(thread(&key, 2).into()).await.expect("write");
    let edit = |rev: u64| Edit { rev, at: At(rev), by: customer("c"), content: Content::Text(format!("edit {rev}")) };
    let write = |edited: Option<Edit>, recalled: Option<Recall>, version: Version| {
        let (seq, stamp) = (1, stamp(version.rev()));
        store.write_log_batch(
            LogBatch {
                versions: vec![VersionRow { conversation: key.clone(), seq, version, stamp }],
                amendments: vec![Amendment { conversation: key.clone(), seq, edited, recalled, stamp }],
                ..LogBatch::default()
            }
            .into(),
        )
    };
    write(Some(edit(10)), None, Version::Edited(edit(10))).await.expect("edit");
    write(Some(edit(12)), None, Version::Edited(edit(12))).await.expect("edit");
    write(Some(edit(10)), None, Version::Edited(edit(10))).await.expect("a late replay");
    let message = store.message(&t, key.conversation, 1).await.expect("read").expect("there");
    assert_eq!(message.content(), Some(&Content::Text("edit 12".into())));
    let recall = Recall { rev: 13, at: At(13), by: agent("a") };
    write(None, Some(recall.clone()), Version::Recalled(recall.clone())).await.expect("recall");
    store.write_log_batch(thread(&key, 2).into()).await.expect("a replay of the message itself");
    let message = store.message(&t, key.conversation, 1).await.expect("read").expect("there");
    assert_eq!((message.content(), message.recalled.as_ref()), (None, Some(&recall)));
    assert_eq!(message.edited.map(|edit| edit.rev), Some(12), "the last edit is kept under the recall");
    let versions = store.versions(&t, key.conversation, 1).await.expect("read");
    assert_eq!(versions.iter().map(Version::rev).collect::<Vec<_>>(), [10, 12, 13]);
}

/// Keys are answered until they expire, by the clock; the rest stays.
pub async fn keys_expire(store: &dyn Store) {
    const LEFT_MS: u64 = 3_000;
    let key = support(&tenant("expiry"), "c");
    let started = now();
    let old_at = At(started.0 + LEFT_MS - KEY_RETENTION_MS);
    let row = |name: &str, at: At| KeyRow {
        conversation: key.clone(),
        key: CommandKey::new(name).expect("a key"),
        entry: KeyEntry { kept: answer(3), at },
        stamp: stamp(4),
    };
    let keys = vec![row("old", old_at), row("new", started)];
    store.write_log_batch(LogBatch { keys, ..LogBatch::default() }.into()).await.expect("write");
    let (old, new) = (CommandKey::new("old").expect("a key"), CommandKey::new("new").expect("a key"));
    match store.load_key(&key, &old).await.expect("load") {
        Some(found) => assert_eq!((found.value.kept, found.value.at, found.stamp), (answer(3), old_at, stamp(4))),
        None => assert!(now().0 >= started.0 + LEFT_MS, "it went before its time"),
    }
    eventually("the old key goes", async || {
        store.expire(now()).await.expect("expire");
        store.load_key(&key, &old).await.expect("load").is_none()
    })
    .await;
    assert!(now().0 >= started.0 + LEFT_MS, "it went before its time");
    let found = store.load_key(&key, &new).await.expect("load").expect("there");
    assert_eq!((found.value.kept, found.stamp), (answer(3), stamp(4)));
}

/// A `None` of a later row leaves what an earlier one said.
pub async fn absent_values_leave_what_is_there(store: &dyn Store) {
    let t = tenant("partial");
    let key = support(&t, "c");
    let ended = crate::SessionRow {
        end_reason: Some("solved".into()),
        ended_by: Some(customer("c")),
        agent: Some((agent("a"), Name::new("小王").ok())),
        ..session(&key, "c", 1, 5, 2)
    };
    let rated = crate::SessionRow {
        rating: Some(5),
        comment: Some("好".into()),
        stamp: stamp(3),
        end_reason: None,
        ..ended.clone()
    };
    let customer_row = |position, name: Option<&str>, created_at: Option<u64>| CustomerRow {
        tenant: t.clone(),
        id: id("c"),
        name: name.and_then(|name| Name::new(name).ok()),
        created_at: created_at.map(At),
        last_seen_at: Some(At(position)),
        stamp: stamp(position),
    };
    let (first, second) = (customer_row(2, Some("访客"), Some(1)), customer_row(3, None, None));
    for (session, customer) in [(&ended, &first), (&rated, &second), (&ended, &first)] {
        let (sessions, customers) = (vec![session.clone()], vec![customer.clone()]);
        store.write_log_batch(LogBatch { sessions, customers, ..LogBatch::default() }.into()).await.expect("write");
    }
    let found = store.session(&t, key.conversation, 1).await.expect("read").expect("there");
    assert_eq!(found, crate::SessionRow { end_reason: Some("solved".into()), ..rated });
    let found = store.customers_by_id(&t, &[id("c"), id("x")]).await.expect("read");
    let known = found[0].as_ref().expect("there");
    assert_eq!((known.created_at, known.last_seen_at), (At(1), At(3)));
    assert!(known.name.is_some() && found[1].is_none());
}

/// Checkpoints go forward only, by epoch and position, each reader's for itself.
pub async fn checkpoints_go_forward(store: &dyn Store) {
    let at = |epoch: u64, position: u64| crate::Checkpoint { epoch, ..checkpoint(101, position) };
    assert!(store.checkpoint(LogReader::Archiver, Partition(101)).await.expect("read").is_none());
    for (epoch, position) in [(1, 50), (1, 40), (2, 3), (1, 60)] {
        store.save_checkpoint(at(epoch, position)).await.expect("save");
    }
    let saved = store.checkpoint(LogReader::Archiver, Partition(101)).await.expect("read");
    assert_eq!(saved, Some(at(2, 3)));
    assert!(store.checkpoint(LogReader::Reporter, Partition(101)).await.expect("read").is_none());
}

/// Whoever finds a state finds the messages that it covers, while the log is being written.
pub async fn states_come_last(store: &dyn Store) {
    let t = tenant("order");
    let key = support(&t, "c");
    let write = async {
        for messages in 1..60 {
            let mut batch = thread(&key, messages);
            let position = batch.items.len() as u64;
            batch.items.retain(|row| row.item.key.seq == messages);
            batch.states[0].stamp = stamp(position);
            store.write_log_batch(batch.into()).await.expect("write");
        }
    };
    let read = async {
        let mut seen = 0;
        while seen < 59 {
            if let Some(state) = store.load_conversation(&t, key.conversation).await.expect("load") {
                seen = state.value.seq;
                let head = store.message(&t, key.conversation, seen).await.expect("read");
                assert!(head.is_some(), "the state says {seen}, its message is not there");
            }
            tokio::task::yield_now().await;
        }
    };
    futures::join!(write, read);
}
