//! Counts of a histogram, and what they say of the times behind them.

use kefu_nats::report::Quantile;

/// A histogram: how often something lasted no longer than each bound, and how often it happened.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Buckets {
    /// Upper bounds in seconds, ascending, without the infinite one.
    pub bounds_s: Vec<f64>,
    /// For each bound: how often it lasted no longer.
    pub cumulative: Vec<u64>,
    /// How often in all.
    pub count: u64,
}

impl Buckets {
    /// What was counted since an earlier look at the same histogram. If a count went back or the bounds are others, it began
    /// again meanwhile: then it is all that is there.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let went_back = |(now, before): (&u64, &u64)| now < before;
        let is_another = self.bounds_s != earlier.bounds_s
            || self.count < earlier.count
            || self.cumulative.iter().zip(&earlier.cumulative).any(went_back);
        if is_another {
            return self.clone();
        }
        Self {
            bounds_s: self.bounds_s.clone(),
            cumulative: self.cumulative.iter().zip(&earlier.cumulative).map(|(now, before)| now - before).collect(),
            count: self.count - earlier.count,
        }
    }

    /// Adds the counts of another one with the same bounds; of one with others nothing is added.
    pub fn add(&mut self, other: &Self) {
        if self.bounds_s.is_empty() && self.count == 0 {
            self.clone_from(other);
        } else if self.bounds_s == other.bounds_s {
            self.cumulative.iter_mut().zip(&other.cumulative).for_each(|(sum, more)| *sum += more);
            self.count += other.count;
        }
    }

    /// The time that a share `q` of what was counted (above 0, at most 1) did not exceed: linear within its bucket, the first
    /// one from 0 on, as `histogram_quantile` of PromQL has it (<https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile>,
    /// `BucketQuantile` in `promql/quantile.go`). Beyond the highest bound it is that bound, and says that it is at least
    /// that. None when nothing was counted, or there is no bound.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Quantile> {
        let highest = *self.bounds_s.last()?;
        if self.count == 0 {
            return None;
        }
        let rank = q * self.count as f64;
        let Some(at) = self.cumulative.iter().position(|count| *count as f64 >= rank) else {
            return Some(Quantile { ms: highest * 1_000.0, at_least: true });
        };
        let (from, below) = match at {
            0 => (0.0, 0),
            _ => (self.bounds_s[at - 1], self.cumulative[at - 1]),
        };
        let (to, within) = (self.bounds_s[at], self.cumulative[at] - below);
        let share = (rank - below as f64) / within as f64;
        Some(Quantile { ms: (from + (to - from) * share) * 1_000.0, at_least: false })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn buckets(bounds_s: &[f64], cumulative: &[u64], count: u64) -> Buckets {
        Buckets { bounds_s: bounds_s.to_vec(), cumulative: cumulative.to_vec(), count }
    }

    /// Counts in each bucket, and beyond the last one.
    fn counted() -> impl Strategy<Value = Buckets> {
        (proptest::collection::vec((1_u32..1_000, 0_u64..1_000), 0..8), 0_u64..1_000).prop_map(|(parts, beyond)| {
            let mut buckets = Buckets::default();
            for (width_ms, count) in parts {
                let from = buckets.bounds_s.last().copied().unwrap_or(0.0);
                buckets.bounds_s.push(from + f64::from(width_ms) / 1_000.0);
                buckets.count += count;
                buckets.cumulative.push(buckets.count);
            }
            buckets.count += beyond;
            buckets
        })
    }

    #[test]
    fn a_quantile_is_linear_within_its_bucket() {
        let of = |q, buckets: &Buckets| buckets.quantile(q).map(|quantile| (quantile.ms, quantile.at_least));
        // 10 up to 1 s, 10 more up to 2 s.
        let even = buckets(&[1.0, 2.0], &[10, 20], 20);
        assert_eq!(of(0.25, &even), Some((500.0, false)), "the first bucket begins at 0");
        assert_eq!(of(0.5, &even), Some((1_000.0, false)));
        assert_eq!(of(0.75, &even), Some((1_500.0, false)));
        assert_eq!(of(1.0, &even), Some((2_000.0, false)));
        // A bucket without a count is passed over.
        assert_eq!(of(0.75, &buckets(&[1.0, 2.0, 4.0], &[2, 2, 4], 4)), Some((3_000.0, false)));
    }

    #[test]
    fn beyond_the_highest_bound_it_is_at_least_that() {
        let late = buckets(&[1.0, 2.0], &[0, 1], 10);
        assert_eq!(late.quantile(0.5), Some(Quantile { ms: 2_000.0, at_least: true }));
        assert_eq!(late.quantile(0.1), Some(Quantile { ms: 2_000.0, at_least: false }));
        let one = buckets(&[0.5], &[1], 2);
        assert_eq!(one.quantile(0.5), Some(Quantile { ms: 500.0, at_least: false }));
        assert_eq!(one.quantile(0.99), Some(Quantile { ms: 500.0, at_least: true }));
    }

    #[test]
    fn of_nothing_there_is_no_quantile() {
        assert_eq!(buckets(&[1.0, 2.0], &[0, 0], 0).quantile(0.5), None);
        assert_eq!(buckets(&[], &[], 7).quantile(0.5), None, "no bound");
        assert_eq!(Buckets::default().quantile(0.5), None);
    }

    #[test]
    fn what_went_back_began_again() {
        let (before, after) = (buckets(&[1.0], &[5], 9), buckets(&[1.0], &[2], 3));
        assert_eq!(after.since(&before), after);
        assert_eq!(before.since(&after), buckets(&[1.0], &[3], 6));
        assert_eq!(buckets(&[1.0], &[4], 10).since(&before), buckets(&[1.0], &[4], 10), "one bucket alone");
        assert_eq!(buckets(&[2.0], &[5], 9).since(&before), buckets(&[2.0], &[5], 9), "other bounds");
    }

    proptest! {
        #[test]
        fn a_quantile_lies_in_the_bucket_of_its_rank(buckets in counted(), percent in 1_u32..=100) {
            let q = f64::from(percent) / 100.0;
            let Some(found) = buckets.quantile(q) else {
                prop_assert!(buckets.count == 0 || buckets.bounds_s.is_empty());
                return Ok(());
            };
            let rank = q * buckets.count as f64;
            let (mut from, mut below) = (0.0, 0);
            for (to, count) in buckets.bounds_s.iter().zip(&buckets.cumulative) {
                if *count as f64 >= rank {
                    prop_assert!(below as f64 <= rank && !found.at_least);
                    prop_assert!(found.ms >= from * 1_000.0 - 1e-6 && found.ms <= to * 1_000.0 + 1e-6);
                    return Ok(());
                }
                (from, below) = (*to, *count);
            }
            prop_assert_eq!(found, Quantile { ms: from * 1_000.0, at_least: true });
        }

        #[test]
        fn a_larger_share_takes_no_shorter(buckets in counted(), percent in 1_u32..100) {
            let of = |percent: u32| buckets.quantile(f64::from(percent) / 100.0).map(|quantile| quantile.ms);
            prop_assert!(of(percent) <= of(percent + 1).map(|ms| ms + 1e-6));
        }

        #[test]
        fn what_is_added_was_there_since(earlier in counted(), times in 0_u64..10) {
            let with = |factor: u64| Buckets {
                bounds_s: earlier.bounds_s.clone(),
                cumulative: earlier.cumulative.iter().map(|count| count * factor).collect(),
                count: earlier.count * factor,
            };
            let mut sum = earlier.clone();
            sum.add(&with(times));
            prop_assert_eq!(&sum, &with(times + 1));
            prop_assert_eq!(sum.since(&earlier), with(times));
        }
    }
}
