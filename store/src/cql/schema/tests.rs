use std::collections::BTreeMap;

use super::*;

#[test]
fn migrations_are_cut_into_statements() {
    let cut = statements("-- a comment\nCREATE TABLE a (b int PRIMARY KEY);\n\n  -- another\nDROP TABLE c ;\n");
    assert_eq!(cut, ["CREATE TABLE a (b int PRIMARY KEY)", "DROP TABLE c"]);
    for migration in MIGRATIONS {
        let statements = statements(migration);
        assert!(!statements.is_empty());
        let repeatable = |text: &String| text.contains("IF NOT EXISTS") || text.contains(" WITH ");
        assert!(statements.iter().all(repeatable), "each can be repeated");
    }
}

#[test]
fn a_newer_schema_is_refused() {
    assert!(!is_current(0).unwrap());
    assert!(is_current(VERSION).unwrap());
    let error = is_current(VERSION + 1).unwrap_err();
    assert!(matches!(error, StoreError::NewerSchema { .. }) && !error.is_retryable());
}

#[test]
fn replication_is_written_as_cql() {
    let simple = replication(&Replication::Simple { factor: 1 }).unwrap();
    assert_eq!(simple, "{'class': 'SimpleStrategy', 'replication_factor': 1}");
    let every = replication(&Replication::EveryDatacenter { factor: 3 }).unwrap();
    assert_eq!(every, "{'class': 'NetworkTopologyStrategy', 'replication_factor': 3}");
    let named = BTreeMap::from([("dc1".to_owned(), 3), ("it's".to_owned(), 2)]);
    let named = replication(&Replication::Datacenters(named)).unwrap();
    assert_eq!(named, "{'class': 'NetworkTopologyStrategy', 'dc1': 3, 'it''s': 2}");
    assert!(replication(&Replication::Datacenters(BTreeMap::new())).is_err());
}

#[test]
fn names_of_keyspaces_need_no_quotes() {
    for name in ["kefu", "k", "kefu_2"] {
        check_name(name).unwrap();
    }
    for name in ["", "2kefu", "Kefu", "ke-fu", "a; DROP KEYSPACE kefu", &"k".repeat(49)] {
        assert!(check_name(name).is_err(), "{name}");
    }
}
