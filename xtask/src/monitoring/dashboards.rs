//! Dashboards of Grafana.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::known::Asked;
use super::promql::Query;

/// Grafana 12 and newer read this without migrating it.
const SCHEMA_VERSION: u32 = 41;
/// Whoever imports a dashboard chooses Prometheus by this variable.
const DATASOURCE: &str = "${datasource}";

/// A dashboard, as far as it is looked at.
#[derive(Debug)]
pub(super) struct Dashboard {
    file: String,
    content: Content,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    uid: String,
    title: String,
    schema_version: u32,
    templating: Templating,
    panels: Vec<Panel>,
}

#[derive(Debug, Deserialize)]
struct Templating {
    list: Vec<Variable>,
}

#[derive(Debug, Deserialize)]
struct Variable {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    definition: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Panel {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    field_config: FieldConfig,
    #[serde(default)]
    targets: Vec<Target>,
}

#[derive(Debug, Default, Deserialize)]
struct FieldConfig {
    defaults: Defaults,
}

#[derive(Debug, Default, Deserialize)]
struct Defaults {
    unit: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Target {
    expr: String,
    datasource: Datasource,
}

#[derive(Debug, Deserialize)]
struct Datasource {
    uid: String,
}

impl Dashboard {
    /// Reads one.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self> {
        let content = serde_json::from_str(text).with_context(|| format!("cannot understand {}", path.display()))?;
        let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { file, content })
    }

    /// What its panels ask Prometheus.
    pub(super) fn queries(&self) -> impl Iterator<Item = &str> {
        self.content.panels.iter().flat_map(|panel| &panel.targets).map(|target| target.expr.as_str())
    }

    /// What its panels and its variables ask for.
    pub(super) fn asked(&self) -> Vec<Asked> {
        let panels =
            self.content.panels.iter().flat_map(|panel| {
                panel.targets.iter().map(|target| (panel.title.as_str(), Query::parse(&target.expr)))
            });
        let variables = self.content.templating.list.iter();
        let variables = variables.filter_map(|variable| Some((variable.name.as_str(), variable.query()?)));
        panels.chain(variables).map(|(what, query)| Asked { by: format!("{}, {what:?}", self.file), query }).collect()
    }

    fn faults(&self) -> Vec<String> {
        let Content { uid, title, schema_version, templating, panels } = &self.content;
        let mut faults = Vec::new();
        if *uid != self.file || title.is_empty() {
            faults.push("its uid is not its file's name, or it has no title".to_owned());
        }
        if *schema_version != SCHEMA_VERSION {
            faults.push(format!("its schema version is {schema_version}, not {SCHEMA_VERSION}"));
        }
        let is_datasource = |variable: &Variable| variable.kind == "datasource" && variable.name == "datasource";
        if !templating.list.iter().any(is_datasource) {
            faults.push("it has no variable `datasource`".to_owned());
        }
        let unknown = templating.list.iter().filter(|variable| variable.kind == "query" && variable.query().is_none());
        faults.extend(unknown.map(|variable| format!("the variable {} is not label_values(…, …)", variable.name)));
        faults.extend(panels.iter().filter_map(Panel::fault));
        faults.into_iter().map(|fault| format!("{}: {fault}", self.file)).collect()
    }
}

/// What is wrong with dashboards apart from their queries.
pub(super) fn faults(dashboards: &[Dashboard]) -> Vec<String> {
    let mut faults: Vec<_> = dashboards.iter().flat_map(Dashboard::faults).collect();
    let uids: BTreeSet<_> = dashboards.iter().map(|dashboard| &dashboard.content.uid).collect();
    if uids.len() < dashboards.len() || dashboards.is_empty() {
        faults.push("two dashboards have one uid, or there is none".to_owned());
    }
    faults
}

impl Variable {
    /// The query of a variable that lists a label's values.
    fn query(&self) -> Option<Query> {
        let (selector, label) = self.definition.strip_prefix("label_values(")?.strip_suffix(')')?.rsplit_once(',')?;
        let mut query = Query::parse(selector);
        query.grouped.insert(label.trim().to_owned());
        Some(query)
    }
}

impl Panel {
    fn fault(&self) -> Option<String> {
        let title = &self.title;
        if title.is_empty() {
            return Some("a panel has no title".to_owned());
        }
        if self.kind == "row" {
            return None;
        }
        if self.description.is_empty() || self.field_config.defaults.unit.is_none() {
            return Some(format!("the panel {title:?} has no description or no unit"));
        }
        let elsewhere = self.targets.iter().any(|target| target.datasource.uid != DATASOURCE);
        (elsewhere || self.targets.is_empty()).then(|| format!("the panel {title:?} does not ask {DATASOURCE}"))
    }
}
