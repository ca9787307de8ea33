//! Pages of history and lists of conversations.

use std::collections::BTreeSet;

use kefu_model::{At, ConversationId, TenantId};

use super::sample::{customer, member, state_row, support, tenant, thread};
use crate::{
    ConversationKey, ConversationQuery, HistoryPage, HistoryQuery, ItemKey, LogBatch, Store, StoreError, Window,
};

const MESSAGES: u64 = 50;

async fn page(store: &dyn Store, key: &ConversationKey, window: Window, limit: u32) -> HistoryPage {
    let query = HistoryQuery { window, limit, ..HistoryQuery::default() };
    store.history(&key.tenant, key.conversation, query).await.expect("history")
}

fn revs(page: &HistoryPage) -> Vec<u64> {
    page.items.iter().map(|item| item.rev).collect()
}

async fn written(store: &dyn Store, tenant: &TenantId) -> (ConversationKey, Vec<u64>) {
    let key = support(tenant, "c");
    let batch = thread(&key, MESSAGES);
    let all = (1..=batch.items.len() as u64).collect();
    store.write_log_batch(batch.into()).await.expect("write");
    (key, all)
}

/// Backwards and forwards, with any size of page: every item once, in order.
pub async fn cursors_have_no_holes(store: &dyn Store) {
    let (key, all) = written(store, &tenant("cursors")).await;
    for limit in [1, 2, 7, 67, 200] {
        let mut back = page(store, &key, Window::Newest, limit).await;
        assert!(!back.has_newer);
        let mut seen = revs(&back);
        while back.has_older {
            back = page(store, &key, Window::Before(back.items[0].key), limit).await;
            assert!(back.has_newer);
            seen.splice(0..0, revs(&back));
        }
        assert_eq!(seen, all, "backwards by {limit}");

        let mut forth = page(store, &key, Window::After(ItemKey { seq: 0, slot: 0 }), limit).await;
        let mut seen = revs(&forth);
        while forth.has_newer {
            let last = forth.items.last().expect("there are newer ones, so there are some").key;
            forth = page(store, &key, Window::After(last), limit).await;
            assert!(forth.has_older);
            seen.extend(revs(&forth));
        }
        assert_eq!(seen, all, "forwards by {limit}");
    }
    let nothing = page(store, &support(&tenant("cursors"), "nobody"), Window::Newest, 10).await;
    assert_eq!(nothing, HistoryPage::default());
}

/// Pages by number: disjoint, complete, as many messages as asked for.
pub async fn numbered_pages_have_no_holes(store: &dyn Store) {
    let (key, all) = written(store, &tenant("pages")).await;
    for limit in [1, 7, 25, 50, 200] {
        let (mut seen, mut number) = (Vec::new(), 1);
        loop {
            let found = page(store, &key, Window::Page(number), limit).await;
            assert_eq!(found.has_newer, number > 1);
            let messages = found.items.iter().filter(|item| item.key.slot == 0).count();
            assert!(messages == limit as usize || !found.has_older);
            seen.splice(0..0, revs(&found));
            if !found.has_older {
                break;
            }
            number += 1;
        }
        assert_eq!(seen, all, "by {limit}");
        assert!(page(store, &key, Window::Page(number + 1), limit).await.items.is_empty());
    }
}

