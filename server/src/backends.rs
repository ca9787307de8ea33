//! The backends behind the seams: a configured address selects the remote one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use kefu_live::{Live, MemoryLive};
use kefu_nats::embedded::{Embedded, EmbeddedConfig};
use kefu_nats::jetstream::{JetStream, JetStreamAuth, JetStreamConfig};
use kefu_nats::transport::{Transport, TransportError};
use kefu_nats::{Broker, BrokerSettings};
use kefu_store::{SqliteConfig, SqliteStore, Store};
use secrecy::ExposeSecret as _;

use crate::data_dir::DataDir;
use kefu::settings::Settings;

/// Where it is written what to do about a log or a store that does not open.
pub const WAY_OUT: &str = "see docs/operations.md, \"When the machine fails\"";

/// Opens the store of a data folder.
///
/// # Errors
/// When the file cannot be opened or is of a newer release.
pub async fn open_store(path: &Path) -> anyhow::Result<Arc<dyn Store>> {
    let config = SqliteConfig::new(path);
    let shown = path.display().to_string();
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&config)).await?;
    Ok(Arc::new(opened.with_context(|| format!("cannot open the store {shown}: {WAY_OUT}"))?))
}

/// What is true right now, kept in this process.
#[must_use]
pub fn open_live() -> Arc<dyn Live> {
    Arc::new(MemoryLive::new(rand::random()))
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
/// When it cannot be moved or deleted.
pub async fn take_log_away(settings: &Settings, data: &DataDir, epoch: u64) -> anyhow::Result<Option<PathBuf>> {
    if is_embedded(settings) {
        return move_log_aside(&data.log(), epoch);
    }
    let jetstream = connect(settings).await?;
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
    let ca_file = Some(nats.ca_file.clone()).filter(|path| !path.as_os_str().is_empty());
    let mut config = JetStreamConfig::new(String::new());
    config.urls = nats.url.split(',').map(|url| url.trim().to_owned()).collect();
    config.auth = auth;
    config.tls_ca_file = ca_file;
    config.prefix.clone_from(&nats.prefix);
    config
}

/// An address without user and password, for people to read.
#[must_use]
pub fn without_login(urls: &str) -> String {
    let shown = |url: &str| match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => format!("{}{}", &url[..scheme + 3], &url[at + 1..]),
        _ => url.to_owned(),
    };
    urls.split(',').map(shown).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_not_shown() {
        assert_eq!(without_login("nats://u:p@h:4222,nats://i:1"), "nats://h:4222,nats://i:1");
    }
}
