//! Alerts and their tests.

mod runbook;

use std::collections::BTreeSet;

use serde::Deserialize;

use super::known::Asked;
use super::promql::Query;
use runbook::anchors;

const SEVERITIES: [&str; 2] = ["critical", "warning"];
/// Links to sections of the document begin so.
const RUNBOOK: &str = "docs/operations.md#";

/// A file of rules.
#[derive(Debug, Deserialize)]
pub(super) struct Rules {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Rule {
    Alert(Alert),
    Recorded { record: String, expr: String },
}

/// An alert.
#[derive(Debug, Deserialize)]
pub(super) struct Alert {
    alert: String,
    expr: String,
    #[serde(rename = "for")]
    lasting: Option<String>,
    #[serde(default)]
    labels: Labels,
    #[serde(default)]
    annotations: Annotations,
}

#[derive(Debug, Default, Deserialize)]
struct Labels {
    #[serde(default)]
    severity: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Annotations {
    summary: String,
    description: String,
    runbook: String,
}

/// A file of tests, as far as it is about alerts.
#[derive(Debug, Deserialize)]
pub(super) struct AlertTests {
    tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
struct Test {
    input_series: Vec<Series>,
    promql_expr_test: Vec<Expected>,
}

#[derive(Debug, Deserialize)]
struct Series {
    series: String,
}

#[derive(Debug, Deserialize)]
struct Expected {
    expr: String,
    exp_samples: Vec<Sample>,
}

#[derive(Debug, Deserialize)]
struct Sample {
    labels: String,
}

impl Rules {
    /// Its alerts.
    pub(super) fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.rules().filter_map(|rule| match rule {
            Rule::Alert(alert) => Some(alert),
            Rule::Recorded { .. } => None,
        })
    }

    /// What it records, by name.
    pub(super) fn recorded(&self) -> Vec<(&str, Query)> {
        let recorded = self.rules().filter_map(|rule| match rule {
            Rule::Recorded { record, expr } => Some((record.as_str(), Query::parse(expr))),
            Rule::Alert(_) => None,
        });
        recorded.collect()
    }

    /// What its rules ask for.
    pub(super) fn asked(&self) -> Vec<Asked> {
        let asked = |rule: &Rule| match rule {
            Rule::Alert(Alert { alert: by, expr, .. }) | Rule::Recorded { record: by, expr } => {
                Asked { by: by.clone(), query: Query::parse(expr) }
            }
        };
        self.rules().map(asked).collect()
    }

    /// Alerts that do not say what they should, or are not tested.
    pub(super) fn faults(&self, tests: &AlertTests, operations: &str) -> Vec<String> {
        let anchors = anchors(operations);
        let faults = |alert: &Alert| {
            let what = alert.lacks(&anchors).into_iter().chain(alert.untested(tests));
            what.map(|what| format!("{}: {what}", alert.alert)).collect::<Vec<_>>()
        };
        self.alerts().flat_map(faults).collect()
    }

    fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.groups.iter().flat_map(|group| &group.rules)
    }
}

impl Alert {
    fn lacks(&self, anchors: &BTreeSet<String>) -> Vec<String> {
        let Annotations { summary, description, runbook } = &self.annotations;
        let mut lacks = Vec::new();
        if self.lasting.is_none() {
            lacks.push("it says not for how long (`for`)".to_owned());
        }
        if !SEVERITIES.contains(&self.labels.severity.as_str()) {
            lacks.push(format!("its severity is none of {SEVERITIES:?}"));
        }
        if summary.is_empty() || description.is_empty() {
            lacks.push("it has no summary or no description".to_owned());
        }
        if !runbook.strip_prefix(RUNBOOK).is_some_and(|anchor| anchors.contains(anchor)) {
            lacks.push(format!("its runbook {runbook:?} is no section of docs/operations.md"));
        }
        lacks
    }

    /// It needs series under which it fires, and series of the same metrics under which it does not.
    fn untested(&self, tests: &AlertTests) -> Vec<String> {
        let about = format!("ALERTS{{alertname=\"{}\", alertstate=\"firing\"}}", self.alert);
        let own: Vec<_> = tests.tests.iter().filter_map(|test| Some((test, test.expected(&about)?))).collect();
        let Some((firing, expected)) = own.iter().find(|(_, expected)| !expected.exp_samples.is_empty()) else {
            return vec!["no test lets it fire".to_owned()];
        };
        let mut faults = Vec::new();
        let is_quiet = |test: &Test, expected: &Expected| {
            expected.exp_samples.is_empty() && test.metrics().is_superset(&firing.metrics())
        };
        if !own.iter().any(|(test, expected)| is_quiet(test, expected)) {
            faults.push("no test with the same metrics keeps it from firing".to_owned());
        }
        let told: Vec<_> = expected.exp_samples.iter().map(|sample| sample.labels.as_str()).collect();
        let empty = self.labels_in_text().into_iter().filter(|label| !told.iter().all(|told| has_label(told, label)));
        faults.extend(empty.map(|label| format!("its text names the label {label}, which it does not have")));
        faults
    }

    fn labels_in_text(&self) -> BTreeSet<String> {
        let texts = [&self.annotations.summary, &self.annotations.description];
        let behind = texts.into_iter().flat_map(|text| text.split("$labels.").skip(1));
        let name = |text: &str| text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        behind.map(name).collect()
    }
}

impl Test {
    fn expected(&self, about: &str) -> Option<&Expected> {
        self.promql_expr_test.iter().find(|expected| expected.expr == about)
    }

    fn metrics(&self) -> BTreeSet<&str> {
        self.input_series.iter().map(|series| series.series.split('{').next().unwrap_or_default()).collect()
    }
}

fn has_label(series: &str, label: &str) -> bool {
    Query::parse(series).selectors.iter().any(|selector| selector.labels.iter().any(|has| has == label))
}
