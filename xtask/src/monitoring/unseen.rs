//! Metrics that one process that works does not tell, and why. The sources are held against the list.

use std::path::Path;

use super::known::Asked;

/// A metric that cannot be seen here.
#[derive(Debug)]
pub(super) struct Unseen {
    pub(super) name: &'static str,
    pub(super) labels: &'static [&'static str],
    /// Where it is registered, and by which words of that file; none for what Prometheus makes by itself.
    registered: Option<(&'static str, &'static [&'static str])>,
}

/// All of them.
pub(super) const UNSEEN: &[Unseen] = &[
    // Prometheus makes it: whether a process answered.
    Unseen { name: "up", labels: &[], registered: None },
    // Prometheus makes it: what fires.
    Unseen { name: "ALERTS", labels: &["alertname", "alertstate", "severity"], registered: None },
    // Only with `cql.nodes`.
    Unseen {
        name: "kefu_store_nodes",
        labels: &[],
        registered: Some(("server/src/seam_metrics.rs", &["\"kefu_store_nodes\""])),
    },
    Unseen {
        name: "kefu_store_nodes_connected",
        labels: &[],
        registered: Some(("server/src/seam_metrics.rs", &["\"kefu_store_nodes_connected\""])),
    },
    // Logs are lost when something fails.
    Unseen {
        name: "kefu_owner_lost_total",
        labels: &["kind", "reason"],
        registered: Some((
            "nats/src/engine/metrics.rs",
            &["\"kefu_owner_{name}\"", "const_label(\"kind\"", "\"lost_total\"", "&[\"reason\"]"],
        )),
    },
];

/// Entries that nobody asks for, and those that the sources do not register.
pub(super) fn faults(asked: &[Asked], root: &Path) -> Vec<String> {
    UNSEEN.iter().filter_map(|unseen| unseen.fault(asked, root)).collect()
}

impl Unseen {
    fn fault(&self, asked: &[Asked], root: &Path) -> Option<String> {
        let name = self.name;
        let selectors = || asked.iter().flat_map(|asked| &asked.query.selectors);
        if !selectors().any(|selector| selector.metric == name) {
            return Some(format!("xtask/src/monitoring/unseen.rs: nobody asks for {name}"));
        }
        let (file, words) = self.registered?;
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        let gone = words.iter().find(|word| !text.contains(*word))?;
        Some(format!("xtask/src/monitoring/unseen.rs: {name} is not registered by {file}: it has no {gone}"))
    }
}
