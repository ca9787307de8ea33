//! All statements of requests, so that they are prepared when the store is opened and the first requests do not wait for
//! it. Those of migrations are not among them.

/// Constants with the text of statements, and their list.
macro_rules! statements {
    ($($name:ident = $cql:literal;)*) => {
        $(const $name: &str = $cql;)*

        /// This module's statements.
        pub(super) const STATEMENTS: &[&str] = &[$($name),*];
    };
}
pub(super) use statements;

use super::{
    customers, history, list_buckets, log_rows, log_store, logins, members, report, session_lists, sessions, users,
};

const MODULES: &[&[&str]] = &[
    super::STATEMENTS,
    customers::STATEMENTS,
    history::STATEMENTS,
    list_buckets::STATEMENTS,
    log_rows::STATEMENTS,
    log_store::STATEMENTS,
    logins::STATEMENTS,
    members::STATEMENTS,
    report::STATEMENTS,
    session_lists::STATEMENTS,
    sessions::STATEMENTS,
    users::STATEMENTS,
];

/// Each statement, once or more often.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    MODULES.iter().copied().flatten().copied()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// One that were left out would be missing at the first request that needs it.
    #[test]
    fn no_module_is_left_out() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cql");
        let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|path| path.is_file()).chain([folder.with_extension("rs")]);
        let with_statements =
            files.filter(|path| std::fs::read_to_string(path).unwrap().contains("\nstatements! {")).count();
        assert_eq!(with_statements, MODULES.len());
    }
}
