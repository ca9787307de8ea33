//! Addresses on this machine. No others are loaded.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};

/// The address of a URL such as `http://127.0.0.1:6006`; an error when it is not on 127.0.0.0/8.
pub fn address(url: &str, scheme: &str) -> anyhow::Result<SocketAddr> {
    let host = url.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
    let host = host.with_context(|| format!("{url} does not begin with {scheme}://"))?.trim_end_matches('/');
    let host = host.replacen("localhost", "127.0.0.1", 1);
    let address: SocketAddr = host.parse().with_context(|| format!("{url} names no address and port"))?;
    if !(address.is_ipv4() && address.ip().is_loopback()) {
        bail!("{url} is not on this machine: only 127.0.0.0/8 is taken");
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loaded() {
        for url in ["http://127.0.0.1:6006", "http://localhost:6006/", "http://127.0.0.9:80"] {
            assert!(address(url, "http").is_ok(), "{url}");
        }
        assert!(address("nats://127.0.0.1:4222", "nats").is_ok());
        for url in [
            "http://192.0.2.1:6006",
            "http://127.0.0.1.example.org:80",
            "http://0.0.0.0:6006",
            "127.0.0.1:6006",
            "https://127.0.0.1:6006",
            "nats://127.0.0.1:4222",
            "http://localhost.example.org:1",
        ] {
            assert!(address(url, "http").is_err(), "{url}");
        }
    }
}
