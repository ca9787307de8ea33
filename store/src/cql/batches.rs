//! Which rows travel together: pure, so that it can be tested without a database.

use std::collections::HashMap;
use std::hash::Hash;

/// Most statements of a batch.
pub(super) const BATCH_STATEMENTS: usize = 100;
/// Most bytes of a batch's values. Cassandra refuses batches beyond `batch_size_fail_threshold`, 50 KiB by default
/// (`conf/cassandra.yaml`), ScyllaDB beyond `batch_size_fail_threshold_in_kb`, 1 MiB (`db/config.cc`). Both spare batches
/// of one partition from it, but that is not written down as a promise; the rest of the 50 KiB is for keys and headers.
pub(super) const BATCH_BYTES: usize = 32 * 1024;

/// A row of a batch: its partition, about how many bytes its values have, the values.
pub(super) struct Placed<K, V> {
    pub(super) partition: K,
    pub(super) bytes: usize,
    pub(super) values: V,
}

/// Rows of one partition, cut into batches that are written one after the other.
pub(super) type Lane<V> = Vec<Vec<V>>;

/// Sorts rows by partition and cuts each partition's into batches within the limits. Their order within a partition
/// stays. A row that is larger than a batch may be is alone.
pub(super) fn lanes<K: Eq + Hash, V>(rows: impl IntoIterator<Item = Placed<K, V>>) -> Vec<Lane<V>> {
    let mut places: HashMap<K, usize> = HashMap::new();
    let mut lanes: Vec<(Lane<V>, usize)> = Vec::new();
    for row in rows {
        let index = *places.entry(row.partition).or_insert_with(|| {
            lanes.push((vec![Vec::new()], 0));
            lanes.len() - 1
        });
        let (lane, bytes) = &mut lanes[index];
        let fits =
            |batch: &Vec<V>| batch.is_empty() || (batch.len() < BATCH_STATEMENTS && *bytes + row.bytes <= BATCH_BYTES);
        match lane.last_mut().filter(|batch| fits(batch)) {
            Some(batch) => {
                batch.push(row.values);
                *bytes += row.bytes;
            }
            None => {
                lane.push(vec![row.values]);
                *bytes = row.bytes;
            }
        }
    }
    lanes.into_iter().map(|(lane, _)| lane).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn nothing_is_lost_or_reordered_and_limits_hold(
            rows in prop::collection::vec((0u8..4, 0usize..BATCH_BYTES * 5 / 4), 0..600),
        ) {
            let placed = rows.iter().enumerate().map(|(number, (partition, bytes))| {
                Placed { partition: *partition, bytes: *bytes, values: (*partition, number, *bytes) }
            });
            let lanes = lanes(placed);
            for lane in &lanes {
                for batch in lane {
                    let bytes: usize = batch.iter().map(|(_, _, bytes)| bytes).sum();
                    prop_assert!(!batch.is_empty() && batch.len() <= BATCH_STATEMENTS);
                    prop_assert!(bytes <= BATCH_BYTES || batch.len() == 1);
                }
                let flat: Vec<_> = lane.iter().flatten().collect();
                prop_assert!(flat.iter().all(|row| row.0 == flat[0].0));
                prop_assert!(flat.is_sorted_by(|one, two| one.1 < two.1));
            }
            let total: usize = lanes.iter().flatten().map(Vec::len).sum();
            prop_assert_eq!(total, rows.len());
        }
    }

    #[test]
    fn small_rows_fill_batches() {
        let placed = (0..250).map(|number| Placed { partition: (), bytes: 10, values: number });
        let sizes: Vec<usize> = lanes(placed).concat().iter().map(Vec::len).collect();
        assert_eq!(sizes, [100, 100, 50]);
    }
}
