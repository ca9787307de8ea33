//! The schema, in numbered migrations. A migration that was released is never changed.
//!
//! Several processes may start at once. Two things keep their changes apart. A lease in a table lets one of them migrate
//! while the others wait. And all of them send what changes the schema to the same node, the one with the smallest host
//! id that is up: a node makes its changes one after the other, so even the tables of the lease are made once.

mod lease;

use std::time::{Duration, Instant};

use scylla::client::session::Session;
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::serialize::row::SerializeRow;
use scylla::statement::unprepared::Statement;

use super::client::rows_of;
use super::config::{CqlConfig, Replication};
use crate::error::StoreError;
use lease::Lease;

const MIGRATIONS: &[&str] = &[include_str!("schema/0001_initial.cql"), include_str!("schema/0002_shorter_grace.cql")];

/// The newest version of the schema that is known here.
#[expect(clippy::cast_possible_truncation, reason = "a handful of migrations")]
const VERSION: u32 = MIGRATIONS.len() as u32;

/// How often migrating is tried when it runs out of time.
const ATTEMPTS: u32 = 3;
/// How long a change of the schema may take; clusters of many nodes are slower at it than at anything else. Less than the
/// lease, which is renewed before each.
const CHANGE_WITHIN: Duration = Duration::from_secs(30);
/// How long a keyspace that is listed may take until it can be used.
const VISIBLE_WITHIN: Duration = Duration::from_secs(5);
const VISIBLE_POLL: Duration = Duration::from_millis(100);

/// What migrating needs: `versions` is one partition so that its newest row is one read.
const LEDGER: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS schema_versions (part int, version int, PRIMARY KEY (part, version))",
    "CREATE TABLE IF NOT EXISTS schema_lock (name text PRIMARY KEY, owner uuid)",
];

/// Makes the keyspace if it may, uses it, and brings its schema to [`VERSION`]. Every step can be repeated, so one that
/// runs out of time (a node has just died) is no end.
pub(super) async fn migrate(session: &Session, config: &CqlConfig) -> Result<(), StoreError> {
    check_name(&config.keyspace)?;
    for _ in 1..ATTEMPTS {
        match migrate_once(session, config).await {
            Err(StoreError::Timeout) => tokio::time::sleep(VISIBLE_POLL).await,
            result => return result,
        }
    }
    migrate_once(session, config).await
}

async fn migrate_once(session: &Session, config: &CqlConfig) -> Result<(), StoreError> {
    if !exists(session, &config.keyspace).await? {
        make_keyspace(session, config).await?;
    }
    use_keyspace(session, config).await?;
    // A table that another process is just making may be listed before it can be read.
    if has_ledger(session, &config.keyspace).await?
        && let Ok(found) = version(session).await
        && is_current(found)?
    {
        return Ok(());
    }
    for statement in LEDGER {
        change(session, statement).await?;
    }
    // The driver waits for agreement after a change; these tables may have been made by another process a moment ago.
    session.await_schema_agreement().await?;
    let lease = Lease::take(session, config.migration_wait).await?;
    let result = apply(session, &lease).await;
    lease.release().await;
    result
}

/// Applies what is missing. Another process may have done it before we got the lease.
async fn apply(session: &Session, lease: &Lease<'_>) -> Result<(), StoreError> {
    let found = version(session).await?;
    if is_current(found)? {
        return Ok(());
    }
    for (number, migration) in (1..).zip(MIGRATIONS).skip(found as usize) {
        for statement in statements(migration) {
            lease.renew().await?;
            change(session, &statement).await?;
        }
        let add = "INSERT INTO schema_versions (part, version) VALUES (0, ?)";
        run(session, add.into(), (number,)).await?;
        tracing::info!(version = number, "the schema was migrated");
    }
    Ok(())
}

/// Whether nothing is missing; a newer release's schema is refused.
fn is_current(found: u32) -> Result<bool, StoreError> {
    if found > VERSION {
        return Err(StoreError::NewerSchema { found, known: VERSION });
    }
    Ok(found == VERSION)
}

