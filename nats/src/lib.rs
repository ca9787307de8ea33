//! The broker seam (JetStream and embedded) and the partition engine on top of it.

pub mod transport;
