//! The reporter: folds the log into facts and reports.

pub mod fold;
