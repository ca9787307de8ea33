//! Whether there is what a query asks for.

use std::collections::BTreeSet;

use super::exposition::{Families, Family};
use super::promql::{Query, Selector};
use super::unseen::UNSEEN;

/// What Prometheus adds to everything that it collects.
const ADDED: [&str; 2] = ["job", "instance"];
/// Which series a histogram has.
const SUFFIXES: [&str; 3] = ["_bucket", "_sum", "_count"];

/// A query, and who asks.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) by: String,
    pub(super) query: Query,
}

/// All metrics that there are.
pub(super) struct Known(Families);

impl Known {
    /// What a process told.
    pub(super) fn new(families: Families) -> Self {
        Self(families)
    }

    /// And what it could not have told.
    pub(super) fn add_unseen(&mut self) {
        for unseen in UNSEEN {
            let family = self.0.0.entry(unseen.name.to_owned()).or_default();
            family.labels.extend(unseen.labels.iter().map(|label| (*label).to_owned()));
        }
    }

    /// And what rules record, with the labels that they group by.
    pub(super) fn add_recorded(&mut self, recorded: &[(&str, Query)]) {
        for (name, query) in recorded {
            let labels = query.grouped.iter().filter(|label| *label != "le").cloned().collect();
            self.0.0.insert((*name).to_owned(), Family { histogram: false, labels });
        }
    }

    /// What a query asks for and is not there.
    pub(super) fn missing(&self, asked: &Asked) -> Vec<String> {
        let Asked { by, query } = asked;
        let mut faults = Vec::new();
        let mut labels: BTreeSet<_> = ADDED.into_iter().map(str::to_owned).collect();
        for Selector { metric, labels: compared } in &query.selectors {
            let Some(has) = self.labels_of(metric) else {
                faults.push(format!("{by}: there is no metric {metric:?}"));
                continue;
            };
            let strange = compared.iter().filter(|label| !has.contains(*label) && !ADDED.contains(&label.as_str()));
            faults.extend(strange.map(|label| format!("{by}: {metric} has no label {label}")));
            labels.extend(has);
        }
        if faults.is_empty() {
            let strange = query.grouped.difference(&labels);
            faults.extend(strange.map(|label| format!("{by}: no metric of the query has a label {label}")));
        }
        faults
    }

    /// The labels of a series, if there is such a one.
    fn labels_of(&self, series: &str) -> Option<BTreeSet<String>> {
        if let Some(family) = self.0.0.get(series) {
            return (!family.histogram).then(|| family.labels.clone());
        }
        let (name, suffix) = SUFFIXES.iter().find_map(|suffix| Some((series.strip_suffix(suffix)?, *suffix)))?;
        let family = self.0.0.get(name).filter(|family| family.histogram)?;
        let bucket = (suffix == "_bucket").then(|| "le".to_owned());
        Some(family.labels.iter().cloned().chain(bucket).collect())
    }
}
