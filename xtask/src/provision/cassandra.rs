//! Apache Cassandra, out of the jars that Maven Central has of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tokio::process::Command;

use super::debian;
use crate::{process, workspace};

const VERSION: &str = "5.0.8";
const NO_JAVA: &str = "Cassandra 5 needs Java 17 (or 11); install the Debian package `openjdk-17-jre-headless`";
const NO_MAVEN: &str = "Cassandra's jars are fetched by Maven; install the Debian package `maven`";

/// What it takes to run it.
#[derive(Debug, Clone)]
pub struct Cassandra {
    /// The Java that runs it.
    pub java: PathBuf,
    /// The folder with its jars and those that it needs.
    pub lib: PathBuf,
}

impl Cassandra {
    /// The jar whose name begins so.
    pub fn jar(&self, prefix: &str) -> Result<PathBuf> {
        jar(&self.lib, prefix)
    }
}

/// Java and the jars; fetched if the cache does not have them.
pub async fn cassandra() -> Result<Cassandra> {
    let java = debian::program("java", "openjdk-17-jre-headless", NO_JAVA).await?;
    let dir = workspace::cache()?.join(format!("cassandra-{VERSION}"));
    let lib = dir.join("lib");
    if jar(&lib, "cassandra-all-").is_err() {
        fetch(&dir, &lib).await?;
    }
    Ok(Cassandra { java, lib })
}

async fn fetch(dir: &Path, lib: &Path) -> Result<()> {
    println!("fetching Cassandra {VERSION} into {}", dir.display());
    let maven = debian::program("mvn", "maven", NO_MAVEN).await?;
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let scratch = tempfile::tempdir_in(dir).context("cannot make a temporary folder in the cache")?;
    fs::write(scratch.path().join("pom.xml"), project()).context("cannot write the Maven project")?;
    let fresh = scratch.path().join("lib");
    let mut command = Command::new(maven);
    command.args(["--batch-mode", "--quiet", "dependency:copy-dependencies", "-DincludeScope=runtime"]);
    command.arg(format!("-DoutputDirectory={}", fresh.display())).current_dir(scratch.path());
    process::run(command).await.context("Cassandra's jars come from Maven Central")?;
    jar(&fresh, "cassandra-all-")?;
    if lib.exists() {
        fs::remove_dir_all(lib).with_context(|| format!("cannot clear {}", lib.display()))?;
    }
    fs::rename(&fresh, lib).context("cannot put Cassandra's jars into the cache")
}

/// A project that depends on Cassandra and nothing else.
fn project() -> String {
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">
  <modelVersion>4.0.0</modelVersion>
  <groupId>kefu</groupId>
  <artifactId>cassandra</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.cassandra</groupId>
      <artifactId>cassandra-all</artifactId>
      <version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"
    )
}

fn jar(lib: &Path, prefix: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(lib).with_context(|| format!("cannot read {}", lib.display()))?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)))
        .with_context(|| format!("{} holds no {prefix}*.jar", lib.display()))
}
