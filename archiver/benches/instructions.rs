//! The log folded into rows, the rows written, and read again. `cargo xtask instructions`.

use std::process::ExitCode;

use kefu_archiver::batch::Fold;
use kefu_instructions::{Bench, Count};
use kefu_model::Outcome;
use kefu_store::benching::Rows;
use kefu_store::{HistoryQuery, LogBatch, Window};

#[path = "setup/window.rs"]
mod window;

const BENCHES: &[Bench] = &[
    ("fold 1,000 outcomes of 200 conversations", fold),
    ("write the rows of 1,000 outcomes", write),
    ("read a page of 50 rows", read),
];
/// Outcomes in a window.
const OUTCOMES: usize = 1_000;
const CONVERSATIONS: usize = 200;
/// Position of the first record; the claim is before it.
const FIRST: u64 = 2;
/// Positions from one window to the next.
const WINDOW: u64 = 20;

fn main() -> ExitCode {
    kefu_instructions::run(BENCHES)
}

/// The second window, whose conversations are known.
fn fold(count: Count) {
    let outcomes = window::outcomes(2 * OUTCOMES, CONVERSATIONS);
    let (first, second) = outcomes.split_at(OUTCOMES);
    let mut ready: Vec<Fold> = (0..2).map(|_| folded(first).0).collect();
    count.times(1, || {
        let mut fold = ready.pop().expect("one for each round");
        window::fold(&mut fold, FIRST + WINDOW, second);
        (fold.take(None), fold)
    });
}

/// The second and the third window; the first, which makes the conversations' rows, is written before.
fn write(count: Count) {
    let outcomes = window::outcomes(3 * OUTCOMES, CONVERSATIONS);
    let (mut fold, first) = folded(&outcomes[..OUTCOMES]);
    let later = outcomes[OUTCOMES..].chunks(OUTCOMES).zip(1..).map(|(outcomes, number)| {
        window::fold(&mut fold, FIRST + number * WINDOW, outcomes);
        fold.take(None)
    });
    let mut batches: Vec<LogBatch> = later.collect();
    batches.reverse();
    let folder = tempfile::tempdir().expect("a folder");
    let rows = Rows::open(folder.path().join("bench.db")).expect("a database");
    rows.write(&first).expect("it is written");
    count.times(1, || rows.write(&batches.pop().expect("one for each round")).expect("it is written"));
}

fn read(count: Count) {
    let outcomes = window::outcomes(200, 1);
    let (_, batch) = folded(&outcomes);
    let folder = tempfile::tempdir().expect("a folder");
    let rows = Rows::open(folder.path().join("bench.db")).expect("a database");
    rows.write(&batch).expect("it is written");
    let (tenant, conversation) = (&outcomes[0].tenant, outcomes[0].conversation);
    let query = HistoryQuery { window: Window::Page(2), limit: 50, ..HistoryQuery::default() };
    count.times(10, || {
        let page = rows.history(tenant, conversation, query).expect("it is read");
        assert_eq!(page.items.len(), 50);
    });
}

/// The first window.
fn folded(outcomes: &[Outcome]) -> (Fold, LogBatch) {
    let mut fold = window::ready(outcomes);
    window::fold(&mut fold, FIRST, outcomes);
    let batch = fold.take(None);
    (fold, batch)
}
