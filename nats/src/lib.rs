//! The broker seam (JetStream and embedded) and the partition engine on top of it.

pub mod conformance;
pub mod embedded;
pub mod faulty;
pub mod jetstream;
pub mod testing;
pub mod transport;
pub mod notice;
pub mod broker;
pub mod clock;
pub mod codec;
pub mod delivery;
pub mod engine;
pub mod link;
mod payload;
pub mod view;

pub use payload::PayloadError;
pub use broker::{Broker, BrokerSettings, LogKind, LogName};
pub use link::{AttachRequest, Link, LinkEvent};
