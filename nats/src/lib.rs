//! The broker seam (JetStream and embedded) and the partition engine on top of it.

pub mod broker;
pub mod clock;
pub mod codec;
pub mod conformance;
pub mod delivery;
pub mod embedded;
pub mod engine;
pub mod faulty;
pub mod fuzzing;
pub mod jetstream;
pub mod link;
pub mod notice;
mod payload;
pub mod report;
pub mod testing;
pub mod transport;
pub mod view;

pub use broker::{Broker, BrokerSettings, LogKind, LogName};
pub use link::{AttachRequest, Link, LinkEvent};
pub use payload::PayloadError;
