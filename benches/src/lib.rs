//! The criterion benches are in this crate's `benches` folder; `cargo xtask bench` runs them.
//!
//! What they set up is beside the crates that they measure, where the counts of instructions use it too.
