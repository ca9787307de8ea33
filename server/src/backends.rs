//! The backends behind the seams: a configured address selects the remote one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kefu_files::{Files, S3Config};
use kefu_live::{RedisConfig, RedisLive};
use kefu_nats::broker::is_in_use;
use kefu_nats::embedded::{Embedded, EmbeddedConfig};
use kefu_nats::jetstream::{JetStream, JetStreamAuth, JetStreamConfig};
use kefu_nats::transport::{Transport, TransportError};
use kefu_nats::{Broker, BrokerSettings};
use kefu_store::cql::{Credentials, Replication};
use kefu_store::{CqlConfig, CqlStore, SqliteConfig, SqliteStore, Store};
use secrecy::ExposeSecret as _;

use crate::data_dir::{DataDir, store_path};
use kefu::settings::{Role, Settings};

/// Where it is written what to do about a log or a store that does not open.
pub const WAY_OUT: &str = "see docs/operations.md, \"When the machine fails\"";

/// The data folder, if anything is kept in it.
///
/// # Errors
/// When another process has it, or it cannot be written.
pub fn open_data(settings: &Settings) -> anyhow::Result<DataDir> {
    let path = &settings.server.data_dir;
    if is_embedded(settings) || keeps_store(settings) { DataDir::open(path) } else { Ok(DataDir::unused(path)) }
}

/// Opens the store: the cluster's if it has addresses, else the file in the data folder.
///
/// # Errors
/// When it cannot be opened or is of a newer release.
pub async fn open_store(settings: &Settings) -> anyhow::Result<Arc<dyn Store>> {
    Ok(open_either_store(settings).await?.0)
}

/// As [`open_store`]; with the cluster's once more, for what only that one has.
///
/// # Errors
/// When it cannot be opened or is of a newer release.
pub async fn open_either_store(settings: &Settings) -> anyhow::Result<(Arc<dyn Store>, Option<Arc<CqlStore>>)> {
    let failed = || format!("cannot open {}: {WAY_OUT}", store_name(settings));
    if !keeps_store(settings) {
        let store = Arc::new(CqlStore::open(cql(settings)).await.with_context(failed)?);
        return Ok((store.clone(), Some(store)));
    }
    let config = SqliteConfig::new(store_path(&settings.server.data_dir));
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&config)).await?;
    Ok((Arc::new(opened.with_context(failed)?), None))
}

/// Refuses to make a store where only one that is there is wanted.
///
/// # Errors
/// When the data folder has none.
pub fn require_deployment(settings: &Settings) -> anyhow::Result<()> {
    let folder = &settings.server.data_dir;
    if keeps_store(settings) && !store_path(folder).is_file() {
        anyhow::bail!(
            "there is no deployment in {}: start kefu first, or name its folder with --data-dir",
            folder.display()
        );
    }
    Ok(())
}

/// Whether the store is in the data folder.
pub fn keeps_store(settings: &Settings) -> bool {
    settings.cql.nodes.is_empty()
}

/// The store, for people to read.
#[must_use]
pub fn store_name(settings: &Settings) -> String {
    if keeps_store(settings) {
        return format!("the store {}", store_path(&settings.server.data_dir).display());
    }
    format!("the store {} at {}", settings.cql.keyspace, settings.cql.nodes.join(", "))
}

/// What is true right now, on Redis; none without an address. The server need not be there yet.
///
/// # Errors
/// When the address cannot be used.
pub fn open_redis(settings: &Settings) -> anyhow::Result<Option<Arc<RedisLive>>> {
    if keeps_live(settings) {
        return Ok(None);
    }
    Ok(Some(Arc::new(RedisLive::open(&redis(settings)).context("redis.url cannot be used")?)))
}

/// Files: in a bucket if one is named, which need not be there yet, else in a folder.
///
/// # Errors
/// When the settings cannot be used, or the folder not be made.
pub fn open_files(settings: &Settings) -> anyhow::Result<Files> {
    let opened =
        if settings.files.bucket.is_empty() { Files::local(&files_folder(settings)) } else { Files::s3(&s3(settings)) };
    opened.context("files cannot be kept")
}

