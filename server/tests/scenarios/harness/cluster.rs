//! The cluster that the test command started. It is one for all scenarios; each has a tenant of its own in it.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::kefu::{self, Kefu};
use super::scene::{PASSWORD, Place};

/// What names the file that describes it.
const VARIABLE: &str = "KEFU_TEST_CLUSTER";

/// The cluster, as the test command describes it.
struct Cluster {
    address: String,
    tenants: usize,
    logs: PathBuf,
    variables: Vec<(String, String)>,
}

static CLUSTER: LazyLock<Cluster> = LazyLock::new(read);
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// A tenant that nobody else uses.
pub struct Tenant {
    /// Its id and site key.
    pub id: String,
    /// Host and port of the load balancer.
    pub address: String,
}

/// The next tenant that no run has used, with the admin `admin`.
pub async fn next_tenant() -> Tenant {
    let variables: Vec<_> = CLUSTER.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    loop {
        let number = TAKEN.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(number <= CLUSTER.tenants, "the cluster has {} tenants", CLUSTER.tenants);
        let id = format!("t{number}");
        let arguments = ["agent", "add", "admin", "--tenant", &id, "--role", "admin", "--password-stdin"];
        let said = kefu::run_with(&arguments, &variables, PASSWORD).await;
        if said.success {
            return Tenant { id, address: CLUSTER.address.clone() };
        }
        assert!(said.stderr.contains("taken"), "{}", said.stderr);
    }
}

/// An edge of the cluster for one scenario, with settings of its own. Only its tenant's clients know of it.
pub async fn edge(tenant: Tenant, settings: &[(&str, &str)]) -> Place {
    let mut variables: Vec<_> = CLUSTER.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    variables.push(("KEFU_SERVER__ROLES", "edge"));
    variables.extend(settings);
    Place::Edge(Box::new(Kefu::start(&[], &variables).await), tenant)
}

/// One of its NATS servers.
pub fn nats_url() -> String {
    let (_, urls) = CLUSTER.variables.iter().find(|(name, _)| name == "KEFU_NATS__URL").expect("it has NATS");
    urls.split(',').next().expect("a server").to_owned()
}

/// A node of its store, as host and port, and the settings that lead to it.
pub fn store() -> (String, Vec<(&'static str, &'static str)>) {
    let of_store = CLUSTER.variables.iter().filter(|(name, _)| name.starts_with("KEFU_CQL__"));
    let settings: Vec<_> = of_store.map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (_, nodes) = settings.iter().find(|(name, _)| *name == "KEFU_CQL__NODES").expect("it has a store");
    (nodes.split(',').next().expect("a node").to_owned(), settings)
}

/// What its processes printed.
pub fn output() -> String {
    let entries = std::fs::read_dir(&CLUSTER.logs).expect("the folder of logs");
    let logs = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "log"));
    logs.map(|path| String::from_utf8_lossy(&std::fs::read(path).expect("a log")).into_owned()).collect()
}

fn read() -> Cluster {
    let path = std::env::var(VARIABLE).unwrap_or_else(|_| panic!("{VARIABLE} is not set; run by `cargo xtask test`"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let value: Value = serde_json::from_str(&text).expect("a description of the cluster");
    let variables = value["variables"].as_object().expect("variables");
    let owned = |(name, value): (&String, &Value)| (name.clone(), value.as_str().expect("a text").to_owned());
    Cluster {
        logs: value["logs"].as_str().expect("a folder").into(),
        address: value["address"].as_str().expect("an address").to_owned(),
        tenants: usize::try_from(value["tenants"].as_u64().expect("how many tenants")).expect("few"),
        variables: variables.iter().map(owned).collect(),
    }
}
