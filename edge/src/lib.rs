//! The edge: WebSockets, SSE with POST, REST and OpenAPI.
//!
//! An edge decides nothing. It authenticates, turns frames and requests into commands for [`kefu_nats::link::Link`],
//! follows the conversations of its clients and shows each of them what they may see. docs/protocol.md and
//! docs/http-api.md are its contract.

mod accept;
mod assets;
mod attendance;
mod auth;
#[cfg(test)]
mod bad_input;
mod bucket;
mod clock;
mod config;
mod connection;
mod customers;
mod edge;
mod forwarded;
mod http;
mod hub;
mod machine;
mod metrics;
mod newcomers;
mod presence;
mod processes;
mod registry;
mod rest;
mod retry;
mod services;
mod sse;
mod sweep;
#[cfg(test)]
mod testing;
mod upstream;
mod warm;
mod ws;
mod ws_guard;

#[doc(hidden)]
pub mod benching;
pub mod directory;
pub mod frame;
pub mod fuzzing;

pub use assets::{Asset, Assets};
pub use config::{EdgeConfig, TenantConfig};
pub use edge::{Edge, EdgeError, EdgeHandles, EdgeInfo};
pub use rest::openapi;
