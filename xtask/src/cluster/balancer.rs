//! HAProxy in front of the edges: round robin, nobody sticks to an edge.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use crate::service::{Recipe, Service, listens};

/// How long an edge may take to say whether it is ready: some of its checks take half a second where something is away.
/// HAProxy would wait no longer than from one look to the next, and have no edge at all.
const CHECK_S: u64 = 2;

/// The load balancer.
pub struct Balancer {
    _server: Service,
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
        Ok(Self { _server: server, port })
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
         backend edges\n  balance roundrobin\n  option httpchk GET /readyz\n"
    );
    for (index, edge) in edges.iter().enumerate() {
        let _ = writeln!(text, "  server edge-{} 127.0.0.1:{edge} check inter 500ms fall 1 rise 1", index + 1);
    }
    text
}
