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
