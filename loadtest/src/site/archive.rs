//! How far the archive is behind.

use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::json;

use super::Site;
use super::counters::Counters;
use crate::report::{Report, grouped};

const POLL: Duration = Duration::from_millis(50);
const SAY: Duration = Duration::from_secs(2);
/// An archive that takes nothing for so long is stuck.
const STUCK: Duration = Duration::from_secs(60);

/// Outcomes that the routers counted and the archivers did not write yet, from their own counters. These begin with the
/// process, so what they differ by while nothing happens is subtracted.
#[derive(Debug, Clone, Copy)]
pub struct Archive {
    at_rest: i64,
}

/// How the archive caught up.
#[derive(Debug, Clone, Copy)]
pub struct Drained {
    lag: u64,
    took: Duration,
    outcomes: u64,
}

impl Drained {
    /// How far it was behind, and how long and at which rate it caught up.
    pub fn report(self, report: &mut Report) {
        let (seconds, outcomes) = (self.took.as_secs_f64(), self.outcomes as f64);
        let rate = outcomes / seconds.max(0.001);
        report.number("archive lag", self.lag, format!("{} outcomes", grouped(self.lag as f64)));
        let json = json!({"seconds": seconds, "outcomes": self.outcomes, "per_second": rate});
        let text = format!("{seconds:.2} s for {}, {}/s", grouped(outcomes), grouped(rate));
        report.number("archive drained", json, text);
    }
}

impl Archive {
    /// To be called while nothing happens.
    pub async fn at_rest(site: &Site) -> anyhow::Result<Self> {
        let counters = site.counters().await?;
        Ok(Self { at_rest: counters.decided - counters.archived })
    }

    /// Outcomes that are not archived.
    pub async fn lag(self, site: &Site) -> anyhow::Result<u64> {
        Ok(self.behind(site.counters().await?))
    }

    /// Waits until nothing more is to `come` and all is archived. How far it was behind is as of the call.
    pub async fn drain(self, site: &Site, all_came: impl Fn() -> bool) -> anyhow::Result<Drained> {
        let (started, first) = (Instant::now(), site.counters().await?);
        let (mut last, mut moved_at, mut said_at) = (first, Instant::now(), Instant::now());
        while !all_came() || self.behind(last) > 0 {
            tokio::time::sleep(POLL).await;
            let now = site.counters().await?;
            if now.archived != last.archived || !all_came() {
                moved_at = Instant::now();
            }
            if moved_at.elapsed() > STUCK {
                bail!("it has taken nothing for {} s; {} outcomes are missing", STUCK.as_secs(), self.behind(now));
            }
            last = now;
            if said_at.elapsed() > SAY {
                println!("  archive behind by {}", grouped(self.behind(now) as f64));
                said_at = Instant::now();
            }
        }
        let outcomes = (last.archived - first.archived).max(0).unsigned_abs();
        Ok(Drained { lag: self.behind(first), took: started.elapsed(), outcomes })
    }

    fn behind(self, counters: Counters) -> u64 {
        (counters.decided - counters.archived - self.at_rest).max(0).unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lag_is_counted_from_rest() {
        let archive = Archive { at_rest: -5 };
        assert_eq!(archive.behind(Counters { decided: 100, archived: 95 }), 10);
        assert_eq!(archive.behind(Counters { decided: 100, archived: 105 }), 0);
    }
}
