//! What an address means: one server, sentinels that know it, or nodes of a cluster.

use crate::error::LiveError;

/// Where the server is.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) enum Target {
    /// At an address.
    Server(String),
    /// Wherever the sentinels say.
    Sentinel(Sentinels),
    /// On the nodes of a cluster, of which these are some.
    Cluster(Vec<String>),
}

/// Sentinels, and how to reach the server that they name.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) struct Sentinels {
    /// Their addresses, without a login.
    pub(super) addresses: Vec<String>,
    /// What they call the server.
    pub(super) service: String,
    /// The server's address but for its host, which the sentinels know.
    pub(super) server: String,
}

const SENTINEL_PORT: u16 = 26_379;

impl Target {
    /// Reads [`super::RedisConfig::url`].
    pub(super) fn parse(url: &str) -> Result<Self, LiveError> {
        let (scheme, rest) = url.split_once("://").ok_or_else(|| invalid("it has no scheme"))?;
        match scheme {
            "redis" | "rediss" | "unix" | "redis+unix" => Ok(Self::Server(url.to_owned())),
            "redis+sentinel" | "rediss+sentinel" => sentinels(scheme, rest).map(Self::Sentinel),
            "redis+cluster" | "rediss+cluster" => cluster(scheme, rest).map(Self::Cluster),
            _ => Err(invalid("its scheme is none of redis, rediss, unix, redis+sentinel, redis+cluster")),
        }
    }
}

fn invalid(reason: &str) -> LiveError {
    LiveError::Invalid(format!("the address of Redis: {reason}"))
}

/// Login with its `@`, or nothing; hosts; the rest from the first `/` on, without it.
fn parts(rest: &str) -> Result<(&str, Vec<&str>, &str), LiveError> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    let hosts: Vec<&str> = hosts.split(',').map(str::trim).collect();
    if hosts.iter().any(|host| host.is_empty()) {
        return Err(invalid("a host is missing"));
    }
    Ok((login, hosts, path))
}

fn sentinels(scheme: &str, rest: &str) -> Result<Sentinels, LiveError> {
    let (login, hosts, path) = parts(rest)?;
    let (service, database) = path.split_once('/').unwrap_or((path, ""));
    if service.is_empty() {
        return Err(invalid("the name of the service is missing: redis+sentinel://host:port,host:port/service"));
    }
    let scheme = scheme.trim_end_matches("+sentinel");
    let address = |host: &&str| match has_port(host) {
        true => format!("{scheme}://{host}"),
        false => format!("{scheme}://{host}:{SENTINEL_PORT}"),
    };
    Ok(Sentinels {
        addresses: hosts.iter().map(address).collect(),
        service: service.to_owned(),
        server: format!("{scheme}://{login}unknown/{database}"),
    })
}

/// A colon after the bracket of an IPv6 address, or any.
fn has_port(host: &str) -> bool {
    host.rsplit(']').next().is_some_and(|tail| tail.contains(':'))
}

fn cluster(scheme: &str, rest: &str) -> Result<Vec<String>, LiveError> {
    let (login, hosts, path) = parts(rest)?;
    if !path.is_empty() {
        return Err(invalid("a cluster has no databases"));
    }
    let scheme = scheme.trim_end_matches("+cluster");
    Ok(hosts.iter().map(|host| format!("{scheme}://{login}{host}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_is_left_as_it_is() {
        for url in ["redis://h", "rediss://u:p@h:1/2", "unix:///run/redis.sock"] {
            assert_eq!(Target::parse(url), Ok(Target::Server(url.into())));
        }
    }

    #[test]
    fn sentinels_name_a_server() {
        let Ok(Target::Sentinel(sentinels)) = Target::parse("rediss+sentinel://u:p@a,b:7,[::1]/main/3") else {
            panic!("sentinels");
        };
        assert_eq!(sentinels.addresses, ["rediss://a:26379", "rediss://b:7", "rediss://[::1]:26379"]);
        assert_eq!(sentinels.service, "main");
        assert_eq!(sentinels.server, "rediss://u:p@unknown/3");
    }

    #[test]
    fn nodes_of_a_cluster_share_a_login() {
        let nodes = Target::parse("redis+cluster://:p@a:1,b:2");
        assert_eq!(nodes, Ok(Target::Cluster(vec!["redis://:p@a:1".into(), "redis://:p@b:2".into()])));
        assert_eq!(Target::parse("rediss+cluster://a"), Ok(Target::Cluster(vec!["rediss://a".into()])));
    }

    #[test]
    fn what_is_missing_is_said() {
        for (url, reason) in [
            ("localhost:6379", "scheme"),
            ("http://h", "scheme"),
            ("redis+sentinel://h:1", "service"),
            ("redis+sentinel:///main", "host"),
            ("redis+cluster://a,,b", "host"),
            ("redis+cluster://a/1", "databases"),
        ] {
            let error = Target::parse(url).expect_err(url).to_string();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }
}
