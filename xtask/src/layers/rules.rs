//! What may depend on what.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::graph::{Graph, Package};

/// The rules.
#[derive(Debug, Default)]
pub struct Rules {
    /// Crates that only some may name.
    pub bans: Vec<Ban>,
    /// Crates that may name only some.
    pub only: BTreeMap<String, Only>,
    pub licences: Licences,
}

/// Allowed licences (SPDX).
#[derive(Debug, Default, Deserialize)]
pub struct Licences {
    pub allow: Vec<String>,
    /// Allowed for one crate only.
    #[serde(default)]
    pub exceptions: Vec<Exception>,
}

/// More licences for one crate.
#[derive(Debug, Deserialize)]
pub struct Exception {
    #[serde(rename = "crate")]
    pub name: String,
    pub allow: Vec<String>,
}

/// Only the wrappers may depend on the crate directly.
#[derive(Debug, Deserialize)]
pub struct Ban {
    #[serde(rename = "crate")]
    pub name: String,
    #[serde(default)]
    pub wrappers: Vec<String>,
}

/// A crate may ship with these only.
#[derive(Debug, Deserialize)]
pub struct Only {
    pub dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct Deny {
    licenses: Licences,
    bans: Bans,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Deserialize)]
struct Layers {
    only: BTreeMap<String, Only>,
}

impl Rules {
    /// Reads deny.toml and xtask/layers.toml.
    pub fn read(root: &Path) -> Result<Self> {
        let deny: Deny = read_toml(&root.join("deny.toml"))?;
        let layers: Layers = read_toml(&root.join("xtask/layers.toml"))?;
        Ok(Self { bans: deny.bans.deny, only: layers.only, licences: deny.licenses })
    }

    /// What breaks them, in words.
    pub fn broken_by(&self, graph: &Graph) -> Vec<String> {
        graph.packages.iter().flat_map(|package| self.broken_in(package)).collect()
    }

    fn broken_in(&self, package: &Package) -> Vec<String> {
        let banned = self
            .bans
            .iter()
            .filter(|ban| package.dependencies.contains(&ban.name) && !ban.wrappers.contains(&package.name));
        let mut faults: Vec<_> = banned
            .map(|ban| {
                let allowed = if ban.wrappers.is_empty() { "nobody".to_owned() } else { ban.wrappers.join(", ") };
                format!("{} depends on {}: only {allowed} may (deny.toml)", package.name, ban.name)
            })
            .collect();
        if let Some(only) = self.only.get(&package.name) {
            let others = package.dependencies.iter().filter(|name| !only.dependencies.contains(name));
            faults.extend(
                others.map(|name| format!("{} depends on {name}: it may not (xtask/layers.toml)", package.name)),
            );
        }
        faults
    }
}

fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))
}
