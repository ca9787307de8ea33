//! Making connections: to a server, to the one that sentinels name, or to the nodes of a cluster.

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisError,
    RedisResult, TlsCertificates, TlsMode, Value,
};
use tokio::sync::Mutex;

use super::config::RedisConfig;
use super::target::{Sentinels, Target};
use crate::error::LiveError;

/// A connection that many use at a time.
#[derive(Clone)]
pub(super) enum Connection {
    /// To one server.
    Server(MultiplexedConnection),
    /// To the masters of a cluster. It follows their redirections and comes back to masters that were away.
    Cluster(ClusterConnection),
}

impl Connection {
    /// Whether it finds its way again by itself. One master that is away is no reason to leave the others.
    pub(super) fn heals_itself(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    pub(super) async fn query(&mut self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Server(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }
}

/// How often a cluster's redirections are followed, or a command is sent again, and how long is waited between.
const CLUSTER_RETRIES: u32 = 3;
const CLUSTER_PAUSE_MS: (u64, u64) = (20, 100);

/// Makes connections.
pub(super) struct Dialer {
    route: Route,
    timeouts: AsyncConnectionConfig,
}

enum Route {
    Server(Box<Client>),
    /// It asks the sentinels for the master at every connection, and the master for its role.
    Sentinel(Box<Mutex<SentinelClient>>),
    Cluster(Box<ClusterClient>),
}

impl Dialer {
    /// Nothing is sent yet.
    pub(super) fn new(config: &RedisConfig) -> Result<Self, LiveError> {
        let certificates = certificates(config)?;
        let route = match Target::parse(&config.url)? {
            Target::Server(url) => Route::Server(Box::new(server(&url, certificates).map_err(invalid)?)),
            Target::Sentinel(sentinels) => {
                let client = behind_sentinels(&sentinels, config, certificates).map_err(invalid)?;
                Route::Sentinel(Box::new(Mutex::new(client)))
            }
            Target::Cluster(nodes) => Route::Cluster(Box::new(cluster(nodes, config, certificates).map_err(invalid)?)),
        };
        let timeouts = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(config.connect_timeout))
            .set_response_timeout(Some(config.response_timeout));
        Ok(Self { route, timeouts })
    }

    /// A connection to whoever may write, or why there is none.
    pub(super) async fn connect(&self) -> Result<Connection, String> {
        let made = match &self.route {
            Route::Server(client) => {
                client.get_multiplexed_async_connection_with_config(&self.timeouts).await.map(Connection::Server)
            }
            Route::Sentinel(client) => {
                let mut client = client.lock().await;
                client.get_async_connection_with_config(&self.timeouts).await.map(Connection::Server)
            }
            Route::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        };
        made.map_err(|error| error.to_string())
    }
}

fn invalid(error: RedisError) -> LiveError {
    LiveError::Invalid(format!("the address of Redis: {error}"))
}

fn certificates(config: &RedisConfig) -> Result<Option<TlsCertificates>, LiveError> {
    let Some(path) = &config.tls_ca_file else { return Ok(None) };
    let read = std::fs::read(path);
    let roots = read.map_err(|error| LiveError::Invalid(format!("{}: {error}", path.display())))?;
    Ok(Some(TlsCertificates { client_tls: None, root_cert: Some(roots) }))
}

/// Small packets go out at once.
fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn server(url: &str, certificates: Option<TlsCertificates>) -> RedisResult<Client> {
    let info = url.into_connection_info()?.set_tcp_settings(tcp());
    match certificates {
        Some(certificates) if is_encrypted(&info) => Client::build_with_tls(info, certificates),
        _ => Client::open(info),
    }
}

fn is_encrypted(info: &ConnectionInfo) -> bool {
    matches!(info.addr(), ConnectionAddr::TcpTls { .. })
}

fn behind_sentinels(
    sentinels: &Sentinels,
    config: &RedisConfig,
    certificates: Option<TlsCertificates>,
) -> RedisResult<SentinelClient> {
    let addresses = sentinels.addresses.iter().map(|url| Ok(url.as_str().into_connection_info()?.addr().clone()));
    let addresses = addresses.collect::<RedisResult<Vec<_>>>()?;
    let server = sentinels.server.as_str().into_connection_info()?;
    let kind = SentinelServerType::Master;
    let mut builder = SentinelClientBuilder::new(addresses, sentinels.service.clone(), kind)?
        .set_client_to_redis_tcp_settings(tcp())
        .set_client_to_sentinel_tcp_settings(tcp())
        .set_client_to_redis_db(server.redis_settings().db());
    if is_encrypted(&server) {
        builder =
            builder.set_client_to_redis_tls_mode(TlsMode::Secure).set_client_to_sentinel_tls_mode(TlsMode::Secure);
        if let Some(certificates) = certificates {
            builder = builder.set_client_to_redis_certificates(certificates.clone());
            builder = builder.set_client_to_sentinel_certificates(certificates);
        }
    }
    if let Some(user) = server.redis_settings().username() {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(user) = &config.sentinel_user {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if let Some(password) = server.redis_settings().password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(password) = &config.sentinel_password {
        builder = builder.set_client_to_sentinel_password(password);
    }
    builder.build()
}

fn cluster(
    nodes: Vec<String>,
    config: &RedisConfig,
    certificates: Option<TlsCertificates>,
) -> RedisResult<ClusterClient> {
    let mut builder = ClusterClient::builder(nodes)
        .connection_timeout(config.connect_timeout)
        .response_timeout(config.response_timeout)
        .retries(CLUSTER_RETRIES)
        .min_retry_wait(CLUSTER_PAUSE_MS.0)
        .max_retry_wait(CLUSTER_PAUSE_MS.1)
        .tcp_settings(tcp());
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates);
    }
    builder.build()
}
