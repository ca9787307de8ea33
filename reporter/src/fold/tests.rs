use kefu_model::event::{QueueReason, Verdict};
use kefu_model::{CommandHash, Content, ConversationId, Numbered};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const START_MS: u64 = 1_700_000_100_000;

fn id(text: &str) -> UserId {
    UserId::new(text).unwrap()
}

fn tenant() -> TenantId {
    TenantId::new("t").unwrap()
}

fn outcome(conversation: u8, at_ms: u64, event: Event) -> Outcome {
    Outcome {
        tenant: tenant(),
        conversation: ConversationId::room([conversation; 16]),
        identity: None,
        hash: CommandHash([0; 16]),
        at: At(START_MS + at_ms),
        rev: 1,
        verdict: Verdict::Accepted(vec![Numbered { rev: 1, seq: 1, event }]),
    }
}

fn says(user: User, audience: Audience) -> Event {
    Event::Message { by: Some(user), by_name: None, content: Content::Text("x".into()), audience }
}

fn customer() -> User {
    User::customer(id("c"))
}

fn agent(name: &str) -> User {
    User::agent(id(name))
}

fn assigned(name: &str) -> Event {
    Event::SessionAssigned { session: 1, agent: agent(name), name: None, reason: String::new() }
}

fn queued(reason: QueueReason) -> Event {
    Event::SessionQueued { session: 1, reason, opened_at: At(START_MS), customer: customer(), name: None }
}

fn story() -> Vec<Outcome> {
    let transferred = Event::SessionTransferred {
        session: 1,
        from: agent("a"),
        agent: agent("b"),
        name: None,
        reason: String::new(),
    };
    vec![
        outcome(1, 0, Event::SessionOpened { session: 1 }),
        outcome(1, 0, queued(QueueReason::Opened)),
        outcome(1, 0, says(customer(), Audience::All)),
        outcome(1, 4_000, assigned("a")),
        outcome(1, 5_000, says(agent("a"), Audience::Staff)),
        outcome(1, 9_000, says(agent("a"), Audience::All)),
        outcome(1, 10_000, says(agent("a"), Audience::All)),
        outcome(1, 20_000, transferred),
        outcome(1, 60_000, Event::SessionEnded { session: 1, by: None, reason: None }),
        outcome(1, BUCKET_MS * 2, Event::SessionRated { session: 1, score: 4, comment: None }),
    ]
}

fn value(rows: &[RollupRow], agent: Option<&str>, metric: Metric) -> Option<u64> {
    let found = |row: &&RollupRow| row.metric == metric && row.agent.as_ref().map(UserId::as_str) == agent;
    rows.iter().find(found).map(|row| row.value)
}

#[test]
fn a_session_is_counted() {
    let mut fold = Fold::new(Partition(3));
    fold.fold(1, 2, &story()).unwrap();
    let rows = fold.take_rows();
    let expected = [
        (None, Metric::SessionsOpened, 1),
        (None, Metric::CustomerMessages, 1),
        (Some("a"), Metric::SessionsAssigned, 1),
        (Some("a"), Metric::Waits, 1),
        (Some("a"), Metric::WaitMs, 4_000),
        (Some("a"), Metric::AgentMessages, 2),
        (Some("a"), Metric::FirstResponses, 1),
        (Some("a"), Metric::FirstResponseMs, 9_000),
        (Some("b"), Metric::SessionsAssigned, 1),
        (Some("b"), Metric::SessionsEnded, 1),
        (Some("b"), Metric::SessionMs, 60_000),
        (Some("b"), Metric::Ratings, 1),
        (Some("b"), Metric::RatingSum, 4),
    ];
    for (agent, metric, number) in expected {
        assert_eq!(value(&rows, agent, metric), Some(number), "{metric:?} of {agent:?}");
    }
    assert_eq!(rows.len(), expected.len());
    let rating = rows.iter().find(|row| row.metric == Metric::Ratings).unwrap();
    let opened = rows.iter().find(|row| row.metric == Metric::SessionsOpened).unwrap();
    assert!(rating.bucket > opened.bucket && opened.bucket.0 % BUCKET_MS == 0);
    assert!(rows.iter().all(|row| row.partition == Partition(3)));
    assert!(fold.take_rows().is_empty(), "taken once");
}

