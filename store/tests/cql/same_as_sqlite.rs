//! Both stores answer the same after the same writes, replays among them.

use std::sync::Arc;

use kefu_model::conversation::SessionStatus;
use kefu_model::{At, Audience, Content, Name};
use kefu_store::conformance::sample::{
    agent, customer, id, item, member, now, says, session, stamp, state_row, support, tenant,
};
use kefu_store::{
    Amendment, ConversationKey, ConversationQuery, CustomerQuery, CustomerRow, Edit, HistoryQuery, ItemKey, ItemRow,
    LogBatch, LogStore as _, SessionQuery, SessionRow, SqliteConfig, SqliteStore, Store, Window,
};

use crate::support::shared;

const PEOPLE: u64 = 8;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn agent(&mut self) -> String {
        format!("a{}", self.below(3))
    }
}

/// What the log of a tenant says, position by position.
struct Log {
    dice: Dice,
    at: u64,
    position: u64,
    seqs: Vec<u64>,
    sessions: Vec<Option<SessionRow>>,
}

impl Log {
    fn new(seed: u64) -> Self {
        let (seqs, sessions) = (vec![0; PEOPLE as usize], vec![None; PEOPLE as usize]);
        Self { dice: Dice(seed), at: 1_000 * DAY_MS, position: 0, seqs, sessions }
    }

    /// Somebody writes, and perhaps their session moves on.
    fn step(&mut self, key: &ConversationKey, person: usize) -> LogBatch {
        self.position += 1;
        self.at += self.dice.below(DAY_MS / 2);
        let (who, stamp) = (format!("c{person}"), stamp(self.position));
        self.seqs[person] += 1;
        let seq = self.seqs[person];
        let text = says(&format!("at {}", self.position), Audience::All);
        let mut batch = LogBatch {
            items: vec![ItemRow { stamp, ..item(key, ItemKey::message(seq), seq, self.at, text) }],
            members: vec![member(key, &customer(&who), self.at, self.position)],
            customers: vec![CustomerRow {
                tenant: key.tenant.clone(),
                id: id(&who),
                name: (self.dice.below(3) == 0).then(|| Name::new(&format!("客{}", self.position)).expect("a name")),
                created_at: (seq == 1).then_some(At(self.at)),
                last_seen_at: Some(At(self.at)),
                stamp,
            }],
            states: vec![state_row(key, &customer(&who), seq, seq, self.position)],
            ..LogBatch::default()
        };
        if self.dice.below(4) == 0 {
            let (rev, by) = (1_000 + self.position, customer(&who));
            let content = Content::Text(format!("edit {rev}"));
            let edited = Some(Edit { rev, at: At(self.at), by, content });
            let seq = 1 + self.dice.below(seq);
            batch.amendments = vec![Amendment { conversation: key.clone(), seq, edited, recalled: None, stamp }];
        }
        batch.sessions = vec![self.next_session(key, &who, person)];
        batch.members.extend(batch.sessions[0].agent.iter().map(|(user, _)| member(key, user, self.at, self.position)));
        batch
    }

    fn next_session(&mut self, key: &ConversationKey, who: &str, person: usize) -> SessionRow {
        let stamp = stamp(self.position);
        let next = match self.sessions[person].take() {
            Some(row) if row.status != SessionStatus::Ended => match self.dice.below(4) {
                0 => SessionRow {
                    status: SessionStatus::Ended,
                    ended_at: Some(At(self.at)),
                    end_reason: (self.dice.below(2) == 0).then(|| "done".into()),
                    ..row
                },
                1 => SessionRow { status: SessionStatus::Waiting, agent: None, ..row },
                _ => SessionRow {
                    status: SessionStatus::Active,
                    agent: Some((agent(&self.dice.agent()), None)),
                    assigned_at: Some(At(self.at)),
                    ..row
                },
            },
            Some(row) if self.dice.below(2) == 0 => {
                SessionRow { rating: Some(4), comment: None, end_reason: None, ..row }
            }
            before => session(key, who, before.map_or(1, |row| row.ordinal + 1), self.at, self.position),
        };
        let next = SessionRow { stamp, ..next };
        self.sessions[person] = Some(next.clone());
        next
    }
}

/// Everything that lists and pages say, as text.
async fn answers(store: &dyn Store, keys: &[ConversationKey]) -> Vec<String> {
    let t = &keys[0].tenant;
    let mut told = Vec::new();
    for who in [None, Some("a0"), Some("a1"), Some("a2")] {
        told.push(format!("{:?}", store.session_counts(t, who.map(id).as_ref()).await.expect("read")));
        for status in [None, Some(SessionStatus::Waiting), Some(SessionStatus::Active), Some(SessionStatus::Ended)] {
            for (oldest_first, skip) in [(true, 0), (false, 3)] {
                let query =
                    SessionQuery { agent: who.map(id), status, oldest_first, skip, limit: 50, ..Default::default() };
                told.push(format!("{query:?} {:?}", store.sessions(t, &query).await.expect("read")));
            }
        }
    }
    for skip in [0, 2] {
        let query = CustomerQuery { skip, limit: 5, cursor: None };
        told.push(format!("{query:?} {:?}", store.customers(t, &query).await.expect("read")));
    }
    for user in [agent("a0"), agent("a1"), customer("c3")] {
        let query = ConversationQuery { limit: 20, ..ConversationQuery::default() };
        told.push(format!("{user:?} {:?}", store.conversations_of(t, &user, query).await.expect("read")));
    }
    for key in keys {
        for window in [Window::Newest, Window::After(ItemKey::message(2)), Window::Page(2)] {
            let query = HistoryQuery { window, limit: 4, ..HistoryQuery::default() };
            told.push(format!(
                "{query:?} {:?}",
                store.history(&key.tenant, key.conversation, query).await.expect("read")
            ));
        }
        let times = HistoryQuery {
            from: Some(At(1_005 * DAY_MS)),
            to: Some(At(1_020 * DAY_MS)),
            limit: 9,
            ..Default::default()
        };
        told.push(format!("{times:?} {:?}", store.history(&key.tenant, key.conversation, times).await.expect("read")));
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_stores_answer_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(&SqliteConfig::new(folder.path().join("kefu.db"))).unwrap();
    let cql = shared().await;
    let seed = now().0;
    println!("seed {seed}");
    for round in 0..4 {
        let t = tenant(&format!("same{round}"));
        let keys: Vec<_> = (0..PEOPLE).map(|person| support(&t, &format!("c{person}"))).collect();
        let (mut log, mut written) = (Log::new(seed + round), Vec::<Arc<LogBatch>>::new());
        for _ in 0..80 {
            let person = usize::try_from(log.dice.below(PEOPLE)).unwrap();
            let batch = Arc::new(log.step(&keys[person], person));
            written.push(batch.clone());
            // Now and then something that was written before comes again first.
            let replayed = usize::try_from(log.dice.below(written.len() as u64)).unwrap();
            for batch in [written[replayed].clone(), batch].into_iter().skip(usize::from(log.dice.below(3) > 0)) {
                sqlite.write_log_batch(batch.clone()).await.unwrap();
                cql.write_log_batch(batch).await.unwrap();
            }
        }
        let (expected, found) = (answers(&sqlite, &keys).await, answers(&cql, &keys).await);
        for (expected, found) in expected.iter().zip(&found) {
            assert_eq!(found, expected, "seed {seed}, round {round}");
        }
    }
}
