//! More rows than one read, one batch or one bucket takes.

use std::sync::Arc;

use kefu_model::conversation::SessionStatus;
use kefu_model::{At, Audience, ConversationId, Partition};
use kefu_store::conformance::sample::{
    agent, customer, id, item, member, says, session, stamp, state_row, support, tenant, thread,
};
use kefu_store::{
    BUCKET_MS, ConversationKey, ConversationQuery, CqlStore, CustomerQuery, CustomerRow, Directory as _, HistoryQuery,
    HistoryStore as _, ItemKey, ItemRow, LogBatch, LogStore as _, Metric, ReportStore as _, RollupBatch, RollupQuery,
    RollupRow, SessionQuery, SessionRow, Window,
};

use scylla::client::session_builder::SessionBuilder;

use crate::support::{fresh_config, nodes, shared};

/// More than two buckets of messages, written in pieces as an archiver does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_crosses_buckets() {
    let key = support(&tenant("buckets"), "c");
    let store = shared().await;
    let whole = thread(&key, 4_500);
    for piece in whole.items.chunks(1_000) {
        let items = piece.to_vec();
        store.write_log_batch(LogBatch { items, ..LogBatch::default() }.into()).await.unwrap();
    }
    let all: Vec<u64> = whole.items.iter().map(|row| row.item.rev).collect();
    // Without the state, and with it: the newest bucket is found either way.
    for states in [Vec::new(), whole.states] {
        store.write_log_batch(LogBatch { states, ..LogBatch::default() }.into()).await.unwrap();
        let (mut seen, mut window) = (Vec::new(), Window::Newest);
        loop {
            let query = HistoryQuery { window, limit: 200, ..HistoryQuery::default() };
            let page = store.history(&key.tenant, key.conversation, query).await.unwrap();
            seen.splice(0..0, page.items.iter().map(|item| item.rev));
            if !page.has_older {
                break;
            }
            window = Window::Before(page.items[0].key);
        }
        assert_eq!(seen, all);
    }
    for seq in [2_046, 2_047, 2_048, 4_095, 4_096] {
        let query = HistoryQuery { window: Window::After(ItemKey::end_of(seq)), limit: 3, ..HistoryQuery::default() };
        let page = store.history(&key.tenant, key.conversation, query).await.unwrap();
        assert_eq!(page.items[0].key, ItemKey::message(seq + 1));
        assert!(page.has_older && page.has_newer);
        let query = HistoryQuery { window: Window::Before(ItemKey::message(seq)), limit: 1, ..HistoryQuery::default() };
        let page = store.history(&key.tenant, key.conversation, query).await.unwrap();
        assert_eq!(page.items[0].key.seq, seq - 1);
    }
    let beyond =
        HistoryQuery { window: Window::Before(ItemKey::message(u64::MAX >> 1)), limit: 1, ..Default::default() };
    let page = store.history(&key.tenant, key.conversation, beyond).await.unwrap();
    assert_eq!(page.items[0].key.seq, 4_500);
}

/// A row that is larger than a batch may be goes alone, and a batch of many small ones in pieces.
#[tokio::test]
async fn large_and_many_rows_are_written() {
    let key = support(&tenant("large"), "c");
    let store = shared().await;
    let row = |seq: u64, bytes: usize| ItemRow {
        stamp: stamp(seq),
        ..item(&key, ItemKey::message(seq), seq, seq, says(&"x".repeat(bytes), Audience::All))
    };
    let items = (1..=300).map(|seq| row(seq, if seq % 50 == 0 { 200_000 } else { 300 })).collect();
    let states = vec![state_row(&key, &customer("c"), 300, 300, 300)];
    store.write_log_batch(Arc::new(LogBatch { items, states, ..LogBatch::default() })).await.unwrap();
    let query = HistoryQuery { window: Window::Page(1), limit: 200, ..HistoryQuery::default() };
    let page = store.history(&key.tenant, key.conversation, query).await.unwrap();
    assert_eq!(page.items.len(), 200);
    assert_eq!(page.items.last().unwrap().key.seq, 300);
}

