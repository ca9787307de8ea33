//! How far the archive is behind.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::json;

use super::Site;
use crate::report::{Report, grouped};

const POLL: Duration = Duration::from_millis(50);
const SAY: Duration = Duration::from_secs(2);
/// An archive that takes nothing for so long is stuck.
const STUCK: Duration = Duration::from_secs(60);

/// Outcomes that the routers counted and the archiver did not write yet, from the process's own counters. They begin
/// with the process, so what they differ by while nothing happens is subtracted.
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

/// The counters at a moment.
#[derive(Debug, Clone, Copy)]
struct Counters {
    decided: i64,
    archived: i64,
}

impl Archive {
    /// To be called while nothing happens.
    pub async fn at_rest(site: &Site) -> anyhow::Result<Self> {
        let counters = counters(site).await?;
        Ok(Self { at_rest: counters.decided - counters.archived })
    }

    /// Outcomes that are not archived.
    pub async fn lag(self, site: &Site) -> anyhow::Result<u64> {
        Ok(self.behind(counters(site).await?))
    }

    /// Waits until nothing more is to `come` and all is archived. How far it was behind is as of the call.
    pub async fn drain(self, site: &Site, all_came: impl Fn() -> bool) -> anyhow::Result<Drained> {
        let (started, first) = (Instant::now(), counters(site).await?);
        let (mut last, mut moved_at, mut said_at) = (first, Instant::now(), Instant::now());
        while !all_came() || self.behind(last) > 0 {
            tokio::time::sleep(POLL).await;
            let now = counters(site).await?;
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

async fn counters(site: &Site) -> anyhow::Result<Counters> {
    let text = site.rest().text("/metrics").await.context("/metrics does not answer")?;
    Ok(Counters {
        decided: sum(&text, "kefu_router_outcomes_total"),
        archived: sum(&text, "kefu_archiver_outcomes_total"),
    })
}

/// The sum of a metric over all its labels.
fn sum(text: &str, name: &str) -> i64 {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
        rest.rsplit_once(' ')?.1.parse::<f64>().ok()
    });
    values.sum::<f64>() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels_only() {
        let text = "# HELP kefu_x_total x\nkefu_x_total{verdict=\"changed\"} 7\nkefu_x_total{verdict=\"unchanged\"} 2\n\
                    kefu_x_total_more 100\nkefu_y 4\n";
        assert_eq!(sum(text, "kefu_x_total"), 9);
        assert_eq!(sum(text, "kefu_y"), 4);
        assert_eq!(sum(text, "kefu_z"), 0);
    }

    #[test]
    fn the_lag_is_counted_from_rest() {
        let archive = Archive { at_rest: -5 };
        assert_eq!(archive.behind(Counters { decided: 100, archived: 95 }), 10);
        assert_eq!(archive.behind(Counters { decided: 100, archived: 105 }), 0);
    }
}
