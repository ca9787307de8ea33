//! Writing as fast as the archive takes it.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::chat::{Hall, Load, WINDOW};
use crate::report::{Report, grouped};
use crate::site::{Archive, Site};

/// Outcomes by which the archive may be behind before the writers wait, and when they go on. The server itself refuses
/// new commands when a log is behind by 200,000 records.
const WAIT_ABOVE: u64 = 100_000;
const GO_ON_BELOW: u64 = 30_000;
const POLL: Duration = Duration::from_millis(200);
const PROGRESS: Duration = Duration::from_secs(2);
/// Nothing may be answered for so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every conversation gets `each` messages in all, and all are archived.
pub async fn fill(
    site: &Site,
    hall: &Rc<Hall>,
    archive: Archive,
    each: u32,
    report: &mut Report,
) -> anyhow::Result<()> {
    let all = u64::from(each) * hall.flows().len() as u64;
    let load = Load::Window { size: WINDOW, each: each.saturating_sub(1), until_ns: u64::MAX };
    let (started, mut said_at) = (Instant::now(), Instant::now());
    let (mut acked, mut moved_at, mut waits) = (0, Instant::now(), false);
    hall.begin(load);
    while hall.counts().acked.get() < all && hall.faults().total() == 0 {
        tokio::time::sleep(POLL).await;
        let lag = archive.lag(site).await?;
        if lag > WAIT_ABOVE && !waits {
            hall.quiet();
        } else if lag < GO_ON_BELOW && waits {
            hall.go_on(load);
        }
        waits = if waits { lag >= GO_ON_BELOW } else { lag > WAIT_ABOVE };
        if waits || hall.counts().acked.get() != acked {
            (acked, moved_at) = (hall.counts().acked.get(), Instant::now());
        }
        if moved_at.elapsed() > PATIENCE {
            hall.faults().add("not answered", || format!("{acked} of {all} messages, and no more"));
        }
        if said_at.elapsed() > PROGRESS {
            println!(
                "  {} of {}, archive behind by {}",
                grouped(acked as f64),
                grouped(all as f64),
                grouped(lag as f64)
            );
            said_at = Instant::now();
        }
    }
    let written = started.elapsed();
    let drained = archive.drain(site, || true).await?;
    let stored = started.elapsed();
    let rate = |took: Duration| acked_rate(hall, took);
    report.number(
        "filled",
        hall.counts().acked.get(),
        format!(
            "{} acked at {}/s, archived at {}/s",
            grouped(hall.counts().acked.get() as f64),
            grouped(rate(written)),
            grouped(rate(stored)),
        ),
    );
    drained.report(report);
    Ok(())
}

fn acked_rate(hall: &Hall, took: Duration) -> f64 {
    hall.counts().acked.get() as f64 / took.as_secs_f64()
}
