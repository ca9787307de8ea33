//! The archiver: copies the log into the store.

pub mod batch;
