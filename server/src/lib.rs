//! What `kefu` is told: its settings. Everything else of it is in the binary.

pub mod settings;
