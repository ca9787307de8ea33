//! Lists of sessions.

use kefu_model::At;
use kefu_model::conversation::SessionStatus;

use super::sample::{agent, id, session, stamp, support, tenant};
use crate::{LogBatch, SessionCounts, SessionQuery, SessionRow, Store};

/// What a query should find.
type Belongs = Box<dyn Fn(&SessionRow) -> bool + Send + Sync>;

/// Filters, both orders, pages without holes, counts.
pub async fn sessions_are_listed(store: &dyn Store) {
    let t = tenant("sessions");
    let mut rows = Vec::new();
    for number in 0..24u64 {
        let who = format!("c{}", number % 6);
        let mut row = session(&support(&t, &who), &who, number / 6 + 1, number / 2 * 1_000, 5);
        row.status = [SessionStatus::Waiting, SessionStatus::Active, SessionStatus::Ended][number as usize % 3];
        if row.status != SessionStatus::Waiting {
            row.agent = Some((agent(if number % 2 == 0 { "a" } else { "b" }), None));
        }
        rows.push(row);
    }
    store.write_log_batch(LogBatch { sessions: rows.clone(), ..LogBatch::default() }.into()).await.expect("write");

    let waiting = SessionStatus::Waiting;
    let cases: Vec<(SessionQuery, Belongs)> = vec![
        (SessionQuery::default(), Box::new(|_| true)),
        (SessionQuery { status: Some(waiting), ..Default::default() }, Box::new(move |row| row.status == waiting)),
        (
            SessionQuery { agent: Some(id("a")), ..Default::default() },
            Box::new(|row| row.agent.as_ref().is_some_and(|(user, _)| user.id == id("a"))),
        ),
        (
            SessionQuery { customer: Some(id("c2")), status: Some(SessionStatus::Ended), ..Default::default() },
            Box::new(|row| {
                row.status == SessionStatus::Ended && row.customer.as_ref().is_some_and(|(user, _)| user.id == id("c2"))
            }),
        ),
        (
            SessionQuery { opened_from: Some(At(3_000)), opened_to: Some(At(7_000)), ..Default::default() },
            Box::new(|row| (3_000..7_000).contains(&row.opened_at.0)),
        ),
    ];
    for (query, belongs) in cases {
        for oldest_first in [false, true] {
            let mut expected: Vec<SessionRow> = rows.iter().filter(|row| belongs(row)).cloned().collect();
            expected.sort_by_key(|row| (row.opened_at, row.conversation.conversation.to_bytes(), row.ordinal));
            if !oldest_first {
                expected.reverse();
            }
            let mut query = SessionQuery { oldest_first, limit: 5, ..query.clone() };
            let mut seen = Vec::new();
            loop {
                let page = store.sessions(&t, &query).await.expect("list");
                assert_eq!(page.total, expected.len() as u64);
                seen.extend(page.sessions);
                query.cursor = page.next;
                if query.cursor.is_none() {
                    break;
                }
            }
            assert_eq!(seen, expected, "{query:?}");
        }
    }
    let skipped = SessionQuery { skip: 20, limit: 10, ..Default::default() };
    assert_eq!(store.sessions(&t, &skipped).await.expect("list").sessions.len(), 4);
    let counts = store.session_counts(&t, None).await.expect("counts");
    assert_eq!(counts, SessionCounts { waiting: 8, active: 8 });
    let counts = store.session_counts(&t, Some(&id("a"))).await.expect("counts");
    assert_eq!(counts, SessionCounts { waiting: 0, active: 4 });

    let ended = SessionRow { status: SessionStatus::Ended, stamp: stamp(9), ..rows[0].clone() };
    store.write_log_batch(LogBatch { sessions: vec![ended], ..LogBatch::default() }.into()).await.expect("write");
    assert_eq!(store.session_counts(&t, None).await.expect("counts").waiting, 7, "the list follows the row");
}

/// A session that gets another agent is in that one's list alone, and a replay of what was before changes nothing.
pub async fn sessions_change_hands(store: &dyn Store) {
    let t = tenant("hands");
    let row = |status: SessionStatus, who: Option<&str>, position: u64| SessionRow {
        status,
        agent: who.map(|who| (agent(who), None)),
        ..session(&support(&t, "c"), "c", 1, 5_000, position)
    };
    let (waiting, active, ended) = (SessionStatus::Waiting, SessionStatus::Active, SessionStatus::Ended);
    let writes = [row(waiting, None, 1), row(active, Some("a"), 3), row(active, Some("b"), 5)];
    let late = [row(active, Some("z"), 4), row(active, Some("a"), 3), row(waiting, None, 1)];
    for (number, sessions) in writes.into_iter().chain(late).enumerate() {
        let batch = LogBatch { sessions: vec![sessions], ..LogBatch::default() };
        store.write_log_batch(batch.into()).await.expect("write");
        let counts = store.session_counts(&t, None).await.expect("counts");
        assert_eq!((counts.waiting, counts.active), if number == 0 { (1, 0) } else { (0, 1) }, "after {number}");
    }
    let listed = async |who: Option<&str>, status: Option<SessionStatus>| {
        let query = SessionQuery { agent: who.map(id), status, limit: 9, ..Default::default() };
        let page = store.sessions(&t, &query).await.expect("list");
        assert_eq!(page.sessions.len() as u64, page.total, "{query:?}");
        page.total
    };
    assert_eq!((listed(Some("a"), None).await, listed(Some("b"), None).await), (0, 1));
    assert_eq!((listed(Some("z"), None).await, listed(None, None).await), (0, 1));
    assert_eq!((listed(None, Some(waiting)).await, listed(Some("b"), Some(active)).await), (0, 1));
    let sessions = vec![row(ended, Some("b"), 7)];
    store.write_log_batch(LogBatch { sessions, ..LogBatch::default() }.into()).await.expect("write");
    let replay = vec![row(active, Some("b"), 5)];
    store.write_log_batch(LogBatch { sessions: replay, ..LogBatch::default() }.into()).await.expect("write");
    assert_eq!((listed(None, Some(active)).await, listed(Some("b"), Some(ended)).await), (0, 1));
    assert_eq!(store.session_counts(&t, Some(&id("b"))).await.expect("counts"), SessionCounts::default());
}
