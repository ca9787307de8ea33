//! The settings: one TOML file, environment variables over it, flags over both.

mod load;
mod model;

pub use load::{Loaded, default_text, load, read};
pub use model::{Limits, Log, LogFormat, Role, Settings, Tenant};
