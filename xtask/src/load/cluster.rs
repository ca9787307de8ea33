//! A load on a whole cluster.

use anyhow::{Context, Result};

use super::{Words, generator};
use crate::cluster::{Cluster, Plan, Process, Role};
use crate::process;
use crate::service::Service;
use crate::workspace;

/// The same limits that the generator raises for a process of its own, one setting a line.
const RAISED: &str = include_str!("../../../loadtest/raised.env");
/// Where the generator finds the admin's password.
const PASSWORD: &str = "KEFU_LOADTEST_ADMIN_PASSWORD";

/// Builds, starts the cluster, loads it through its balancer, and stops it. `KEFU_TEST_BIN` names another binary than the
/// one that is built.
pub async fn run(processes: usize, words: &Words) -> Result<()> {
    let binaries: &[_] =
        if std::env::var_os("KEFU_TEST_BIN").is_some() { &["kefu-loadtest"] } else { &["kefu", "kefu-loadtest"] };
    workspace::build(binaries).await?;
    let cluster = Cluster::start(&Plan::load(processes, raised())).await?;
    let mut load = generator();
    load.args(&words.passed_on).args(arguments(&cluster)?).env(PASSWORD, cluster.admin_password()?);
    if words.is_scenario("chat") {
        load.args(["--jetstream", &cluster.nats.url()]);
    }
    match process::run(load).await {
        Ok(()) => cluster.stop().await,
        Err(error) => {
            print_logs(&cluster);
            Err(error)
        }
    }
}

/// Limits that a load from one machine would meet. Those that the environment sets stay as they are.
fn raised() -> Vec<(String, String)> {
    let settings = RAISED.lines().filter_map(|line| line.split_once('='));
    let ours = settings.filter(|(name, _)| std::env::var_os(name).is_none());
    ours.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What the generator has to know of a cluster: where it is loaded, what is measured, and who counts outcomes.
fn arguments(cluster: &Cluster) -> Result<Vec<String>> {
    let mut arguments = vec!["--url".to_owned(), format!("http://{}", cluster.balancer.address())];
    for Process { role, port, service } in &cluster.processes {
        arguments.extend(["--process".to_owned(), named(service)?]);
        if matches!(role, Role::Router | Role::Archiver) {
            arguments.extend(["--metrics".to_owned(), format!("http://127.0.0.1:{port}")]);
        }
    }
    for server in cluster.servers() {
        arguments.extend(["--server".to_owned(), named(server)?]);
    }
    Ok(arguments)
}

fn named(service: &Service) -> Result<String> {
    let pid = service.pid().with_context(|| format!("{} does not run", service.name()))?;
    Ok(format!("{}={pid}", service.name()))
}

/// They go with the cluster.
fn print_logs(cluster: &Cluster) {
    for Process { service, .. } in &cluster.processes {
        eprintln!("the end of {}'s log:\n{}\n", service.name(), service.log_tail());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_setting() {
        let settings = raised();
        assert!(settings.iter().any(|(name, _)| name == "KEFU_LIMITS__VISITORS_PER_ADDRESS_MINUTE"), "{settings:?}");
        assert!(RAISED.lines().all(|line| line.starts_with("KEFU_LIMITS__") && line.contains('=')));
    }
}
