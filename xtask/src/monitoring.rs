//! What is shipped to watch Kefu with (deploy/): Prometheus understands it, each alert fires when it should and not
//! otherwise, and Kefu has every metric and label that a rule or a dashboard names.

mod dashboards;
mod exposition;
mod known;
mod promql;
mod promtool;
mod rules;
#[cfg(test)]
mod tests;
mod traffic;
mod unseen;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::crash::Kefu;
use crate::{provision, workspace};
use dashboards::Dashboard;
use exposition::Families;
use kefu_ports::free_port;
use known::{Asked, Known};
use promtool::Promtool;
use rules::{AlertTests, Rules};

/// Gauges are told every few seconds.
const SHOWN_LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(500);

/// Checks the configuration, the rules with their tests, and the dashboards.
pub async fn run() -> Result<()> {
    let promtool = Promtool::new(provision::promtool().await?);
    let prometheus = workspace::deploy().join("prometheus");
    promtool.check_config(&prometheus.join("prometheus.yml")).await?;
    promtool.test_rules(&prometheus.join("tests/kefu.test.yml")).await?;

    let rules: Rules = read_yaml(&prometheus.join("rules/kefu.yml"))?;
    let tests: AlertTests = read_yaml(&prometheus.join("tests/kefu.test.yml"))?;
    let operations = read(&workspace::root().join("docs/operations.md"))?;
    let dashboards = read_dashboards(&workspace::deploy().join("grafana/dashboards"))?;
    promtool.check_queries(dashboards.iter().flat_map(Dashboard::queries)).await?;

    let mut faults = rules.faults(&tests, &operations);
    faults.extend(dashboards::faults(&dashboards));
    let mut asked = rules.asked();
    asked.extend(dashboards.iter().flat_map(Dashboard::asked));
    faults.extend(unseen::faults(&asked, workspace::root()));
    faults.extend(not_there(&asked, &rules).await?);
    if faults.is_empty() {
        println!("{} alerts and {} dashboards ask for what is there", rules.alerts().count(), dashboards.len());
        return Ok(());
    }
    bail!("{}", faults.join("\n"))
}

/// What is asked for and not there, once a process that was used had the time to tell everything.
async fn not_there(asked: &[Asked], rules: &Rules) -> Result<Vec<String>> {
    // With an address of Redis it tells of Redis; nobody has to listen there.
    let redis = format!("redis://127.0.0.1:{}", free_port()?);
    let kefu = Kefu::start(&[("KEFU_REDIS__URL", &redis)]).await?;
    let traffic = traffic::make(&kefu).await;
    let traffic = traffic.with_context(|| format!("the end of kefu's log:\n{}\n", kefu.log_tail()))?;
    let began = Instant::now();
    loop {
        let mut known = Known::new(Families::parse(&scrape(&kefu).await?));
        known.add_unseen();
        known.add_recorded(&rules.recorded());
        let faults: Vec<_> = asked.iter().flat_map(|asked| known.missing(asked)).collect();
        if faults.is_empty() || began.elapsed() > SHOWN_LIMIT {
            drop(traffic);
            return Ok(faults);
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn scrape(kefu: &Kefu) -> Result<String> {
    let url = format!("http://{}/metrics", kefu.address());
    let answer = async { reqwest::get(&url).await?.error_for_status()?.text().await };
    answer.await.with_context(|| format!("{url} does not answer"))
}

fn read_dashboards(folder: &Path) -> Result<Vec<Dashboard>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let dashboard = |path: &PathBuf| Dashboard::parse(path, &read(path)?);
    paths.iter().map(dashboard).collect()
}

fn read_yaml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    serde_saphyr::from_str(&read(path)?).with_context(|| format!("cannot understand {}", path.display()))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
