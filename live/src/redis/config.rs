//! How to reach and use the server.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::LiveError;

/// How to reach and use the Redis or Valkey server.
#[derive(Clone)]
pub struct RedisConfig {
    /// Where it is. With `rediss` in place of `redis` the connection is encrypted, by the process's default provider of
    /// rustls.
    ///
    /// - One server: `redis://[user][:password@]host[:6379][/database]`, or `unix:///path[?db=…&user=…&pass=…]`.
    /// - Behind sentinels: `redis+sentinel://[user][:password@]host[:26379],…/service[/database]`. The login is the
    ///   server's; the sentinels' is [`Self::sentinel_user`] and [`Self::sentinel_password`].
    /// - A cluster: `redis+cluster://[user][:password@]host[:6379],…`, of which some nodes will do.
    pub url: String,
    /// The sentinels' user.
    pub sentinel_user: Option<String>,
    /// The sentinels' password.
    pub sentinel_password: Option<String>,
    /// A file of PEM certificates to trust instead of the machine's.
    pub tls_ca_file: Option<PathBuf>,
    /// Keeps deployments on the same server apart: all keys begin with it, in braces. ASCII letters, digits, `-` and `_`, at
    /// most 64 of them.
    pub prefix: String,
    /// How long a call may wait for a connection. Of this, each sentinel that is silent takes a second, in their order.
    pub connect_timeout: Duration,
    /// How long a call may wait for an answer after that. One that comes later may have happened.
    pub response_timeout: Duration,
}

impl RedisConfig {
    /// That address, prefix `kefu`, 2 seconds to connect and 1 second to answer.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            sentinel_user: None,
            sentinel_password: None,
            tls_ca_file: None,
            prefix: "kefu".to_owned(),
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(1),
        }
    }

    pub(super) fn check(&self) -> Result<(), LiveError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if self.prefix.is_empty() || self.prefix.len() > 64 || !self.prefix.bytes().all(allowed) {
            let reason = "the prefix must be 1 to 64 ASCII letters, digits, '-' or '_'";
            return Err(LiveError::Invalid(reason.to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_cannot_break_out_of_its_braces() {
        let prefixed = |prefix: &str| RedisConfig { prefix: prefix.into(), ..RedisConfig::new("redis://h") }.check();
        assert_eq!(prefixed("kefu-2_x"), Ok(()));
        assert!(["", "a}b", "a:b", &"x".repeat(65)].iter().all(|prefix| prefixed(prefix).is_err()));
    }
}
