//! The settings and their defaults. `default-config.toml` documents each; a test holds the two together.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;

/// One of the parts that a process can play.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// WebSockets, SSE, REST and pages.
    Edge,
    /// Decides conversations and delivers.
    Router,
    /// Gives visitors agents.
    Assigner,
    /// Copies the log into the store.
    Archiver,
    /// Folds the log into reports.
    Reporter,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Edge, Self::Router, Self::Assigner, Self::Archiver, Self::Reporter];

    /// Its name in settings and reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Router => "router",
            Self::Assigner => "assigner",
            Self::Archiver => "archiver",
            Self::Reporter => "reporter",
        }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A part of the settings.
pub(super) trait Section {
    /// The names of its fields.
    const FIELDS: &[&str];
}

macro_rules! section {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty = $default:expr,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[allow(missing_docs, reason = "default-config.toml documents each")]
        pub struct $name { $(pub $field: $type,)* }

        impl Section for $name {
            const FIELDS: &[&str] = &[$(stringify!($field)),*];
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

section!(
    /// All settings.
    Settings {
        server: Server = Server::default(),
        ops: Ops = Ops::default(),
        log: Log = Log::default(),
        deployment: Deployment = Deployment::default(),
        nats: Nats = Nats::default(),
        storage: Storage = Storage::default(),
        auth: Auth = Auth::default(),
        allocation: Allocation = Allocation::default(),
        archive: Archive = Archive::default(),
        limits: Limits = Limits::default(),
        cql: Cql = Cql::default(),
        redis: Redis = Redis::default(),
        files: Files = Files::default(),
        ai: Ai = Ai::default(),
        speech: Speech = Speech::default(),
        tenants: Vec<Tenant> = Vec::new(),
    }
);
impl Settings {
    /// The sections that variables can set, with the names of their fields.
    pub(super) const SECTIONS: [(&str, &[&str]); 15] = [
        ("server", Server::FIELDS),
        ("ops", Ops::FIELDS),
        ("log", Log::FIELDS),
        ("deployment", Deployment::FIELDS),
        ("nats", Nats::FIELDS),
        ("storage", Storage::FIELDS),
        ("auth", Auth::FIELDS),
        ("allocation", Allocation::FIELDS),
        ("archive", Archive::FIELDS),
        ("limits", Limits::FIELDS),
        ("cql", Cql::FIELDS),
        ("redis", Redis::FIELDS),
        ("files", Files::FIELDS),
        ("ai", Ai::FIELDS),
        ("speech", Speech::FIELDS),
    ];
}

section!(
    /// This process.
    Server {
        listen: SocketAddr = SocketAddr::from(([0, 0, 0, 0], 6006)),
        data_dir: PathBuf = PathBuf::from("./kefu-data"),
        roles: Vec<Role> = Role::ALL.to_vec(),
        node: String = String::new(),
        public_url: String = String::new(),
        allowed_origins: Vec<String> = Vec::new(),
        frame_ancestors: Vec<String> = Vec::new(),
        trusted_proxies: Vec<IpNet> = Vec::new(),
        stop_stage_s: u64 = 25,
        drain_notice_ms: u64 = 1_500,
    }
);
section!(
    /// Health and metrics of processes without the edge role.
    Ops { listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 6060)), }
);
section!(
    /// Logging.
    Log { filter: String = "info".to_owned(), format: LogFormat = LogFormat::Text, }
);
section!(
    /// Fixed when the deployment is created.
    Deployment { partitions: u16 = 16, allocation_partitions: u16 = 1, }
);
section!(
    /// NATS with JetStream.
    Nats {
        url: String = String::new(),
        ca_file: PathBuf = PathBuf::new(),
        credentials_file: PathBuf = PathBuf::new(),
        user: String = String::new(),
        password: SecretString = SecretString::default(),
        token: SecretString = SecretString::default(),
        prefix: String = "kefu".to_owned(),
        replicas: usize = 1,
        inbox_on_disk: bool = false,
        log_max_mib: u64 = 0,
        inbox_max_mib: u64 = 4,
        settle_ms: u64 = 700,
    }
);
section!(
    /// The embedded log.
    Storage { fsync: bool = true, }
);
section!(
    /// Logins.
    Auth { login_minutes: u64 = 60, remember_days: u64 = 30, visitor_days: u64 = 180, }
);
section!(
    /// Allocation.
    Allocation { default_capacity: u16 = 5, grace_s: u64 = 30, }
);
section!(
    /// The archive.
    Archive { gather_ms: u64 = 200, log_days: u64 = 7, max_lag_records: u64 = 200_000, }
);
section!(
    /// Limits of an edge.
    Limits {
        connections: usize = 100_000,
        connections_per_user: usize = 64,
        connections_per_address: usize = 1_000,
        frame_bytes: usize = 65_536,
        frames_per_second: u32 = 200,
        frames_burst: u32 = 400,
        outgoing_frames: usize = 4_096,
        outgoing_bytes: usize = 4 * 1024 * 1024,
        requests_per_address_minute: u32 = 3_000,
        requests_per_user_minute: u32 = 1_200,
        visitors_per_address_minute: u32 = 120,
        logins_per_address_minute: u32 = 30,
        login_failures: u32 = 5,
        login_lock_minutes: u64 = 5,
    }
);
section!(
    /// ScyllaDB or Cassandra.
    Cql {
        nodes: Vec<String> = Vec::new(),
        keyspace: String = "kefu".to_owned(),
        local_datacenter: String = String::new(),
        user: String = String::new(),
        password: SecretString = SecretString::default(),
        ca_file: PathBuf = PathBuf::new(),
        replication_factor: u8 = 3,
        create_keyspace: bool = true,
    }
);
section!(
    /// Redis or Valkey.
    Redis {
        url: SecretString = SecretString::default(),
        sentinel_user: String = String::new(),
        sentinel_password: SecretString = SecretString::default(),
        ca_file: PathBuf = PathBuf::new(),
        prefix: String = "kefu".to_owned(),
    }
);
section!(
    /// Uploaded files.
    Files {
        dir: PathBuf = PathBuf::new(),
        bucket: String = String::new(),
        region: String = "us-east-1".to_owned(),
        endpoint: String = String::new(),
        access_key_id: String = String::new(),
        secret_access_key: SecretString = SecretString::default(),
        allow_http: bool = false,
        max_bytes: u64 = 10 * 1024 * 1024,
    }
);
section!(
    /// Named already; not used by this release.
    Ai { api_key: SecretString = SecretString::default(), }
);
section!(
    /// Named already; not used by this release.
    Speech { endpoint: String = String::new(), }
);
section!(
    /// A tenant.
    Tenant {
        id: String = "default".to_owned(),
        site_key: String = "default".to_owned(),
        identity_secret: SecretString = SecretString::default(),
        identity_audience: String = "kefu".to_owned(),
    }
);
