//! A whole cluster on loopback: three NATS servers, Valkey, Cassandra, an S3 service, several processes of each role, and a load balancer.

mod balancer;
mod nats;
mod role;
mod valkey;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::cassandra::CassandraServer;
use crate::s3::S3;
use crate::service::Service;
use crate::{provision, workspace};
use balancer::Balancer;
use kefu_ports::free_port;
use nats::NatsCluster;
pub use role::{ROLES, Role};
use valkey::Valkey;

const READY_LIMIT: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(50);
/// A time that tests would wait for.
const GRACE: (&str, &str) = ("KEFU_ALLOCATION__GRACE_S", "5");
/// Limits that clients from one address would meet.
pub const RAISED: [(&str, &str); 5] = [
    ("KEFU_LIMITS__REQUESTS_PER_ADDRESS_MINUTE", "1000000"),
    ("KEFU_LIMITS__REQUESTS_PER_USER_MINUTE", "1000000"),
    ("KEFU_LIMITS__VISITORS_PER_ADDRESS_MINUTE", "100000"),
    ("KEFU_LIMITS__LOGINS_PER_ADDRESS_MINUTE", "100000"),
    ("KEFU_LIMITS__CONNECTIONS_PER_ADDRESS", "100000"),
];

/// How a cluster is made.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Processes of each role.
    pub processes: usize,
    /// Where the load balancer listens; any free port unless given.
    pub port: Option<u16>,
    /// Whether it has the demo's accounts.
    pub demo: bool,
    /// Tenants beside `default`, whose ids and site keys are `t1` and on. With them limits by address and user are raised.
    pub tenants: usize,
    /// The binary.
    pub kefu: PathBuf,
    /// Settings of all its processes, beside those that make them a cluster, as environment variables.
    pub settings: Vec<(String, String)>,
}

impl Plan {
    /// So many processes of each role, behind a load balancer on that port.
    pub fn new(processes: usize, port: u16) -> Self {
        Self { port: Some(port), ..Self::bare(processes) }
    }

    /// For tests that have a tenant each.
    pub fn tests(processes: usize, tenants: usize) -> Self {
        Self { tenants, ..Self::bare(processes) }
    }

    /// To be loaded, with these settings.
    pub fn load(processes: usize, settings: Vec<(String, String)>) -> Self {
        Self { settings, ..Self::bare(processes) }
    }

    fn bare(processes: usize) -> Self {
        Self { processes, port: None, demo: false, tenants: 0, kefu: kefu(), settings: Vec::new() }
    }
}

/// The binary that was built, unless another one is to be tested.
fn kefu() -> PathBuf {
    std::env::var_os("KEFU_TEST_BIN").map_or_else(workspace::kefu_binary, PathBuf::from)
}

/// A running cluster. All of it ends when this is dropped.
pub struct Cluster {
    /// Processes of kefu.
    pub processes: Vec<Process>,
    /// What all of them share, as environment variables.
    settings: Vec<(String, String)>,
    /// Its load balancer.
    pub balancer: Balancer,
    /// Its NATS servers.
    pub nats: NatsCluster,
    /// Its Valkey.
    pub valkey: Valkey,
    /// Its Cassandra.
    pub cassandra: CassandraServer,
    /// Its files.
    pub s3: S3,
    folder: TempDir,
}

/// A process of kefu.
pub struct Process {
    /// Its role.
    pub role: Role,
    /// Where it serves health and metrics, and an edge everything else.
    pub port: u16,
    /// The process itself.
    pub service: Service,
}

