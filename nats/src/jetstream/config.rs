//! Where the NATS servers are and how to use them.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::ConnectOptions;

use crate::transport::TransportError;

/// The capacity of the client's channels: commands to the connection, messages of one subscription. Subscriptions are
/// forwarded to queues of the seam at once, so this much is used only when the runtime stalls.
const CLIENT_CAPACITY: usize = 8192;
const SUBSCRIPTION_CAPACITY: usize = 16_384;
/// The longest pause between two attempts to reconnect.
const RECONNECT_CAP: Duration = Duration::from_secs(2);

/// How to log in to NATS.
#[derive(Clone, Default)]
pub enum JetStreamAuth {
    /// Not at all.
    #[default]
    None,
    /// With a token.
    Token(String),
    /// With a user and a password.
    UserPassword {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// With a `.creds` file.
    CredentialsFile(PathBuf),
}

/// How to reach and use the NATS servers.
#[derive(Clone)]
pub struct JetStreamConfig {
    /// `nats://host:port` or `tls://host:port`, at least one; further servers of the cluster are discovered.
    pub urls: Vec<String>,
    /// How to log in.
    pub auth: JetStreamAuth,
    /// A file of PEM certificates to trust besides the usual ones.
    pub tls_ca_file: Option<PathBuf>,
    /// The name of this client in the server's monitoring.
    pub name: String,
    /// Keeps deployments on the same servers apart: streams are `<prefix>_<name>` on the subject
    /// `<prefix>.stream.<name>`, core messages `<prefix>.core.<subject>`. ASCII letters, digits, `-` and `_`.
    pub prefix: String,
    /// How long to wait for the first connection.
    pub connect_timeout: Duration,
    /// How long to wait for answers about streams, and for room to send.
    pub request_timeout: Duration,
    /// How long an append waits for its answer before it is ambiguous.
    pub append_timeout: Duration,
}

impl JetStreamConfig {
    /// One server, no login, prefix `kefu`, and 5 seconds for everything.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            urls: vec![url.into()],
            auth: JetStreamAuth::None,
            tls_ca_file: None,
            name: "kefu".to_owned(),
            prefix: "kefu".to_owned(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(5),
            append_timeout: Duration::from_secs(5),
        }
    }

    pub(super) fn check(&self) -> Result<(), TransportError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if self.prefix.is_empty() || self.prefix.len() > 64 || !self.prefix.bytes().all(allowed) {
            let reason = "must be 1 to 64 ASCII letters, digits, '-' or '_'".to_owned();
            return Err(TransportError::Invalid { what: "prefix", reason });
        }
        if self.urls.is_empty() {
            return Err(TransportError::Invalid { what: "urls", reason: "there is none".to_owned() });
        }
        Ok(())
    }

    /// The options of the client, but for the callbacks that need the transport.
    pub(super) async fn options(&self) -> Result<ConnectOptions, TransportError> {
        let options = ConnectOptions::new()
            .name(&self.name)
            .connection_timeout(self.connect_timeout)
            .request_timeout(Some(self.request_timeout))
            .client_capacity(CLIENT_CAPACITY)
            .subscription_capacity(SUBSCRIPTION_CAPACITY)
            .ping_interval(Duration::from_secs(5))
            .max_reconnects(None)
            .reconnect_delay_callback(reconnect_delay);
        let options = match &self.tls_ca_file {
            Some(file) => options.add_root_certificates(file.clone()),
            None => options,
        };
        Ok(match &self.auth {
            JetStreamAuth::None => options,
            JetStreamAuth::Token(token) => options.token(token.clone()),
            JetStreamAuth::UserPassword { user, password } => options.user_and_password(user.clone(), password.clone()),
            JetStreamAuth::CredentialsFile(file) => {
                options.credentials_file(file).await.map_err(TransportError::other)?
            }
        })
    }
}

/// At once, then doubling up to [`RECONNECT_CAP`].
fn reconnect_delay(attempts: usize) -> Duration {
    match attempts {
        0 | 1 => Duration::ZERO,
        n => Duration::from_millis(25 << n.min(8)).min(RECONNECT_CAP),
    }
}
