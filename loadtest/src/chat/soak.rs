//! Whether memory stays what it is.

use crate::clock;
use crate::report::{Report, mib};

/// Growth over the second half that still counts as flat, as a share of its mean, or in bytes if that is more.
const FLAT_SHARE: f64 = 0.02;
const FLAT_BYTES: f64 = 4.0 * 1024.0 * 1024.0;
const HOUR_S: f64 = 3_600.0;

/// Resident memory over time.
#[derive(Debug, Default)]
pub struct Memory {
    /// Seconds, bytes.
    samples: Vec<(f64, f64)>,
}

/// A straight line through samples.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fit {
    per_second: f64,
    mean: f64,
    seconds: f64,
}

impl Memory {
    /// Takes a sample and prints it.
    pub fn take(&mut self, bytes: u64) {
        println!("  resident {}", mib(bytes));
        self.samples.push((clock::seconds(0, clock::now_ns()), bytes as f64));
    }

    /// Says whether it was flat, if samples were taken.
    pub fn report(&self, report: &mut Report) {
        if self.samples.is_empty() {
            return;
        }
        let Some(fit) = fit(&self.samples[self.samples.len() / 2..]) else {
            return report.number("memory", serde_json::json!({"samples": self.samples}), "too few samples to tell");
        };
        let (flat, per_hour) = (fit.is_flat(), fit.per_second * HOUR_S);
        let word = if flat { "flat" } else { "NOT flat" };
        let text = format!("{word}: {:+.1} MiB per hour in the second half", per_hour / 1024.0 / 1024.0);
        let json = serde_json::json!({"flat": flat, "bytes_per_hour": per_hour, "samples": self.samples});
        report.number("memory", json, text);
    }
}

impl Fit {
    fn is_flat(self) -> bool {
        self.per_second * self.seconds <= FLAT_BYTES.max(self.mean * FLAT_SHARE)
    }
}

/// Least squares; `None` for fewer than three samples, or all of one moment.
fn fit(samples: &[(f64, f64)]) -> Option<Fit> {
    let (first, last) = (samples.first()?.0, samples.last()?.0);
    if samples.len() < 3 || last <= first {
        return None;
    }
    let number = samples.len() as f64;
    let mean_x = samples.iter().map(|(x, _)| x).sum::<f64>() / number;
    let mean = samples.iter().map(|(_, y)| y).sum::<f64>() / number;
    let covariance: f64 = samples.iter().map(|(x, y)| (x - mean_x) * (y - mean)).sum();
    let variance: f64 = samples.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    Some(Fit { per_second: covariance / variance, mean, seconds: last - first })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: f64 = 1024.0 * 1024.0;

    fn samples(value: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (0..20).map(|index| f64::from(index) * 30.0).map(|at| (at, value(at))).collect()
    }

    #[test]
    fn the_line_is_found() {
        let found = fit(&samples(|at| 100.0 * MIB + 5_000.0 * at)).expect("samples");
        assert!((found.per_second - 5_000.0).abs() < 1e-3, "{found:?}");
        assert_eq!(found.seconds, 570.0);
    }

    #[test]
    fn a_leak_is_not_flat_and_noise_is() {
        let leak = fit(&samples(|at| 500.0 * MIB + at * 0.05 * MIB)).expect("samples");
        assert!(!leak.is_flat(), "28.5 MiB in 570 s");
        let noise = fit(&samples(|at| 500.0 * MIB + (at * 7.0).sin() * 3.0 * MIB)).expect("samples");
        assert!(noise.is_flat());
        let shrinking = fit(&samples(|at| 500.0 * MIB - at * MIB / 2.0)).expect("samples");
        assert!(shrinking.is_flat());
    }

    #[test]
    fn too_little_says_nothing() {
        assert_eq!(fit(&[]), None);
        assert_eq!(fit(&[(0.0, 1.0), (1.0, 1.0)]), None);
        assert_eq!(fit(&[(1.0, 1.0), (1.0, 1.0), (1.0, 1.0)]), None);
    }
}
