//! What `/metrics` says.

use std::collections::{BTreeMap, BTreeSet};

/// Metrics by name.
#[derive(Debug, Default)]
pub(super) struct Families(pub(super) BTreeMap<String, Family>);

/// A metric.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Family {
    /// Whether its series end in `_bucket`, `_sum` and `_count`.
    pub(super) histogram: bool,
    pub(super) labels: BTreeSet<String>,
}

impl Families {
    /// Reads Prometheus's text format. A vector without children is not in it.
    pub(super) fn parse(text: &str) -> Self {
        let mut families = BTreeMap::<String, Family>::new();
        let mut current = String::new();
        for line in text.lines() {
            if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
                name.clone_into(&mut current);
                families.insert(current.clone(), Family { histogram: kind == "histogram", ..Family::default() });
            } else if !line.starts_with('#')
                && let Some(family) = families.get_mut(&current)
            {
                family.labels.extend(labels(line));
            }
        }
        Self(families)
    }
}

/// The labels of a sample; their values hold neither commas in front of a name nor braces.
fn labels(sample: &str) -> impl Iterator<Item = String> {
    let inside = sample.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(inside, _)| inside);
    let names = inside.split("\",").filter_map(|pair| pair.split_once("=\"")).map(|(name, _)| name);
    names.filter(|name| *name != "le").map(str::to_owned)
}