#[test]
fn a_record_counts_once_and_a_clock_set_back_stays_in_the_bucket() {
    let mut fold = Fold::new(Partition(0));
    fold.fold(1, 2, &[outcome(1, BUCKET_MS, says(customer(), Audience::All))]).unwrap();
    fold.fold(1, 2, &[outcome(1, BUCKET_MS, says(customer(), Audience::All))]).unwrap();
    fold.fold(1, 3, &[outcome(1, 0, says(customer(), Audience::All))]).unwrap();
    let rows = fold.take_rows();
    assert_eq!((rows.len(), rows[0].value), (1, 2));
}

#[test]
fn a_rating_after_three_days_is_nobodys() {
    let mut fold = Fold::new(Partition(0));
    let mut events = story();
    let rating = events.pop().unwrap();
    fold.fold(1, 2, &events).unwrap();
    fold.fold(1, 3, &[Outcome { at: At(START_MS + RATING_WAIT_MS + BUCKET_MS), ..rating }]).unwrap();
    assert_eq!(value(&fold.take_rows(), None, Metric::Ratings), Some(1));
}

#[test]
fn an_unknown_version_is_named() {
    let mut state = Fold::new(Partition(0)).to_state().unwrap();
    state[0] = 7;
    let error = Fold::from_state(Partition(0), &state).unwrap_err();
    assert!(matches!(error, StateError::UnknownVersion { found: 7, known: 1 }));
}

fn random_event(choice: u8) -> Event {
    match choice % 8 {
        0 => Event::SessionOpened { session: u64::from(choice / 8) },
        1 => queued(QueueReason::Released),
        2 => assigned(["a", "b"][usize::from(choice / 8 % 2)]),
        3 => Event::SessionEnded { session: 1, by: None, reason: None },
        4 => Event::SessionRated { session: u64::from(choice / 8), score: 3, comment: None },
        5 => says(agent("b"), Audience::All),
        6 => says(agent("a"), Audience::Staff),
        _ => says(customer(), Audience::All),
    }
}

type Shelf = BTreeMap<(At, Option<UserId>, Metric), (u64, Stamp)>;

fn write(shelf: &mut Shelf, rows: Vec<RollupRow>) {
    for row in rows {
        let entry = shelf.entry((row.bucket, row.agent, row.metric)).or_insert((row.value, row.stamp));
        if row.stamp > entry.1 {
            *entry = (row.value, row.stamp);
        }
    }
}

proptest! {
    /// Whatever the windows, and after a replay from any checkpoint, the same rows are there.
    #[test]
    fn windows_and_replays_give_the_same_rows(
        steps in vec((0..3u8, any::<u8>(), 0..400_000u64), 1..80),
        window in 1..10usize,
        restart in 0..80usize,
    ) {
        let mut now = 0;
        let log: Vec<Outcome> = steps
            .iter()
            .map(|(conversation, choice, wait_ms)| {
                now += wait_ms;
                outcome(*conversation, now, random_event(*choice))
            })
            .collect();
        let mut at_once = Shelf::new();
        let mut fold = Fold::new(Partition(0));
        for (index, outcome) in log.iter().enumerate() {
            fold.fold(1, index as u64 + 1, std::slice::from_ref(outcome)).unwrap();
        }
        write(&mut at_once, fold.take_rows());

        let (mut shelf, mut fold) = (Shelf::new(), Fold::new(Partition(0)));
        let mut checkpoint = (0, fold.to_state().unwrap());
        for (index, outcome) in log.iter().enumerate() {
            fold.fold(1, index as u64 + 1, std::slice::from_ref(outcome)).unwrap();
            if index % window == window - 1 {
                write(&mut shelf, fold.take_rows());
                if index < restart {
                    checkpoint = (index + 1, fold.to_state().unwrap());
                }
            }
        }
        write(&mut shelf, fold.take_rows());
        prop_assert_eq!(&shelf, &at_once);

        let mut fold = Fold::from_state(Partition(0), &checkpoint.1).unwrap();
        for (index, outcome) in log.iter().enumerate().skip(checkpoint.0) {
            fold.fold(1, index as u64 + 1, std::slice::from_ref(outcome)).unwrap();
            write(&mut shelf, fold.take_rows());
        }
        prop_assert_eq!(&shelf, &at_once, "after a replay");
    }
}
