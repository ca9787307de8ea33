//! Who depends on whom, as `cargo metadata` tells it.

use std::collections::HashMap;

use anyhow::{Context, Result};
use serde::Deserialize;

/// All packages that the workspace is made of.
#[derive(Debug, Default)]
pub struct Graph {
    pub packages: Vec<Package>,
}

/// A package and what it names in its manifest.
#[derive(Debug)]
pub struct Package {
    pub name: String,
    pub version: String,
    pub licence: Option<String>,
    /// Names of what it depends on directly, without what only its tests and benches need.
    pub dependencies: Vec<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct MetadataPackage {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

impl Graph {
    /// Reads the output of `cargo metadata --format-version 1`.
    pub fn parse(json: &str) -> Result<Self> {
        let metadata: Metadata = serde_json::from_str(json).context("cannot read the output of cargo metadata")?;
        let names: HashMap<_, _> = metadata.packages.iter().map(|package| (&*package.id, &*package.name)).collect();
        let nodes: HashMap<_, _> = metadata.resolve.nodes.iter().map(|node| (&*node.id, node)).collect();
        let packages = metadata.packages.iter().map(|package| {
            let deps = nodes.get(&*package.id).map_or(&[][..], |node| &node.deps);
            let name_of = |dep: &Dependency| names.get(&*dep.pkg).map(|name| (*name).to_owned());
            Package {
                name: package.name.clone(),
                version: package.version.clone(),
                licence: package.license.clone(),
                dependencies: deps.iter().filter(|dep| dep.is_shipped()).filter_map(name_of).collect(),
            }
        });
        Ok(Self { packages: packages.collect() })
    }
}

impl Dependency {
    fn is_shipped(&self) -> bool {
        self.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"))
    }
}
