//! Three NATS servers as one.

use std::path::Path;

use anyhow::{Context, Result};

use crate::service::{Recipe, Service};
use kefu_ports::free_port;

const SERVERS: usize = 3;

/// The servers of a NATS cluster with JetStream, every write synced.
pub struct NatsCluster {
    /// Each of them.
    pub servers: Vec<Service>,
    urls: Vec<String>,
    client: reqwest::Client,
    health: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    client: u16,
    routes: u16,
    http: u16,
}

impl NatsCluster {
    /// Starts them and waits until all are ready.
    pub async fn start(program: &Path, folder: &Path) -> Result<Self> {
        let mut ports = Vec::new();
        for _ in 0..SERVERS {
            ports.push(Ports { client: free_port()?, routes: free_port()?, http: free_port()? });
        }
        let mut servers = Vec::new();
        for (index, own) in ports.iter().enumerate() {
            let name = format!("nats-{}", index + 1);
            let config = folder.join(format!("{name}.conf"));
            let text = configuration(&name, *own, &ports, &folder.join(&name));
            std::fs::write(&config, text).context("cannot write the NATS configuration")?;
            let recipe = Recipe::new(program, ["-c".into(), config.into_os_string()]);
            servers.push(Service::start(name, recipe, folder)?);
        }
        let urls = ports.iter().map(|ports| format!("nats://127.0.0.1:{}", ports.client)).collect();
        let health = ports.iter().map(|ports| format!("http://127.0.0.1:{}/healthz", ports.http)).collect();
        let mut cluster = Self { servers, urls, client: reqwest::Client::new(), health };
        cluster.until_ready().await?;
        Ok(cluster)
    }

    /// What clients connect to.
    pub fn url(&self) -> String {
        self.urls.join(",")
    }

    /// Waits until every server says that it and its streams are well.
    pub async fn until_ready(&mut self) -> Result<()> {
        for (server, health) in self.servers.iter_mut().zip(&self.health) {
            let client = &self.client;
            let is_well = async || client.get(health).send().await.is_ok_and(|answer| answer.status().is_success());
            server.until_ready(is_well).await?;
        }
        Ok(())
    }
}

fn configuration(name: &str, own: Ports, all: &[Ports], store: &Path) -> String {
    let routes: Vec<_> = all.iter().map(|ports| format!("\"nats://127.0.0.1:{}\"", ports.routes)).collect();
    format!(
        "server_name: {name}\nlisten: \"127.0.0.1:{}\"\nhttp: \"127.0.0.1:{}\"\n\
         cluster {{ name: kefu, listen: \"127.0.0.1:{}\", routes: [{}] }}\n\
         jetstream {{ store_dir: {store:?}, sync_interval: always, max_memory_store: 4GB, max_file_store: 20GB }}\n",
        own.client,
        own.http,
        own.routes,
        routes.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_knows_all_routes() {
        let ports = |n| Ports { client: n, routes: n + 1, http: n + 2 };
        let text = configuration("nats-2", ports(20), &[ports(10), ports(20)], Path::new("/x"));
        assert!(text.contains("server_name: nats-2") && text.contains("listen: \"127.0.0.1:20\""), "{text}");
        assert!(text.contains("routes: [\"nats://127.0.0.1:11\", \"nats://127.0.0.1:21\"]"), "{text}");
    }
}
