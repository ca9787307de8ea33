use super::baseline::{Baseline, Tools};
use super::*;

fn counts<const N: usize>(counts: [(&str, u64); N]) -> Counts {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

fn judged(now: u64, recorded: u64) -> Result<()> {
    Comparison::new(counts([("nats: decode", now)]), &counts([("nats: decode", recorded)]), true).judge(&[])
}

#[test]
fn a_tenth_more_fails_and_is_named() {
    let error = judged(1_100, 1_000).unwrap_err().to_string();
    assert!(error.contains("more than 1.05 times the baseline: nats: decode"), "{error}");
}

#[test]
fn what_lies_within_the_tolerance_passes() {
    for now in [1_000, 1_050, 951] {
        judged(now, 1_000).unwrap();
    }
    judged(1_051, 1_000).unwrap_err();
}

#[test]
fn fewer_pass() {
    judged(500, 1_000).unwrap();
}

#[test]
fn new_and_lost_benches_fail() {
    let recorded = counts([("a", 1_000), ("b", 1_000)]);
    let of = |names, all| Comparison::new(names, &recorded, all).judge(&[]);
    let new = of(counts([("a", 1_000), ("b", 1_000), ("c", 1)]), true).unwrap_err().to_string();
    assert!(new.contains("not in it: c"), "{new}");
    let lost = of(counts([("a", 1_000)]), true).unwrap_err().to_string();
    assert!(lost.contains("only in it: b"), "{lost}");
    of(counts([("a", 1_000)]), false).unwrap();
}

#[test]
fn a_failure_names_other_tools() {
    let recorded = Tools { rustc: "rustc 1.95.0".into(), target: "x86_64".into(), valgrind: "valgrind-3.19.0".into() };
    let present = Tools { rustc: "rustc 1.96.0".into(), ..recorded.clone() };
    assert_eq!(recorded.differences(&recorded), Vec::<String>::new());
    let differences = present.differences(&recorded);
    let comparison = Comparison::new(counts([("a", 2)]), &counts([("a", 1)]), true);
    let error = comparison.judge(&differences).unwrap_err().to_string();
    assert!(error.contains("recorded with rustc 1.95.0, this is rustc 1.96.0"), "{error}");
}

#[test]
fn the_total_of_a_profile_is_read() {
    assert_eq!(
        callgrind::total("version: 1\nevents: Ir\nsummary: 7\n\nfn=(1)\n1 7\n\ntotals: 728892\n"),
        Some(728_892)
    );
    assert_eq!(callgrind::total("events: Ir\n"), None);
}

#[test]
fn the_committed_baseline_is_read_and_has_every_crate() {
    let baseline = Baseline::read().unwrap();
    for folder in ["archiver", "edge", "model", "nats"] {
        assert!(baseline.instructions.keys().any(|name| name.starts_with(folder)), "{folder}");
    }
}
