//! The last minute of what a process counts: a ring of samples.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::buckets::Buckets;
use super::sample::{Sample, Series};

/// How often a sample is taken.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// How far the samples reach back.
const SPAN: Duration = Duration::from_secs(60);
/// Most samples that are kept: those of a whole span.
const MOST_SAMPLES: usize = (SPAN.as_secs() / SAMPLE_EVERY.as_secs() + 1) as usize;

/// The samples of the last minute.
#[derive(Debug, Default)]
pub struct Window {
    samples: VecDeque<Sample>,
}

impl Window {
    /// A new sample; what is older than the span goes, except for the one that the span begins with.
    pub fn add(&mut self, sample: Sample) {
        let begins_at_ms = sample.at_ms.saturating_sub(SPAN.as_millis() as u64);
        self.samples.push_back(sample);
        while self.samples.len() > MOST_SAMPLES || self.samples.get(1).is_some_and(|next| next.at_ms <= begins_at_ms) {
            self.samples.pop_front();
        }
    }

    /// From the first to the last sample, in milliseconds; 0 with fewer than two samples.
    #[must_use]
    pub fn span_ms(&self) -> u64 {
        self.ends().map_or(0, |(first, last)| last.at_ms.saturating_sub(first.at_ms))
    }

    /// Processor time in the window, in cores; none with fewer than two samples.
    #[must_use]
    pub fn cpu_cores(&self) -> Option<f64> {
        let (first, last) = self.ends()?;
        let used = last.cpu?.saturating_sub(first.cpu?);
        self.per_second(used.as_secs_f64())
    }

    /// How often each counter was counted in the window, a second; nothing with fewer than two samples. A counter that goes
    /// back began again from 0.
    #[must_use]
    pub fn rates(&self) -> BTreeMap<&str, f64> {
        let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
        for (before, after) in self.steps() {
            for (name, now) in &after.counts {
                let earlier = before.counts.get(name).filter(|earlier| *earlier <= now).unwrap_or(&0.0);
                *sums.entry(name).or_default() += now - earlier;
            }
        }
        sums.into_iter().filter_map(|(name, sum)| Some((name, self.per_second(sum)?))).collect()
    }

    /// What each histogram counted in the window; nothing with fewer than two samples. One that is new began at 0.
    #[must_use]
    pub fn timings(&self) -> BTreeMap<&Series, Buckets> {
        let mut sums: BTreeMap<&Series, Buckets> = BTreeMap::new();
        for (before, after) in self.steps() {
            for (series, now) in &after.timings {
                let more = before.timings.get(series).map_or_else(|| now.clone(), |earlier| now.since(earlier));
                sums.entry(series).or_default().add(&more);
            }
        }
        sums
    }

    /// An amount of the window, a second; none when no time has passed.
    #[must_use]
    pub fn per_second(&self, amount: f64) -> Option<f64> {
        let ms = self.span_ms();
        (ms > 0).then(|| amount * 1_000.0 / ms as f64)
    }

    fn ends(&self) -> Option<(&Sample, &Sample)> {
        (self.samples.len() > 1).then_some(())?;
        Some((self.samples.front()?, self.samples.back()?))
    }

