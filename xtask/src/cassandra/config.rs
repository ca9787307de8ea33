//! How Cassandra is configured and started.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::provision::Cassandra;

/// Where it listens, on loopback.
#[derive(Debug)]
pub struct Ports {
    /// Clients.
    pub cql: u16,
    /// Other nodes; there are none.
    pub storage: u16,
    /// Its own management.
    pub jmx: u16,
}

/// Packages of the Java runtime that it reaches into, of `java.base`.
const OPENED: &[&str] = &[
    "java.lang.module",
    "jdk.internal.loader",
    "jdk.internal.ref",
    "jdk.internal.reflect",
    "jdk.internal.math",
    "jdk.internal.module",
    "jdk.internal.util.jar",
    "sun.nio.ch",
    "java.io",
    "java.nio",
    "java.lang",
    "java.lang.reflect",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
];
/// The same of other modules.
const OPENED_ELSEWHERE: &[&str] = &["jdk.management/com.sun.management.internal", "jdk.compiler/com.sun.tools.javac"];
/// Packages that it uses though they are not public.
const EXPORTED: &[&str] = &[
    "java.base/jdk.internal.misc",
    "java.base/java.lang.ref",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.unsupported/sun.misc",
    "jdk.compiler/com.sun.tools.javac.file",
    "jdk.attach/sun.tools.attach",
];

/// Writes its configuration into a folder.
pub fn write(dir: &Path, ports: &Ports) -> Result<()> {
    let conf = dir.join("conf");
    fs::create_dir_all(&conf).context("cannot make a folder for Cassandra's configuration")?;
    fs::write(conf.join("cassandra.yaml"), yaml(dir, ports)).context("cannot write cassandra.yaml")?;
    fs::write(conf.join("logback.xml"), logback(dir)).context("cannot write logback.xml")
}

fn yaml(dir: &Path, ports: &Ports) -> String {
    let Ports { cql, storage, .. } = ports;
    let at = |name: &str| dir.join(name).display().to_string();
    format!(
        "cluster_name: kefu-test
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: \"127.0.0.1:{storage}\"}}]
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: {storage}
native_transport_port: {cql}
endpoint_snitch: SimpleSnitch
commitlog_sync: batch
memtable_allocation_type: heap_buffers
auto_snapshot: false
data_file_directories: [{}]
commitlog_directory: {}
hints_directory: {}
saved_caches_directory: {}
cdc_raw_directory: {}
",
        at("data"),
        at("commitlog"),
        at("hints"),
        at("caches"),
        at("cdc"),
    )
}

fn logback(dir: &Path) -> String {
    format!(
        "<configuration>
  <appender name=\"FILE\" class=\"ch.qos.logback.core.FileAppender\">
    <file>{}</file>
    <encoder><pattern>%-5level %date{{ISO8601}} %logger{{0}} %msg%n</pattern></encoder>
  </appender>
  <root level=\"INFO\"><appender-ref ref=\"FILE\"/></root>
</configuration>
",
        dir.join("log").display()
    )
}

/// Java's arguments: a small heap, the modules that Cassandra asks for, nothing that waits for other nodes.
pub fn arguments(cassandra: &Cassandra, dir: &Path, ports: &Ports) -> Result<Vec<OsString>> {
    let mut arguments: Vec<String> =
        ["-Xms512m", "-Xmx768m", "-XX:MaxDirectMemorySize=256m", "-XX:+UseG1GC", "-Djdk.attach.allowAttachSelf=true"]
            .map(str::to_owned)
            .into();
    arguments.push(format!("-javaagent:{}", cassandra.jar("jamm-")?.display()));
    arguments.extend(OPENED.iter().map(|package| format!("--add-opens=java.base/{package}=ALL-UNNAMED")));
    arguments.extend(OPENED_ELSEWHERE.iter().map(|package| format!("--add-opens={package}=ALL-UNNAMED")));
    arguments.extend(EXPORTED.iter().map(|package| format!("--add-exports={package}=ALL-UNNAMED")));
    arguments.push("-Dio.netty.tryReflectionSetAccessible=true".into());
    arguments.push("-Dcassandra-foreground=yes".into());
    let properties = [
        ("config", format!("file://{}", dir.join("conf/cassandra.yaml").display())),
        ("storagedir", dir.display().to_string()),
        ("logdir", dir.display().to_string()),
        ("jmx.local.port", ports.jmx.to_string()),
        ("libjemalloc", "-".into()),
        ("skip_wait_for_gossip_to_settle", "0".into()),
        ("ring_delay_ms", "1000".into()),
        ("superuser_setup_delay_ms", "0".into()),
    ];
    arguments.extend(properties.map(|(name, value)| format!("-Dcassandra.{name}={value}")));
    arguments.push("-cp".into());
    arguments.push(format!("{}:{}/*", dir.join("conf").display(), cassandra.lib.display()));
    arguments.push("org.apache.cassandra.service.CassandraDaemon".into());
    Ok(arguments.into_iter().map(OsString::from).collect())
}