impl Cluster {
    /// Starts everything, and waits until the load balancer finds every edge ready.
    pub async fn start(plan: &Plan) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("kefu-cluster-").tempdir().context("no temporary folder")?;
        let (nats_program, valkey_program, haproxy) =
            (provision::nats_server().await?, provision::valkey_server().await?, provision::haproxy().await?);
        println!("starting three NATS servers, Valkey, Cassandra and an S3 service");
        let (cassandra_program, weed) = (provision::cassandra().await?, provision::weed().await?);
        let (nats, valkey, cassandra, s3) = tokio::try_join!(
            NatsCluster::start(&nats_program, folder.path()),
            Valkey::start(&valkey_program, folder.path()),
            CassandraServer::start(&cassandra_program),
            S3::start(&weed),
        )?;
        let config = folder.path().join("kefu.toml");
        std::fs::write(&config, tenants(plan.tenants)).context("cannot write the settings")?;
        let mut settings = vec![
            ("KEFU_CONFIG".to_owned(), config.display().to_string()),
            ("KEFU_NATS__URL".to_owned(), nats.url()),
            ("KEFU_NATS__REPLICAS".to_owned(), nats.servers.len().to_string()),
            ("KEFU_REDIS__URL".to_owned(), valkey.url()),
            ("KEFU_CQL__NODES".to_owned(), cassandra.node()),
            ("KEFU_CQL__REPLICATION_FACTOR".to_owned(), "1".to_owned()),
            ("KEFU_SERVER__TRUSTED_PROXIES".to_owned(), "127.0.0.1/32".to_owned()),
        ];
        settings.extend(s3.settings());
        let for_tests = RAISED.into_iter().chain([GRACE]).filter(|_| plan.tenants > 0);
        settings.extend(for_tests.map(|(name, value)| (name.to_owned(), value.to_owned())));
        settings.extend(plan.settings.iter().cloned());
        println!("starting {} processes of kefu", plan.processes * ROLES.len());
        let mut processes = Vec::new();
        for role in ROLES {
            for number in 1..=plan.processes {
                processes.push(role::start(role, number, plan, &settings, folder.path())?);
            }
        }
        let edges: Vec<_> =
            processes.iter().filter(|process| process.role == Role::Edge).map(|edge| edge.port).collect();
        let port = plan.port.map_or_else(free_port, Ok)?;
        let balancer = Balancer::start(&haproxy, folder.path(), port, &edges).await?;
        let mut cluster = Self { processes, settings, balancer, nats, valkey, cassandra, s3, folder };
        cluster.until_ready().await?;
        cluster.balancer.until_ready().await?;
        Ok(cluster)
    }

    /// Waits until every process says that it is ready.
    pub async fn until_ready(&mut self) -> Result<()> {
        let client = reqwest::Client::new();
        let began = Instant::now();
        for process in &mut self.processes {
            let url = format!("http://127.0.0.1:{}/readyz", process.port);
            while let Some(why) = not_ready(&client, &url).await {
                if !process.service.is_running() || began.elapsed() > READY_LIMIT {
                    let (name, tail) = (process.service.name(), process.service.log_tail());
                    bail!("{name} is not ready: {why}\nthe end of its log:\n{tail}");
                }
                tokio::time::sleep(POLL).await;
            }
        }
        Ok(())
    }

    /// The password of the first admin, as the edge that made them said it.
    pub fn admin_password(&self) -> Result<String> {
        for process in self.processes.iter().filter(|process| process.role == Role::Edge) {
            let log = std::fs::read_to_string(self.folder.path().join(format!("{}.log", process.service.name())));
            let log = log.context("an edge has no log")?;
            if let Some((_, rest)) = log.split_once("one-time password: ") {
                return rest.split_whitespace().next().map(ToOwned::to_owned).context("no password after its name");
            }
        }
        bail!("no edge told a password")
    }

    /// Writes what the tests need to know into a file.
    pub fn describe(&self, tenants: usize) -> Result<PathBuf> {
        let variables: serde_json::Map<_, _> =
            self.settings.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let address = self.balancer.address();
        let text = serde_json::json!({"address": address, "tenants": tenants, "variables": variables, "logs": self.folder.path()});
        let text = text.to_string();
        let path = self.folder.path().join("cluster.json");
        std::fs::write(&path, text).context("cannot describe the cluster")?;
        Ok(path)
    }

    /// The servers beneath and before kefu's processes.
    pub fn servers(&self) -> impl Iterator<Item = &Service> {
        let others = [&self.valkey.server, self.cassandra.server(), &self.s3.server, &self.balancer.server];
        self.nats.servers.iter().chain(others)
    }

    /// Where logs are.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Stops kefu's processes as a rolling stop does, edges first, then everything else.
    pub async fn stop(mut self) -> Result<()> {
        for role in ROLES {
            for process in self.processes.iter_mut().filter(|process| process.role == role) {
                let took = process.service.terminate().await?;
                println!("{} stopped in {:.1} s", process.service.name(), took.as_secs_f64());
            }
        }
        Ok(())
    }
}

/// Why a process says that it is not ready; none once it is.
async fn not_ready(client: &reqwest::Client, url: &str) -> Option<String> {
    match client.get(url).timeout(Duration::from_secs(2)).send().await {
        Ok(answer) if answer.status().is_success() => None,
        Ok(answer) => Some(answer.text().await.unwrap_or_default()),
        Err(error) => Some(error.to_string()),
    }
}

/// Settings with so many tenants beside the default one.
fn tenants(count: usize) -> String {
    let names = std::iter::once("default".to_owned()).chain((1..=count).map(|number| format!("t{number}")));
    names.map(|name| format!("[[tenants]]\nid = \"{name}\"\nsite_key = \"{name}\"\n")).collect()
}