    /// Each sample with the one after it.
    fn steps(&self) -> impl Iterator<Item = (&Sample, &Sample)> {
        self.samples.iter().zip(self.samples.iter().skip(1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series() -> Series {
        Series { name: "a_seconds".to_owned(), labels: Vec::new() }
    }

    /// A sample with one counter, one histogram of one bound, and as many tenths of a second of processor time.
    fn sample(at_ms: u64, count: u64) -> Sample {
        let buckets = Buckets { bounds_s: vec![1.0], cumulative: vec![count / 2], count };
        Sample {
            at_ms,
            cpu: Some(Duration::from_millis(count * 100)),
            timings: BTreeMap::from([(series(), buckets)]),
            counts: BTreeMap::from([("n_total".to_owned(), count as f64)]),
        }
    }

    fn window(samples: impl IntoIterator<Item = Sample>) -> Window {
        let mut window = Window::default();
        samples.into_iter().for_each(|sample| window.add(sample));
        window
    }

    #[test]
    fn fewer_than_two_samples_say_nothing() {
        for window in [Window::default(), window([sample(0, 7)]), window([sample(5, 7), sample(5, 9)])] {
            assert_eq!((window.span_ms(), window.cpu_cores()), (0, None));
            assert!(window.rates().is_empty());
        }
        assert!(Window::default().timings().is_empty() && window([sample(0, 7)]).timings().is_empty());
    }

    #[test]
    fn what_was_before_the_window_does_not_count() {
        let window = window((0..100).map(|n| sample(n * 5_000, n * 10)));
        assert_eq!(window.samples.len(), MOST_SAMPLES);
        assert_eq!(window.span_ms(), 60_000);
        assert_eq!(window.rates(), BTreeMap::from([("n_total", 2.0)]));
        assert_eq!(window.cpu_cores(), Some(0.2));
        assert_eq!(window.timings()[&series()], Buckets { bounds_s: vec![1.0], cumulative: vec![60], count: 120 });
    }

    #[test]
    fn samples_that_come_late_leave_the_window_at_its_length() {
        let window = window([sample(0, 1), sample(5_000, 2), sample(50_000, 3), sample(100_000, 5)]);
        assert_eq!(window.span_ms(), 95_000, "it begins with the last sample that is a minute old");
        assert_eq!(window.samples.len(), 3);
    }

    #[test]
    fn nothing_that_happened_is_a_rate_of_nothing() {
        let window = window([sample(0, 3), sample(5_000, 3)]);
        assert_eq!((window.cpu_cores(), window.rates()["n_total"]), (Some(0.0), 0.0));
        assert_eq!(window.timings()[&series()].count, 0);
    }

    #[test]
    fn what_is_new_began_at_nothing() {
        let window = window([Sample::default(), sample(10_000, 20)]);
        assert_eq!(window.rates()["n_total"], 2.0);
        assert_eq!(window.timings()[&series()].count, 20);
        assert_eq!(window.cpu_cores(), None, "processor time was not known before");
    }

    #[test]
    fn a_counter_that_goes_back_began_again() {
        let window = window([sample(0, 100), sample(5_000, 104), sample(10_000, 6)]);
        assert_eq!(window.rates()["n_total"], 1.0);
        assert_eq!(window.timings()[&series()].count, 10);
    }

    proptest! {
        #[test]
        fn a_window_has_what_happened_in_it(steps in proptest::collection::vec((1_u64..30_000, 0_u64..1_000), 1..60)) {
            let mut samples = vec![sample(0, 0)];
            for (ms, more) in steps {
                let last = &samples[samples.len() - 1];
                samples.push(sample(last.at_ms + ms, last.timings[&series()].count + more));
            }
            let window = window(samples.clone());
            let kept = &samples[samples.len() - window.samples.len()..];
            let (first, last) = (&kept[0], &kept[kept.len() - 1]);
            prop_assert!(kept.len() >= 2 && kept.len() <= MOST_SAMPLES);
            prop_assert!(kept[1].at_ms + 60_000 > last.at_ms, "only the first one may be older than the span");
            let counted = last.timings[&series()].count - first.timings[&series()].count;
            prop_assert_eq!(window.timings()[&series()].count, counted);
            let seconds = (last.at_ms - first.at_ms) as f64 / 1_000.0;
            prop_assert!((window.rates()["n_total"] * seconds - counted as f64).abs() < 1e-6);
        }

        #[test]
        fn whatever_is_counted_nothing_is_below_nothing(counts in proptest::collection::vec(0_u64..1_000, 2..30)) {
            let window = window((0..).zip(&counts).map(|(n, count)| sample(n * 5_000, *count)));
            prop_assert!(window.rates()["n_total"] >= 0.0 && window.cpu_cores().unwrap() >= 0.0);
            prop_assert!(window.timings()[&series()].count <= counts.iter().sum());
        }
    }
}
