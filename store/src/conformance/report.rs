//! Rollups.

use kefu_model::{At, Partition};

use super::sample::{checkpoint, id, stamp, tenant};
use crate::{BUCKET_MS, LogReader, Metric, RollupBatch, RollupQuery, RollupRow, Store, StoreError};

/// Absolute numbers, summed over partitions; an older write never wins.
pub async fn rollups_are_absolute(store: &dyn Store) {
    let t = tenant("rollups");
    let day_ms = 24 * 60 * 60 * 1_000;
    let row = |partition: u16, bucket: u64, agent: Option<&str>, value: u64, position: u64| RollupRow {
        tenant: t.clone(),
        partition: Partition(partition),
        bucket: At(day_ms + bucket * BUCKET_MS),
        agent: agent.map(id),
        metric: Metric::AgentMessages,
        value,
        stamp: stamp(position),
    };
    let batches = [
        vec![row(0, 0, Some("a"), 1, 2), row(1, 0, Some("a"), 10, 2), row(0, 95, None, 7, 3)],
        vec![row(0, 0, Some("a"), 4, 5), row(0, 96, Some("a"), 100, 6)],
        vec![row(0, 0, Some("a"), 1, 2)],
    ];
    for (number, rows) in batches.into_iter().enumerate() {
        let mut saved = checkpoint(102, number as u64);
        saved.reader = LogReader::Reporter;
        store.write_rollups(RollupBatch { rows, checkpoint: Some(saved) }).await.expect("write");
    }
    let saved = store.checkpoint(LogReader::Reporter, Partition(102)).await.expect("read").expect("there");
    assert_eq!(saved.position, 2);
    let ask =
        |from: u64, to: u64, agent: Option<&str>| RollupQuery { from: At(from), to: At(to), agent: agent.map(id) };
    let values = |rows: Vec<RollupRow>| rows.into_iter().map(|row| row.value).collect::<Vec<_>>();
    let day = store.rollups(&t, &ask(day_ms, 2 * day_ms, None)).await.expect("read");
    assert_eq!(values(day), [14, 7]);
    let agents = store.rollups(&t, &ask(0, 3 * day_ms, Some("a"))).await.expect("read");
    assert_eq!(values(agents), [14, 100]);
    assert!(store.rollups(&tenant("rollups2"), &ask(0, 3 * day_ms, None)).await.expect("read").is_empty());
    let error = store.rollups(&t, &ask(0, 400 * day_ms, None)).await.expect_err("too long");
    assert!(matches!(error, StoreError::TooMany { .. }));
}