fn files_folder(settings: &Settings) -> PathBuf {
    given_path(&settings.files.dir).unwrap_or_else(|| settings.server.data_dir.join("files"))
}

/// Whether files are in this process's data folder.
fn keeps_files(settings: &Settings) -> bool {
    settings.files.bucket.is_empty() && settings.files.dir.as_os_str().is_empty()
}

/// Whether what is true right now is in this process.
pub fn keeps_live(settings: &Settings) -> bool {
    settings.redis.url.expose_secret().is_empty()
}

/// Whether there is a backend that may be away, and come.
pub fn any_is_a_server(settings: &Settings) -> bool {
    !(is_embedded(settings) && keeps_store(settings) && keeps_live(settings))
}

/// Roles in several processes need backends that they share.
///
/// # Errors
/// When this process lacks a role, and a backend would be its own.
pub fn check_shared(settings: &Settings) -> anyhow::Result<()> {
    if Role::ALL.iter().all(|role| settings.server.roles.contains(role)) {
        return Ok(());
    }
    let missing = [
        (is_embedded(settings), "nats.url"),
        (keeps_store(settings), "cql.nodes"),
        (keeps_live(settings), "redis.url"),
        (settings.server.roles.contains(&Role::Edge) && keeps_files(settings), "files.bucket or files.dir"),
    ];
    let missing: Vec<_> = missing.iter().filter(|(missing, _)| *missing).map(|(_, name)| *name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    anyhow::bail!(
        "this process has not all roles, so it works with other processes and has to share everything with them: set {}",
        missing.join(", ")
    )
}

/// Opens the broker: NATS if it has an address, else the log in the data folder.
///
/// # Errors
/// When it cannot be reached or its streams have another shape.
pub async fn open_broker(settings: &Settings, data: &DataDir) -> anyhow::Result<Broker> {
    let transport: Arc<dyn Transport> = if is_embedded(settings) {
        let config = EmbeddedConfig { fsync: settings.storage.fsync, ..EmbeddedConfig::new(data.log()) };
        let context = || format!("cannot open the log in {}: {WAY_OUT}", data.log().display());
        Arc::new(Embedded::open(config).await.with_context(context)?)
    } else {
        Arc::new(connect(settings).await?)
    };
    Broker::open(transport, broker_settings(settings)).await.context("cannot open the broker's streams")
}

/// Takes the log away, as far as there is one, so that the next one to open it makes an empty one. In the data folder it
/// is moved aside; streams on NATS are deleted. Answers where it is now.
///
/// # Errors
/// When it cannot be moved or deleted, or somebody works with it.
pub async fn take_log_away(settings: &Settings, data: &DataDir, epoch: u64) -> anyhow::Result<Option<PathBuf>> {
    if is_embedded(settings) {
        return move_log_aside(&data.log(), epoch);
    }
    let jetstream = connect(settings).await?;
    if is_in_use(&jetstream).await? {
        anyhow::bail!("processes of this deployment are running: stop them all first");
    }
    for stream in broker_settings(settings).streams() {
        match jetstream.info(&stream).await {
            Err(TransportError::NotFound { .. }) => {}
            _ => {
                jetstream.delete_stream(&stream).await.with_context(|| format!("cannot delete the stream {stream}"))?
            }
        }
    }
    jetstream.close().await?;
    Ok(None)
}

fn move_log_aside(log: &Path, epoch: u64) -> anyhow::Result<Option<PathBuf>> {
    if !log.exists() {
        return Ok(None);
    }
    let candidates = (1_u32..).map(|n| match n {
        1 => log.with_file_name(format!("log.epoch-{epoch}")),
        n => log.with_file_name(format!("log.epoch-{epoch}.{n}")),
    });
    for aside in candidates.take(1_000) {
        if !aside.exists() {
            let failed = || format!("cannot move {} to {}", log.display(), aside.display());
            std::fs::rename(log, &aside).with_context(failed)?;
            return Ok(Some(aside));
        }
    }
    anyhow::bail!("there are too many logs aside of {}", log.display())
}

/// Whether the log is in the data folder.
pub fn is_embedded(settings: &Settings) -> bool {
    settings.nats.url.is_empty()
}

async fn connect(settings: &Settings) -> anyhow::Result<JetStream> {
    let connected = JetStream::connect(jetstream(settings)).await;
    connected.with_context(|| format!("cannot connect to NATS at {}", without_login(&settings.nats.url)))
}

fn broker_settings(settings: &Settings) -> BrokerSettings {
    BrokerSettings {
        partitions: settings.deployment.partitions,
        allocation_partitions: settings.deployment.allocation_partitions,
        in_on_disk: settings.nats.inbox_on_disk && !is_embedded(settings),
        replicas: settings.nats.replicas,
        log_max_bytes: Some(settings.nats.log_max_mib * 1024 * 1024).filter(|bytes| *bytes > 0),
        in_max_bytes: settings.nats.inbox_max_mib.max(1) * 1024 * 1024,
    }
}

/// How long a worker listens for others before it claims: there are none where the log is embedded.
#[must_use]
pub fn settle(settings: &Settings) -> Duration {
    if is_embedded(settings) { Duration::ZERO } else { Duration::from_millis(settings.nats.settle_ms) }
}

fn jetstream(settings: &Settings) -> JetStreamConfig {
    let nats = &settings.nats;
    let auth = if !nats.credentials_file.as_os_str().is_empty() {
        JetStreamAuth::CredentialsFile(nats.credentials_file.clone())
    } else if !nats.user.is_empty() {
        JetStreamAuth::UserPassword { user: nats.user.clone(), password: nats.password.expose_secret().to_owned() }
    } else if !nats.token.expose_secret().is_empty() {
        JetStreamAuth::Token(nats.token.expose_secret().to_owned())
    } else {
        JetStreamAuth::None
    };
    let mut config = JetStreamConfig::new(String::new());
    config.urls = nats.url.split(',').map(|url| url.trim().to_owned()).collect();
    config.auth = auth;
    config.tls_ca_file = given_path(&nats.ca_file);
    config.prefix.clone_from(&nats.prefix);
    config
}

fn cql(settings: &Settings) -> CqlConfig {
    let cql = &settings.cql;
    let mut config = CqlConfig::new(cql.nodes.iter().map(|node| node.trim().to_owned()));
    config.keyspace.clone_from(&cql.keyspace);
    config.create_keyspace = cql.create_keyspace;
    config.replication = Replication::EveryDatacenter { factor: cql.replication_factor };
    config.local_datacenter = given(&cql.local_datacenter);
    config.credentials =
        given(&cql.user).map(|user| Credentials { user, password: cql.password.expose_secret().to_owned() });
    config.tls_ca_file = given_path(&cql.ca_file);
    config
}

fn s3(settings: &Settings) -> S3Config {
    let files = &settings.files;
    let mut config = S3Config::new(files.bucket.clone());
    config.region.clone_from(&files.region);
    config.endpoint.clone_from(&files.endpoint);
    config.access_key_id.clone_from(&files.access_key_id);
    config.secret_access_key = files.secret_access_key.clone();
    config.allow_http = files.allow_http;
    config
}

fn redis(settings: &Settings) -> RedisConfig {
    let redis = &settings.redis;
    let mut config = RedisConfig::new(redis.url.expose_secret());
    config.sentinel_user = given(&redis.sentinel_user);
    config.sentinel_password = given(redis.sentinel_password.expose_secret());
    config.tls_ca_file = given_path(&redis.ca_file);
    config.prefix.clone_from(&redis.prefix);
    config
}

fn given(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn given_path(path: &Path) -> Option<PathBuf> {
    Some(path.to_owned()).filter(|path| !path.as_os_str().is_empty())
}

/// An address without user and password, for people to read.
#[must_use]
pub fn without_login(urls: &str) -> String {
    let shown = |url: &str| {
        let (scheme, rest) = url.find("://").map_or(("", url), |at| url.split_at(at + 3));
        let host = rest.rfind('@').map_or(rest, |at| &rest[at + 1..]);
        format!("{scheme}{host}")
    };
    urls.split(',').map(shown).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_not_shown() {
        assert_eq!(without_login("nats://u:p@h:4222,nats://i:1"), "nats://h:4222,nats://i:1");
        assert_eq!(without_login("u:p@h:4222,i:1"), "h:4222,i:1");
    }
}
