//! The processes of the deployment, as they last told of themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use kefu_nats::report::{Heard, ProcessReport, Reports};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::services::Services;

/// Most processes that are kept. Beyond, new ones are not, until another one is gone.
const MOST: usize = 1_000;
/// A process that was not heard for so long is gone, in milliseconds: four reports.
const SILENCE_MS: u64 = 20_000;

/// The last report of each process.
#[derive(Default)]
pub(crate) struct Processes {
    by_name: Mutex<BTreeMap<String, Known>>,
}

struct Known {
    report: Arc<ProcessReport>,
    /// When it was heard, by the steady clock.
    at_ms: u64,
}

impl Processes {
    /// Something was heard at a time of the steady clock.
    pub(crate) fn hear(&self, heard: Heard, now_ms: u64) {
        let mut by_name = self.by_name.lock();
        match heard {
            Heard::Gone(name) => {
                by_name.remove(&name);
            }
            Heard::Report(report) => {
                forget_silent(&mut by_name, now_ms);
                if by_name.len() < MOST || by_name.contains_key(&report.name) {
                    by_name.insert(report.name.clone(), Known { report: Arc::from(report), at_ms: now_ms });
                }
            }
        }
    }

    /// Those that are there at a time of the steady clock, by name.
    pub(crate) fn all(&self, now_ms: u64) -> Vec<Arc<ProcessReport>> {
        let mut by_name = self.by_name.lock();
        forget_silent(&mut by_name, now_ms);
        by_name.values().map(|known| Arc::clone(&known.report)).collect()
    }
}

fn forget_silent(by_name: &mut BTreeMap<String, Known>, now_ms: u64) {
    by_name.retain(|_, known| now_ms.saturating_sub(known.at_ms) < SILENCE_MS);
}

/// Listens until the edge has stopped.
pub(crate) async fn run(services: Arc<Services>, mut reports: Reports, stopped: CancellationToken) {
    while let Some(Some(heard)) = stopped.run_until_cancelled(reports.next()).await {
        services.processes.hear(heard, clock::steady_ms());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::process_report;

    fn names(processes: &Processes, now_ms: u64) -> Vec<String> {
        processes.all(now_ms).iter().map(|report| report.name.clone()).collect()
    }

    fn heard(name: &str) -> Heard {
        Heard::Report(Box::new(process_report(name)))
    }

    #[test]
    fn a_process_is_there_until_it_says_goodbye_or_nothing() {
        let processes = Processes::default();
        processes.hear(heard("b"), 1_000);
        processes.hear(heard("a"), 6_000);
        assert_eq!(names(&processes, 20_999), ["a", "b"]);
        assert_eq!(names(&processes, 21_000), ["a"], "b was not heard for 20 seconds");
        processes.hear(heard("b"), 21_000);
        assert_eq!(names(&processes, 21_000), ["a", "b"]);
        processes.hear(Heard::Gone("a".to_owned()), 21_001);
        processes.hear(Heard::Gone("unknown".to_owned()), 21_001);
        assert_eq!(names(&processes, 21_001), ["b"]);
    }

    #[test]
    fn the_last_report_counts() {
        let processes = Processes::default();
        processes.hear(heard("a"), 0);
        processes.hear(Heard::Report(Box::new(ProcessReport { uptime_s: 99, ..process_report("a") })), 5_000);
        let all = processes.all(24_999);
        assert_eq!((all.len(), all[0].uptime_s), (1, 99));
    }

    #[test]
    fn so_many_are_kept_and_no_more() {
        let processes = Processes::default();
        for n in 0..MOST {
            processes.hear(heard(&format!("p{n:04}")), 0);
        }
        processes.hear(heard("p9999"), 1);
        assert_eq!(processes.all(1).len(), MOST);
        assert!(!names(&processes, 1).contains(&"p9999".to_owned()));
        // Who is known is heard, and who is gone makes room.
        processes.hear(heard("p0000"), 19_000);
        processes.hear(heard("p9999"), 20_000);
        assert_eq!(names(&processes, 20_000), ["p0000", "p9999"]);
    }
}
