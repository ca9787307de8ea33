//! The broker seam (JetStream and embedded) and the partition engine on top of it.

pub mod conformance;
pub mod embedded;
pub mod faulty;
pub mod jetstream;
pub mod testing;
pub mod transport;
pub mod notice;
mod payload;
pub mod view;

pub use payload::PayloadError;
