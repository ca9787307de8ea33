//! The one binary `kefu`.
fn main() {}
