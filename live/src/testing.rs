//! Real Valkey servers for tests. Nothing here belongs into the product.

mod cluster;
mod process;
mod sentinel;

pub use cluster::ValkeyCluster;
pub use process::ValkeyServer;
pub use sentinel::ValkeySentinel;

/// The environment variable that names the `valkey-server` binary.
pub const VALKEY_SERVER_ENV: &str = "KEFU_TEST_VALKEY_SERVER";
