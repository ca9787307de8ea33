//! Rollups.

use async_trait::async_trait;
use kefu_model::{Partition, TenantId, UserId};
use rusqlite::{Connection, Row, params};

use super::values::{all, get, get_at, get_stamp, get_tenant, get_u64, int};
use super::{SqliteStore, log_rows};
use crate::error::StoreError;
use crate::limits::ROLLUP_DAYS;
use crate::report::{Metric, ReportStore, RollupBatch, RollupQuery, RollupRow};
use crate::rows::text_id;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

#[async_trait]
impl ReportStore for SqliteStore {
    async fn write_rollups(&self, batch: RollupBatch) -> Result<(), StoreError> {
        self.write(move |conn| {
            batch.rows.iter().try_for_each(|row| write(conn, row))?;
            batch.checkpoint.iter().try_for_each(|row| log_rows::checkpoint(conn, row))
        })
        .await
    }

    async fn rollups(&self, tenant: &TenantId, query: &RollupQuery) -> Result<Vec<RollupRow>, StoreError> {
        let days = query.to.millis_since(query.from) / DAY_MS;
        StoreError::check_limit("days", days, ROLLUP_DAYS)?;
        let (tenant, query) = (tenant.clone(), query.clone());
        self.read(move |conn| read(conn, &tenant, &query)).await
    }
}

fn write(conn: &Connection, row: &RollupRow) -> Result<(), StoreError> {
    conn.prepare_cached(
        "INSERT INTO rollups (tenant, day, partition, bucket, agent, metric, value, stamp)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET value = excluded.value, stamp = excluded.stamp WHERE excluded.stamp > stamp",
    )?
    .execute(params![
        row.tenant.as_str(),
        int(row.bucket.0 / DAY_MS),
        row.partition.0,
        int(row.bucket.0),
        row.agent.as_ref().map_or("", UserId::as_str),
        row.metric.as_str(),
        int(row.value),
        int(row.stamp.as_u64()),
    ])?;
    Ok(())
}

fn read(conn: &Connection, tenant: &TenantId, query: &RollupQuery) -> Result<Vec<RollupRow>, StoreError> {
    let sql = "SELECT tenant, bucket, agent, metric, SUM(value) AS value, MAX(stamp) AS stamp FROM rollups
               WHERE tenant = ?1 AND day BETWEEN ?2 AND ?3 AND bucket >= ?4 AND bucket < ?5
                   AND (?6 IS NULL OR agent = ?6)
               GROUP BY tenant, bucket, agent, metric ORDER BY bucket, agent, metric";
    let params = params![
        tenant.as_str(),
        int(query.from.0 / DAY_MS),
        int(query.to.0 / DAY_MS),
        int(query.from.0),
        int(query.to.0),
        query.agent.as_ref().map(UserId::as_str),
    ];
    all(conn, sql, params, rollup)
}

fn rollup(row: &Row<'_>) -> Result<RollupRow, StoreError> {
    let (agent, metric): (String, String) = (get(row, "agent")?, get(row, "metric")?);
    Ok(RollupRow {
        tenant: get_tenant(row)?,
        partition: Partition(0),
        bucket: get_at(row, "bucket")?,
        agent: if agent.is_empty() { None } else { Some(text_id("user id", UserId::new, &agent)?) },
        metric: Metric::parse(&metric).ok_or_else(|| StoreError::corrupt("metric", &metric))?,
        value: get_u64(row, "value")?,
        stamp: get_stamp(row)?,
    })
}
