//! Prometheus's own checks.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use tokio::process::Command;

use crate::process;

/// Stands for the time that Grafana puts into a query.
const INTERVAL: &str = "5m";

/// The program of Prometheus that checks configurations and tests rules.
pub(super) struct Promtool(PathBuf);

impl Promtool {
    /// The one at this path.
    pub(super) fn new(program: PathBuf) -> Self {
        Self(program)
    }

    /// A configuration, and the rules that it names.
    pub(super) async fn check_config(&self, file: &Path) -> Result<()> {
        self.run(&["check", "config", "--lint-fatal"], file).await
    }

    /// The tests of rules.
    pub(super) async fn test_rules(&self, file: &Path) -> Result<()> {
        self.run(&["test", "rules"], file).await
    }

    /// Whether Prometheus understands queries: as rules, since that is what it checks without a server.
    pub(super) async fn check_queries(&self, queries: impl Iterator<Item = &str>) -> Result<()> {
        let rule = |(number, query): (usize, &str)| json!({"record": format!("query:{number}"), "expr": query.replace("$__rate_interval", INTERVAL)});
        let rules: Vec<_> = queries.enumerate().map(rule).collect();
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let file = folder.path().join("dashboards.json");
        let text = json!({"groups": [{"name": "dashboards", "rules": rules}]}).to_string();
        std::fs::write(&file, text).context("cannot write the queries of dashboards")?;
        self.run(&["check", "rules"], &file).await
    }

    async fn run(&self, words: &[&str], file: &Path) -> Result<()> {
        let mut command = Command::new(&self.0);
        command.args(words).arg(file);
        process::run(command).await
    }
}
