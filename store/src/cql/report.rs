//! Rollups.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _};
use kefu_model::{Partition, TenantId, UserId};
use scylla::DeserializeRow;

use super::batches::{Placed, lanes};
use super::buckets::{DAY_MS, ROLLUP_SHARDS, day, rollup_shard};
use super::client::Client;
use super::statements::statements;
use super::values::{at, int, limit, read_at, read_stamp, read_u64, read_user_id, write_time};
use super::{CqlStore, log_rows};
use crate::error::StoreError;
use crate::limits::ROLLUP_DAYS;
use crate::report::{Metric, ReportStore, RollupBatch, RollupQuery, RollupRow};

statements! {
    INSERT = "INSERT INTO rollups (tenant, day, shard, agent, bucket, metric, partition, value)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?";
    OF_ALL = "SELECT agent, bucket, metric, partition, value, WRITETIME(value) AS written FROM rollups
        WHERE tenant = ? AND day = ? AND shard = ? AND (agent, bucket, metric, partition) > (?, ?, ?, ?)
        LIMIT ?";
    OF_AGENT = "SELECT agent, bucket, metric, partition, value, WRITETIME(value) AS written FROM rollups
        WHERE tenant = ? AND day = ? AND shard = ? AND agent = ? AND (bucket, metric, partition) > (?, ?, ?)
        LIMIT ?";
}

/// Rows of one read.
const CHUNK: usize = 5_000;
/// Partitions read side by side.
const ABREAST: usize = 16;
/// About how many bytes a row has.
const ROW_BYTES: usize = 192;

#[async_trait]
impl ReportStore for CqlStore {
    async fn write_rollups(&self, batch: RollupBatch) -> Result<(), StoreError> {
        let _call = self.client.enter().await?;
        write(&self.client, &batch.rows).await?;
        match &batch.checkpoint {
            Some(checkpoint) => log_rows::checkpoint(&self.client, checkpoint).await,
            None => Ok(()),
        }
    }

    async fn rollups(&self, tenant: &TenantId, query: &RollupQuery) -> Result<Vec<RollupRow>, StoreError> {
        let days = query.to.millis_since(query.from) / DAY_MS;
        StoreError::check_limit("days", days, ROLLUP_DAYS)?;
        let _call = self.client.enter().await?;
        read(&self.client, tenant, query).await
    }
}

async fn write(client: &Client, rows: &[RollupRow]) -> Result<(), StoreError> {
    let placed = rows.iter().map(|row| {
        let (tenant, day, shard) = (row.tenant.as_str(), int(day(row.bucket.0)), rollup_shard(row.partition.0));
        let agent = row.agent.as_ref().map_or("", UserId::as_str);
        let key = (agent, at(row.bucket), row.metric.as_str(), i32::from(row.partition.0));
        let values = (tenant, day, shard, key.0, key.1, key.2, key.3, int(row.value), write_time(row.stamp));
        Placed { partition: (tenant, day, shard), bytes: ROW_BYTES, values }
    });
    client.write_lanes(INSERT, lanes(placed)).await
}

/// Values and newest stamps by (bucket, agent, metric).
type Sums = BTreeMap<(i64, String, String), (u64, i64)>;

async fn read(client: &Client, tenant: &TenantId, query: &RollupQuery) -> Result<Vec<RollupRow>, StoreError> {
    let days = day(query.from.0)..=day(query.to.0);
    let places = days.flat_map(|day| (0..ROLLUP_SHARDS).map(move |shard| (day, shard)));
    let reads: Vec<_> = places.map(|(day, shard)| read_shard(client, tenant, query, day, shard)).collect();
    let mut sums = Sums::new();
    let mut reads = futures::stream::iter(reads).buffer_unordered(ABREAST);
    while let Some(rows) = reads.try_next().await? {
        for row in rows {
            let sum = sums.entry((row.bucket, row.agent, row.metric)).or_default();
            sum.0 += read_u64(row.value)?;
            sum.1 = sum.1.max(row.written);
        }
    }
    sums.into_iter().map(|(key, sum)| rollup(tenant, key, sum)).collect()
}

fn rollup(
    tenant: &TenantId,
    (bucket, agent, metric): (i64, String, String),
    (value, written): (u64, i64),
) -> Result<RollupRow, StoreError> {
    Ok(RollupRow {
        tenant: tenant.clone(),
        partition: Partition(0),
        bucket: read_at(bucket)?,
        agent: if agent.is_empty() { None } else { Some(read_user_id(&agent)?) },
        metric: Metric::parse(&metric).ok_or_else(|| StoreError::corrupt("metric", &metric))?,
        value,
        stamp: read_stamp(written)?,
    })
}

#[derive(DeserializeRow)]
struct Row {
    agent: String,
    bucket: i64,
    metric: String,
    partition: i32,
    value: i64,
    written: i64,
}

/// The rows of one partition of the table that the query wants.
async fn read_shard(
    client: &Client,
    tenant: &TenantId,
    query: &RollupQuery,
    day: u64,
    shard: i16,
) -> Result<Vec<Row>, StoreError> {
    let (mut wanted, mut after) = (Vec::new(), None);
    let (from, to) = (at(query.from), at(query.to));
    loop {
        let rows = chunk(client, tenant, query.agent.as_ref(), (day, shard), after.take()).await?;
        if rows.len() == CHUNK {
            after = rows.last().map(|row| (row.agent.clone(), row.bucket, row.metric.clone(), row.partition));
        }
        wanted.extend(rows.into_iter().filter(|row| (from..to).contains(&row.bucket)));
        if after.is_none() {
            return Ok(wanted);
        }
    }
}

async fn chunk(
    client: &Client,
    tenant: &TenantId,
    agent: Option<&UserId>,
    (day, shard): (u64, i16),
    after: Option<(String, i64, String, i32)>,
) -> Result<Vec<Row>, StoreError> {
    let (last_agent, bucket, metric, partition) = after.unwrap_or((String::new(), i64::MIN, String::new(), 0));
    let (cql, agent) = match agent {
        None => (OF_ALL, last_agent.as_str()),
        Some(agent) => (OF_AGENT, agent.as_str()),
    };
    let values = (tenant.as_str(), int(day), shard, agent, bucket, metric.as_str(), partition, limit(CHUNK));
    client.rows(cql, values).await
}
