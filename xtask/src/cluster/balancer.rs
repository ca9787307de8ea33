//! HAProxy in front of the edges: round robin, nobody sticks to an edge.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use crate::service::{Recipe, Service, listens};

/// What HAProxy itself answers, with 200 once every edge is ready and 503 until then.
const ALL_READY: &str = "/balancer/all-ready";
/// How long an edge may take to say whether it is ready: some of its checks take half a second where something is away.
/// HAProxy would wait no longer than from one look to the next, and have no edge at all.
const CHECK_S: u64 = 2;

/// The load balancer.
pub struct Balancer {
    /// Its process.
    pub server: Service,
    port: u16,
}

impl Balancer {
    /// Starts it on that port, before edges on those.
    pub async fn start(program: &Path, folder: &Path, port: u16, edges: &[u16]) -> Result<Self> {
        let config = folder.join("haproxy.cfg");
        std::fs::write(&config, configuration(port, edges)).context("cannot write HAProxy's configuration")?;
        // In the foreground, so that it ends with us.
        let recipe = Recipe::new(program, ["-db".into(), "-f".into(), config.into_os_string()]);
        let mut server = Service::start("haproxy", recipe, folder)?;
        server.until_ready(async || listens(port).await).await?;
        Ok(Self { server, port })
    }

    /// Waits until it has found every edge ready.
    pub async fn until_ready(&mut self) -> Result<()> {
        let (client, url) = (reqwest::Client::new(), format!("http://{}{ALL_READY}", self.address()));
        let all = async || client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success());
        self.server.until_ready(all).await
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

fn configuration(port: u16, edges: &[u16]) -> String {
    let mut text = format!(
        "defaults\n  mode http\n  timeout connect 2s\n  timeout client 75s\n  timeout server 75s\n  timeout tunnel 1h\n  \
         timeout check {CHECK_S}s\n  \
         timeout http-keep-alive 30s\n  option forwardfor\n  option redispatch 1\n  retries 3\n\
         frontend all\n  bind 127.0.0.1:{port}\n  default_backend edges\n\
         \x20 monitor-uri {ALL_READY}\n  monitor fail if {{ nbsrv(edges) lt {} }}\n\
         backend edges\n  balance roundrobin\n  option httpchk GET /readyz\n",
        edges.len()
    );
    for (index, edge) in edges.iter().enumerate() {
        let _ = writeln!(text, "  server edge-{} 127.0.0.1:{edge} check inter 500ms fall 1 rise 1", index + 1);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_is_asked_whether_it_is_ready() {
        let text = configuration(6006, &[7001, 7002]);
        assert!(text.contains("\n  monitor fail if { nbsrv(edges) lt 2 }\n"), "{text}");
        assert!(text.contains("\n  monitor-uri /balancer/all-ready\n"), "{text}");
        assert!(
            text.contains("  server edge-1 127.0.0.1:7001 check")
                && text.contains("  server edge-2 127.0.0.1:7002 check")
        );
    }
}
