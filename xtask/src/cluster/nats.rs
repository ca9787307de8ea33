//! Three NATS servers as one.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::service::{Recipe, Service};
use kefu_ports::free_port;

const SERVERS: usize = 3;
/// A leader is chosen within this.
const LEADER_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(100);

/// The servers of a NATS cluster with JetStream, every write synced.
pub struct NatsCluster {
    /// Each of them.
    pub servers: Vec<Service>,
    urls: Vec<String>,
    client: reqwest::Client,
    /// Where each tells how it is.
    monitoring: Vec<String>,
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
        let monitoring = ports.iter().map(|ports| format!("http://127.0.0.1:{}", ports.http)).collect();
        let mut cluster = Self { servers, urls, client: reqwest::Client::new(), monitoring };
        cluster.until_ready().await?;
        Ok(cluster)
    }

    /// What clients connect to.
    pub fn url(&self) -> String {
        self.urls.join(",")
    }

    /// Waits until every server says that it and its streams are well.
    pub async fn until_ready(&mut self) -> Result<()> {
        for (server, monitoring) in self.servers.iter_mut().zip(&self.monitoring) {
            let (client, health) = (&self.client, format!("{monitoring}/healthz"));
            let is_well = async || client.get(&health).send().await.is_ok_and(|answer| answer.status().is_success());
            server.until_ready(is_well).await?;
        }
        Ok(())
    }

    /// For each of these streams the index of the server that leads it, once all of them have a leader.
    pub async fn leaders(&self, of: impl Fn(&str) -> bool) -> Result<Vec<usize>> {
        let began = Instant::now();
        while began.elapsed() < LEADER_LIMIT {
            for monitoring in &self.monitoring {
                let led = self.streams(monitoring).await.unwrap_or_default();
                let leaders: Option<Vec<_>> =
                    led.iter().filter(|(stream, _)| of(stream)).map(|(_, leader)| self.index(leader)).collect();
                if let Some(leaders) = leaders.filter(|leaders| !leaders.is_empty()) {
                    return Ok(leaders);
                }
            }
            tokio::time::sleep(POLL).await;
        }
        bail!("streams have no leader after {} s", LEADER_LIMIT.as_secs())
    }

    async fn streams(&self, monitoring: &str) -> Result<BTreeMap<String, String>> {
        let answer = self.client.get(format!("{monitoring}/jsz?streams=true")).send().await?;
        Ok(leaders_by_stream(&serde_json::from_slice(&answer.bytes().await?)?))
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.servers.iter().position(|server| server.name() == name)
    }
}

/// Who leads each stream, as a server's `/jsz` tells; nobody's name while there is no leader.
fn leaders_by_stream(jsz: &Value) -> BTreeMap<String, String> {
    let accounts = jsz["account_details"].as_array().into_iter().flatten();
    let streams = accounts.flat_map(|account| account["stream_detail"].as_array().into_iter().flatten());
    let leader = |stream: &Value| {
        let name = stream["name"].as_str()?.to_owned();
        Some((name, stream["cluster"]["leader"].as_str().unwrap_or_default().to_owned()))
    };
    streams.filter_map(leader).collect()
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
    fn a_server_tells_who_leads_each_stream() {
        let jsz = serde_json::json!({"account_details": [{"stream_detail": [
            {"name": "kefu_LOG-chat-0", "cluster": {"leader": "nats-2", "replicas": []}},
            {"name": "kefu_LOG-chat-1", "cluster": {"replicas": []}},
        ]}]});
        let leaders = leaders_by_stream(&jsz);
        assert_eq!(leaders.get("kefu_LOG-chat-0").map(String::as_str), Some("nats-2"));
        assert_eq!(leaders.get("kefu_LOG-chat-1").map(String::as_str), Some(""));
        assert!(leaders_by_stream(&Value::Null).is_empty());
    }

    #[test]
    fn each_server_knows_all_routes() {
        let ports = |n| Ports { client: n, routes: n + 1, http: n + 2 };
        let text = configuration("nats-2", ports(20), &[ports(10), ports(20)], Path::new("/x"));
        assert!(text.contains("server_name: nats-2") && text.contains("listen: \"127.0.0.1:20\""), "{text}");
        assert!(text.contains("routes: [\"nats://127.0.0.1:11\", \"nats://127.0.0.1:21\"]"), "{text}");
    }
}
