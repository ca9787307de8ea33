//! Which buckets of a list there are, so that its reader need not try them all.

use std::ops::RangeInclusive;

use kefu_model::TenantId;

use super::client::Client;
use super::statements::statements;
use super::values::{int, limit, read_u64, write_time};
use crate::error::StoreError;
use crate::stamp::Stamp;

statements! {
    NOTE = "INSERT INTO list_buckets (tenant, kind, owner, bucket) VALUES (?, ?, ?, ?) USING TIMESTAMP ?";
    ASCENDING = "SELECT bucket FROM list_buckets WHERE tenant = ? AND kind = ? AND owner = ? AND bucket >= ?
        AND bucket <= ? ORDER BY bucket ASC LIMIT ?";
    DESCENDING = "SELECT bucket FROM list_buckets WHERE tenant = ? AND kind = ? AND owner = ? AND bucket >= ?
        AND bucket <= ? ORDER BY bucket DESC LIMIT ?";
}

/// Most buckets of a list that are read; by days that is longer than anybody keeps sessions.
const BUCKETS: usize = 20_000;

/// A list that is kept in buckets.
#[derive(Debug, Clone, Copy)]
pub(super) enum List<'a> {
    /// The tenant's sessions (empty) or an agent's.
    Sessions(&'a str),
    /// The tenant's customers.
    Customers,
}

impl<'a> List<'a> {
    fn key(self) -> (i8, &'a str) {
        match self {
            Self::Sessions(agent) => (1, agent),
            Self::Customers => (2, ""),
        }
    }
}

/// Says that there is a bucket; before the first row in it is written.
pub(super) async fn note(
    client: &Client,
    tenant: &TenantId,
    list: List<'_>,
    bucket: u64,
    stamp: Stamp,
) -> Result<(), StoreError> {
    let (kind, owner) = list.key();
    client.write(NOTE, (tenant.as_str(), kind, owner, int(bucket), write_time(stamp))).await
}

/// The buckets of a list, in the order in which it is read.
pub(super) async fn read(
    client: &Client,
    tenant: &TenantId,
    list: List<'_>,
    range: RangeInclusive<u64>,
    oldest_first: bool,
) -> Result<Vec<u64>, StoreError> {
    let cql = if oldest_first { ASCENDING } else { DESCENDING };
    let (kind, owner) = list.key();
    let values = (tenant.as_str(), kind, owner, int(*range.start()), int(*range.end()), limit(BUCKETS));
    let rows: Vec<(i64,)> = client.rows(cql, values).await?;
    rows.into_iter().map(|(bucket,)| read_u64(bucket)).collect()
}