/// Times bound a page and its cursors.
pub async fn times_bound(store: &dyn Store) {
    let (key, _) = written(store, &tenant("times")).await;
    let bounded = |from, to, window, limit| {
        let query = HistoryQuery { window, from: Some(At(from)), to: Some(At(to)), limit };
        store.history(&key.tenant, key.conversation, query)
    };
    let whole = bounded(3_500, 9_500, Window::Newest, 200).await.expect("history");
    let times: Vec<u64> = whole.items.iter().map(|item| item.at.0).collect();
    assert_eq!(times, [3_500, 4_000, 5_000, 6_000, 6_500, 7_000, 8_000, 9_000]);
    assert!(!whole.has_older && !whole.has_newer);
    let part = bounded(3_500, 9_500, Window::Newest, 3).await.expect("history");
    assert!(part.has_older && !part.has_newer);
    let rest = bounded(3_500, 9_500, Window::Before(part.items[0].key), 200).await.expect("history");
    assert!(!rest.has_older && rest.has_newer);
    assert_eq!([revs(&rest), revs(&part)].concat(), revs(&whole));
    let before = bounded(0, 700, Window::Newest, 200).await.expect("history");
    assert_eq!(revs(&before), [1, 2], "what came before the first message");
    for (from, to) in [(60_000, 70_000), (0, 100), (9_000, 9_000), (9_000, 2_000)] {
        assert!(bounded(from, to, Window::Newest, 5).await.expect("history").items.is_empty(), "{from}..{to}");
    }
}

/// A page beyond the limit is refused, not cut.
pub async fn limits_are_told(store: &dyn Store) {
    let key = support(&tenant("limits"), "c");
    let query = HistoryQuery { limit: 201, ..HistoryQuery::default() };
    let error = store.history(&key.tenant, key.conversation, query).await.expect_err("too many");
    assert!(matches!(error, StoreError::TooMany { asked: 201, limit: 200, .. }), "{error}");
}

/// A user's conversations, newest first, each once, with state and last message.
pub async fn conversations_are_listed(store: &dyn Store) {
    let t = tenant("lists");
    let user = customer("list");
    let room = |number: u8| ConversationKey { tenant: t.clone(), conversation: ConversationId::room([number; 16]) };
    for number in 1..=9u8 {
        let key = room(number);
        let mut batch = thread(&key, 1);
        batch.states = vec![state_row(&key, &user, 3, 1, 3)];
        // Some share a time.
        let mut row = member(&key, &user, u64::from(number / 2) * 1_000, 3);
        row.active = number != 4;
        batch.members = vec![row];
        store.write_log_batch(batch.into()).await.expect("write");
    }
    let mut query = ConversationQuery { limit: 2, ..ConversationQuery::default() };
    let mut seen = Vec::new();
    loop {
        let found = store.conversations_of(&t, &user, query).await.expect("list");
        assert_eq!(found.total, 9);
        seen.extend(found.entries);
        let Some(next) = found.next else { break };
        query.cursor = Some(next);
    }
    let times: Vec<At> = seen.iter().map(|entry| entry.member.updated_at).collect();
    assert!(times.is_sorted_by(|earlier, later| earlier >= later));
    let ids: BTreeSet<_> = seen.iter().map(|entry| entry.conversation.value.id).collect();
    assert_eq!(ids.len(), 9);
    assert!(seen.iter().all(|entry| entry.last_message.as_ref().is_some_and(|item| item.key.seq == 1)));

    let skip = ConversationQuery { skip: 8, limit: 5, ..ConversationQuery::default() };
    assert_eq!(store.conversations_of(&t, &user, skip).await.expect("list").entries.len(), 1);
    let active = ConversationQuery { active_only: true, limit: 20, ..ConversationQuery::default() };
    let active = store.conversations_of(&t, &user, active).await.expect("list");
    assert_eq!((active.entries.len(), active.total), (8, 8));

    // Activity moves a conversation to the top and leaves no second entry.
    let rows = LogBatch { members: vec![member(&room(1), &user, 9_000_000, 4)], ..LogBatch::default() };
    store.write_log_batch(rows.into()).await.expect("write");
    let all = ConversationQuery { limit: 20, ..ConversationQuery::default() };
    let all = store.conversations_of(&t, &user, all).await.expect("list");
    assert_eq!((all.entries.len(), all.entries[0].conversation.value.id), (9, room(1).conversation));
    let one = ConversationQuery { limit: 1, ..ConversationQuery::default() };
    let other = store.conversations_of(&tenant("lists2"), &user, one).await.expect("list");
    assert_eq!(other.total, 0, "another tenant");
}
