//! Settings of the CQL store.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How many copies of each row the cluster keeps. Looked at only when the keyspace is made; change it later with
/// `ALTER KEYSPACE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replication {
    /// `SimpleStrategy`: so many copies, wherever. For one node and for tests.
    Simple {
        /// Copies.
        factor: u8,
    },
    /// `NetworkTopologyStrategy` with the same number of copies in every datacenter.
    EveryDatacenter {
        /// Copies in each.
        factor: u8,
    },
    /// `NetworkTopologyStrategy`: copies by the datacenter's name.
    Datacenters(BTreeMap<String, u8>),
}

/// Name and password for the cluster. The password is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The role's name.
    pub user: String,
    /// Its password.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Settings of [`super::CqlStore`].
#[derive(Debug, Clone)]
pub struct CqlConfig {
    /// Some nodes of the cluster, `host:port` or `host` (then the port is 9042); the others are found through them.
    pub nodes: Vec<String>,
    /// The keyspace: 1 to 48 of `a-z`, `0-9` and `_`, beginning with a letter.
    pub keyspace: String,
    /// Whether a missing keyspace is made. Forbid it where an administrator makes keyspaces.
    pub create_keyspace: bool,
    /// How a keyspace that is made here is replicated.
    pub replication: Replication,
    /// The datacenter whose nodes are asked; others never are. All processes of a deployment name the same one. Without it
    /// all nodes are asked; a cluster in several datacenters is refused then.
    pub local_datacenter: Option<String>,
    /// Who we are, where the cluster asks.
    pub credentials: Option<Credentials>,
    /// PEM file with the authorities that sign the nodes' certificates; with it connections are encrypted and the nodes
    /// checked. Certificates must name the nodes' IP addresses, since that is what the driver compares.
    pub tls_ca_file: Option<PathBuf>,
    /// How long a connection may take to be established.
    pub connect_timeout: Duration,
    /// How long a request may take, the driver's repetitions included; also how long it waits for its place in flight.
    pub request_timeout: Duration,
    /// Reads in flight; more wait.
    pub reads_in_flight: usize,
    /// Writes in flight, a batch being one; more wait.
    pub writes_in_flight: usize,
    /// How long to wait for another process that migrates the schema.
    pub migration_wait: Duration,
}

impl CqlConfig {
    /// The defaults for a cluster: keyspace `kefu` with three copies in every datacenter.
    #[must_use]
    pub fn new(nodes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            nodes: nodes.into_iter().map(Into::into).collect(),
            keyspace: "kefu".into(),
            create_keyspace: true,
            replication: Replication::EveryDatacenter { factor: 3 },
            local_datacenter: None,
            credentials: None,
            tls_ca_file: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
            reads_in_flight: 256,
            writes_in_flight: 128,
            migration_wait: Duration::from_secs(120),
        }
    }
}
