//! The store of a cluster: ScyllaDB or Apache Cassandra, by the CQL that both have.
//!
//! Rows of the log are written with their stamp as the time of the write (`USING TIMESTAMP`), so "the newer stamp wins" is
//! the database's own rule, cell by cell, and nothing is read before it is written but where a list has to let go of an
//! old entry. Requests are prepared, token-aware, idempotent and go to a quorum of the local datacenter. Partitions are
//! bounded by buckets ([`buckets`]); batches are unlogged and hold rows of one partition of one table ([`batches`]).
//!
//! Conditional writes are used in the tables `deployment`, `usernames`, `users` and `schema_lock` only, and rows of these
//! have no other writes.

mod batches;
mod buckets;
mod client;
mod config;
mod connect;
mod customers;
mod directory;
mod errors;
mod expiry;
mod history;
mod list_buckets;
mod lists;
mod log_rows;
mod log_store;
mod logins;
mod members;
mod newest;
mod report;
mod schema;
mod session_lists;
mod sessions;
mod statements;
mod users;
mod values;

use async_trait::async_trait;

use crate::Store;
use crate::error::StoreError;
use client::Client;
use statements::statements;

pub use config::{CqlConfig, Credentials, Replication};

statements! {
    VERSION = "SELECT version FROM schema_versions WHERE part = 0 ORDER BY version DESC LIMIT 1";
}

/// Nodes of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CqlNodes {
    /// With a connection that is open.
    pub connected: usize,
    /// That the cluster has, as far as it told, of all datacenters.
    pub known: usize,
}

/// The store in a ScyllaDB or Cassandra cluster.
#[derive(Debug)]
pub struct CqlStore {
    client: Client,
}

impl CqlStore {
    /// Connects, makes the keyspace if it is missing and may be made, and migrates it to this release's schema. Several
    /// processes may do so at once.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`]; [`StoreError::Unavailable`] when no node answers or another process migrates for too
    /// long; [`StoreError::Backend`] when the settings are wrong or rights are missing.
    pub async fn open(config: CqlConfig) -> Result<Self, StoreError> {
        let session = connect::connect(&config).await?;
        schema::migrate(&session, &config).await?;
        Ok(Self { client: Client::open(session, &config).await? })
    }

    /// How many of the cluster's nodes a connection is open to, for metrics; nothing is asked of them.
    #[must_use]
    pub fn nodes(&self) -> CqlNodes {
        let (connected, known) = self.client.nodes();
        CqlNodes { connected, known }
    }
}

#[async_trait]
impl Store for CqlStore {
    async fn ping(&self) -> Result<(), StoreError> {
        let _call = self.client.enter().await?;
        self.client.first::<(i32,)>(VERSION, ()).await?;
        Ok(())
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.client.close().await;
        Ok(())
    }
}
