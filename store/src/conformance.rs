//! Tests that every implementation of the store passes. Each takes an empty store, or one that other cases have used
//! (each case has a tenant of its own), and panics where it fails.

pub mod directory;
pub mod history;
pub mod log;
pub mod report;
pub mod sample;
pub mod sessions;
