//! The table in docs/protocol.md and the tests name the same rows.

use std::collections::BTreeSet;

const TABLE: &str = "## Bad input";
const MARK: &str = "// Bad input: ";

/// The first column of the table.
fn rows() -> BTreeSet<String> {
    let document = include_str!("../../../docs/protocol.md");
    let section = document.split(TABLE).nth(1).expect("the section");
    let section = section.split("\n## ").next().expect("its text");
    let lines = section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what the peer does"));
    lines.filter_map(|line| line.split(" | ").next()).map(|cell| cell.trim_start_matches("| ").to_owned()).collect()
}

/// The rows that the tests around here name.
fn tested() -> BTreeSet<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bad_input");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let sources = files.filter(|path| !path.ends_with("table.rs")).map(|path| std::fs::read_to_string(path).unwrap());
    let marks = sources.flat_map(|source| {
        source.lines().filter_map(|line| line.strip_prefix(MARK)).map(str::to_owned).collect::<Vec<_>>()
    });
    marks.collect()
}

#[test]
fn every_row_has_a_test_and_every_test_a_row() {
    let (rows, tested) = (rows(), tested());
    assert!(rows.len() >= 40, "{rows:?}");
    assert_eq!(rows.difference(&tested).collect::<Vec<_>>(), Vec::<&String>::new(), "rows without a test");
    assert_eq!(tested.difference(&rows).collect::<Vec<_>>(), Vec::<&String>::new(), "tests without a row");
}