/// Longer than one read and than one bucket: every entry once, in order, and all counted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_lists_have_no_holes() {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    let (t, store) = (tenant("long"), shared().await);
    let row = |number: u64| {
        let who = format!("c{number}");
        // A thousand and more on one day, the others on a day each.
        let opened_at = if number < 1_100 { number } else { (number - 1_099) * DAY_MS };
        SessionRow {
            status: SessionStatus::Ended,
            agent: Some((agent("a"), None)),
            ..session(&support(&t, &who), &who, 1, opened_at, 5)
        }
    };
    let sessions: Vec<_> = (0..1_180).map(row).collect();
    store.write_log_batch(LogBatch { sessions, ..LogBatch::default() }.into()).await.unwrap();
    for (who, oldest_first) in [(None, true), (None, false), (Some(id("a")), true), (Some(id("a")), false)] {
        let mut query = SessionQuery { agent: who, oldest_first, limit: 200, ..Default::default() };
        let mut seen = Vec::new();
        loop {
            let page = store.sessions(&t, &query).await.unwrap();
            assert_eq!(page.total, 1_180);
            seen.extend(page.sessions.into_iter().map(|session| session.opened_at.0));
            query.cursor = page.next;
            if query.cursor.is_none() {
                break;
            }
        }
        if !oldest_first {
            seen.reverse();
        }
        let expected: Vec<u64> = (0..1_180).map(|number| row(number).opened_at.0).collect();
        assert_eq!(seen, expected, "{query:?}");
    }
    let few = SessionQuery {
        opened_from: Some(At(1_090)),
        opened_to: Some(At(2 * DAY_MS)),
        skip: 3,
        limit: 200,
        oldest_first: true,
        ..Default::default()
    };
    let page = store.sessions(&t, &few).await.unwrap();
    assert_eq!((page.total, page.sessions.len(), page.sessions[0].opened_at), (11, 8, At(1_093)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_of_many_conversations_sees_the_newest() {
    let (t, store, user) = (tenant("many"), shared().await, agent("busy"));
    let room = |number: u64| {
        let mut bits = [0; 16];
        bits[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        ConversationKey { tenant: t.clone(), conversation: ConversationId::room(bits) }
    };
    let members = (0..6_000).map(|number| member(&room(number), &user, number, 5)).collect();
    let states = (5_990..6_000).map(|number| state_row(&room(number), &user, 1, 0, 5)).collect();
    store.write_log_batch(LogBatch { members, states, ..LogBatch::default() }.into()).await.unwrap();
    let query = ConversationQuery { limit: 4, skip: 2, ..ConversationQuery::default() };
    let page = store.conversations_of(&t, &user, query).await.unwrap();
    let times: Vec<u64> = page.entries.iter().map(|entry| entry.member.updated_at.0).collect();
    assert_eq!((times, page.total), (vec![5_997, 5_996, 5_995, 5_994], 6_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollups_of_a_busy_day_are_all_read() {
    let (t, store) = (tenant("busy"), shared().await);
    let row = |agent: u64, bucket: u64| RollupRow {
        tenant: t.clone(),
        partition: Partition(4),
        bucket: At(bucket * BUCKET_MS),
        agent: Some(id(&format!("agent{agent:03}"))),
        metric: Metric::AgentMessages,
        value: agent * 100 + bucket,
        stamp: stamp(5),
    };
    let rows: Vec<_> = (0..60).flat_map(|agent| (0..96).map(move |bucket| (agent, bucket))).collect();
    let rows: Vec<_> = rows.into_iter().map(|(agent, bucket)| row(agent, bucket)).collect();
    store.write_rollups(RollupBatch { rows: rows.clone(), checkpoint: None }).await.unwrap();
    let query = RollupQuery { from: At(0), to: At(96 * BUCKET_MS), agent: None };
    let found = store.rollups(&t, &query).await.unwrap();
    assert_eq!(found.len(), rows.len());
    let sum = |rows: &[RollupRow]| rows.iter().map(|row| row.value).sum::<u64>();
    assert_eq!(sum(&found), sum(&rows));
    let one = RollupQuery { agent: Some(id("agent007")), ..query };
    assert_eq!(store.rollups(&t, &one).await.unwrap().len(), 96);
}

/// A replica that had missed a deletion may bring the entry back once the others have forgotten it.
#[tokio::test]
async fn an_entry_that_came_back_is_not_believed() {
    let config = fresh_config();
    let store = CqlStore::open(config.clone()).await.unwrap();
    let t = tenant("ghosts");
    let ended = SessionRow { status: SessionStatus::Ended, ..session(&support(&t, "c"), "c", 1, 1_000, 5) };
    let sessions =
        vec![ended, session(&support(&t, "d"), "d", 1, 2_000, 6), session(&support(&t, "e"), "e", 1, 3_000, 7)];
    store.write_log_batch(LogBatch { sessions, ..LogBatch::default() }.into()).await.unwrap();
    let hand = SessionBuilder::new().known_nodes(nodes()).use_keyspace(&config.keyspace, false).build().await.unwrap();
    // Of a session that has ended, and of one that was never written.
    for (who, at) in [("c", 1_000_i64), ("nobody", 1_500)] {
        let cql = "INSERT INTO open_sessions (tenant, shard, conversation, ordinal, status, agent, opened_at)
                   VALUES (?, 0, ?, 1, 1, '', ?)";
        let conversation = support(&t, who).conversation.to_bytes();
        hand.query_unpaged(cql, (t.as_str(), conversation.as_slice(), at)).await.unwrap();
    }
    assert_eq!(store.session_counts(&t, None).await.unwrap().waiting, 2);
    let waiting = SessionQuery { status: Some(SessionStatus::Waiting), limit: 10, ..Default::default() };
    let page = store.sessions(&t, &waiting).await.unwrap();
    assert_eq!((page.sessions.len(), page.total), (2, 2));
}

/// More than one read of a day takes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_of_many_customers_shows_the_newest() {
    let (t, store) = (tenant("crowd"), shared().await);
    let row = |number: u64| CustomerRow {
        tenant: t.clone(),
        // In another order than their times.
        id: id(&format!("c{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15))),
        name: None,
        created_at: None,
        last_seen_at: Some(At(number)),
        stamp: stamp(number + 1),
    };
    let customers = (0..5_200).map(row).collect();
    store.write_log_batch(LogBatch { customers, ..LogBatch::default() }.into()).await.unwrap();
    let mut query = CustomerQuery { skip: 10, limit: 3, cursor: None };
    for expected in [[5_189, 5_188, 5_187], [5_186, 5_185, 5_184]] {
        let page = store.customers(&t, &query).await.unwrap();
        let times: Vec<u64> = page.customers.iter().map(|customer| customer.last_seen_at.0).collect();
        assert_eq!((times, page.total), (expected.to_vec(), 5_200));
        query = CustomerQuery { skip: 0, cursor: page.next, ..query };
    }
}
