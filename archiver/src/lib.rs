//! The archiver: copies the log into the store.