async fn version(session: &Session) -> Result<u32, StoreError> {
    let newest = "SELECT version FROM schema_versions WHERE part = 0 ORDER BY version DESC LIMIT 1";
    let rows = rows_of::<(i32,)>(session.query_unpaged(newest, ()).await?)?;
    rows.first().map_or(Ok(0), |(version,)| {
        u32::try_from(*version).map_err(|error| StoreError::corrupt("schema version", error))
    })
}

async fn exists(session: &Session, keyspace: &str) -> Result<bool, StoreError> {
    let known = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
    Ok(!rows_of::<(String,)>(run(session, known.into(), (keyspace,)).await?)?.is_empty())
}

async fn has_ledger(session: &Session, keyspace: &str) -> Result<bool, StoreError> {
    let known =
        "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'schema_versions'";
    Ok(!rows_of::<(String,)>(run(session, known.into(), (keyspace,)).await?)?.is_empty())
}

async fn make_keyspace(session: &Session, config: &CqlConfig) -> Result<(), StoreError> {
    if !config.create_keyspace {
        return Err(StoreError::Backend(format!(
            "there is no keyspace {}, and the settings forbid to make it",
            config.keyspace
        )));
    }
    let replication = replication(&config.replication)?;
    change(session, &format!("CREATE KEYSPACE IF NOT EXISTS {} WITH replication = {replication}", config.keyspace))
        .await
}

/// Uses the keyspace. One that another process is just making may be listed before it can be used.
async fn use_keyspace(session: &Session, config: &CqlConfig) -> Result<(), StoreError> {
    let started = Instant::now();
    loop {
        match session.use_keyspace(&config.keyspace, false).await {
            Err(_) if started.elapsed() < VISIBLE_WITHIN => tokio::time::sleep(VISIBLE_POLL).await,
            result => return Ok(result?),
        }
    }
}

/// Changes the schema and waits until all nodes that are up agree on it.
async fn change(session: &Session, cql: &str) -> Result<(), StoreError> {
    let mut statement = Statement::new(cql);
    let cluster = session.get_cluster_state();
    let node = cluster.get_nodes_info().iter().filter(|node| node.is_connected()).min_by_key(|node| node.host_id);
    if let Some(node) = node {
        let only = SingleTargetLoadBalancingPolicy::new(NodeIdentifier::HostId(node.host_id), None);
        statement.set_load_balancing_policy(Some(only));
    }
    statement.set_is_idempotent(true);
    statement.set_request_timeout(Some(CHANGE_WITHIN));
    run(session, statement, ()).await?;
    Ok(())
}

async fn run(
    session: &Session,
    statement: Statement,
    values: impl SerializeRow,
) -> Result<scylla::response::query_result::QueryResult, StoreError> {
    Ok(session.query_unpaged(statement, values).await?)
}

/// The statements of a migration, without comments.
fn statements(migration: &str) -> Vec<String> {
    let code: Vec<&str> = migration.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    code.join("\n").split(';').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

fn check_name(keyspace: &str) -> Result<(), StoreError> {
    let fits = (1..=48).contains(&keyspace.len())
        && keyspace.starts_with(|first: char| first.is_ascii_lowercase())
        && keyspace.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if fits { Ok(()) } else { Err(StoreError::Backend(format!("{keyspace:?} is no name for a keyspace"))) }
}

/// The replication as CQL writes it.
fn replication(replication: &Replication) -> Result<String, StoreError> {
    let pairs: Vec<String> = match replication {
        Replication::Simple { factor } => vec!["'SimpleStrategy'".into(), format!("'replication_factor': {factor}")],
        Replication::EveryDatacenter { factor } => {
            vec!["'NetworkTopologyStrategy'".into(), format!("'replication_factor': {factor}")]
        }
        Replication::Datacenters(factors) if factors.is_empty() => {
            return Err(StoreError::Backend("the replication names no datacenter".into()));
        }
        Replication::Datacenters(factors) => std::iter::once("'NetworkTopologyStrategy'".into())
            .chain(factors.iter().map(|(name, factor)| format!("'{}': {factor}", name.replace('\'', "''"))))
            .collect(),
    };
    Ok(format!("{{'class': {}}}", pairs.join(", ")))
}

#[cfg(test)]
mod tests;
