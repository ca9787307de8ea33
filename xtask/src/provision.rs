//! The real components that tests need: fetched once, kept in a cache folder outside the checkout.

mod chromium;
mod nats;
mod node;

pub use chromium::chromium;
pub use nats::nats_server;
pub use node::node_modules;
