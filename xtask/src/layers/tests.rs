use super::graph::{Graph, Package};
use super::licences;
use super::rules::{Ban, Exception, Licences, Only, Rules};
use crate::workspace;

fn package(name: &str, licence: Option<&str>, dependencies: &[&str]) -> Package {
    let dependencies: Vec<_> = dependencies.iter().map(|name| (*name).to_owned()).collect();
    Package { name: name.to_owned(), version: "1.0.0".to_owned(), licence: licence.map(str::to_owned), dependencies }
}

#[test]
fn only_wrappers_may_name_a_driver() {
    let bans = vec![Ban { name: "async-nats".to_owned(), wrappers: vec!["kefu-nats".to_owned()] }];
    let rules = Rules { bans, ..Rules::default() };
    let graph = |who| Graph { packages: vec![package(who, None, &["async-nats"])] };
    assert!(rules.broken_by(&graph("kefu-nats")).is_empty());
    assert_eq!(
        rules.broken_by(&graph("kefu-edge")),
        ["kefu-edge depends on async-nats: only kefu-nats may (deny.toml)"]
    );
}

#[test]
fn a_closed_list_is_closed() {
    let only = Only { dependencies: vec!["sha2".to_owned()] };
    let rules = Rules { only: [("kefu-model".to_owned(), only)].into(), ..Rules::default() };
    let graph = Graph { packages: vec![package("kefu-model", None, &["sha2", "tokio"])] };
    assert_eq!(rules.broken_by(&graph), ["kefu-model depends on tokio: it may not (xtask/layers.toml)"]);
}

#[test]
fn licences_are_judged_as_expressions() {
    let exceptions = vec![Exception { name: "q".to_owned(), allow: vec!["MPL-2.0".to_owned()] }];
    let licences = Licences { allow: vec!["MIT".to_owned(), "Apache-2.0".to_owned()], exceptions };
    let judge_as =
        |name, licence| licences::refused(&Graph { packages: vec![package(name, licence, &[])] }, &licences).len();
    let judge = |licence| judge_as("p", licence);
    assert_eq!((judge(Some("MPL-2.0")), judge_as("q", Some("MPL-2.0"))), (1, 0));
    assert_eq!(judge(Some("MIT/Apache-2.0")), 0);
    assert_eq!(judge(Some("MIT OR LGPL-2.1-or-later")), 0);
    assert_eq!(judge(Some("MIT AND LGPL-2.1-or-later")), 1);
    assert_eq!(judge(Some("GPL-3.0-only")), 1);
    assert_eq!(judge(None), 1);
}

#[test]
fn what_only_tests_need_does_not_count() {
    let metadata = r#"{
        "packages": [
            {"id": "a", "name": "a", "version": "1.0.0", "license": "MIT"},
            {"id": "b", "name": "b", "version": "1.0.0", "license": null}
        ],
        "resolve": {"nodes": [
            {"id": "a", "deps": [{"pkg": "b", "dep_kinds": [{"kind": "dev"}]}]},
            {"id": "b", "deps": []}
        ]}
    }"#;
    let graph = Graph::parse(metadata).expect("it can be read");
    assert!(graph.packages[0].dependencies.is_empty());
}

#[test]
fn the_rules_of_the_checkout_can_be_read() {
    let rules = Rules::read(workspace::root()).expect("they can be read");
    assert!(rules.bans.iter().any(|ban| ban.name == "async-nats"));
    assert!(rules.only.contains_key("kefu-model"));
    assert!(licences::refused(&Graph::default(), &rules.licences).is_empty());
}
