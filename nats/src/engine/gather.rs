//! Reading a log in windows: what is done once for many records costs once, and a reader that sleeps meanwhile is not woken
//! for each of them.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use futures::FutureExt as _;

use super::reader::{LogReader, ReadError, ReadRecord};

/// So many records that are there already are a window: a reader that is behind does not wait for more.
const BEHIND_RECORDS: usize = 256;

/// How much a reader takes at once.
#[derive(Debug, Clone, Copy)]
pub struct Gather {
    /// How often it looks for what has come. Readers of a process that look equally often do so at the same time, so what
    /// they write meets in the same transactions.
    pub every: Duration,
    /// A log that brought fewer outcomes than this between two looks is not waited for any longer.
    pub busy: usize,
    /// How long a busy log is gathered from.
    pub at_most: Duration,
    /// Outcomes that are enough.
    pub outcomes: usize,
}

impl Gather {
    /// Takes what has come at every look.
    #[must_use]
    pub fn every(every: Duration, outcomes: usize) -> Self {
        Self { every, busy: usize::MAX, at_most: every, outcomes }
    }

    /// How long it is from a moment until the next look.
    fn wait(&self, moment: Duration) -> Duration {
        let every = self.every.as_nanos().max(1);
        let passed = u64::try_from(moment.as_nanos() % every).unwrap_or_default();
        self.every.saturating_sub(Duration::from_nanos(passed))
    }
}

/// Since this process looked at its first log.
fn moment() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

/// Records, and how many outcomes they have.
#[derive(Default)]
pub(super) struct Window {
    records: Vec<ReadRecord>,
    outcomes: usize,
}

impl Window {
    fn push(&mut self, record: ReadRecord) {
        self.outcomes += record.outcomes.len();
        self.records.push(record);
    }
}

impl LogReader {
    /// The next records that count: waits for one, then takes what follows it. Cancel-safe: what a dropped call has taken is
    /// in the next window.
    ///
    /// # Errors
    /// All errors are final.
    pub async fn next_window(&mut self, gather: &Gather) -> Result<Vec<ReadRecord>, ReadError> {
        if self.gathered.records.is_empty() {
            let first = self.next().await?;
            self.gathered.push(first);
        }
        self.take_what_is_there(gather.outcomes)?;
        let begun = tokio::time::Instant::now();
        while self.gathered.outcomes < gather.outcomes && self.gathered.records.len() < BEHIND_RECORDS {
            let before = self.gathered.outcomes;
            tokio::time::sleep(gather.wait(moment())).await;
            self.take_what_is_there(gather.outcomes)?;
            if self.gathered.outcomes - before < gather.busy || begun.elapsed() >= gather.at_most {
                break;
            }
        }
        Ok(std::mem::take(&mut self.gathered).records)
    }

    fn take_what_is_there(&mut self, enough: usize) -> Result<(), ReadError> {
        while self.gathered.outcomes < enough
            && let Some(record) = tokio::task::unconstrained(self.next()).now_or_never()
        {
            self.gathered.push(record?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_are_at_multiples_of_their_distance() {
        let gather = Gather::every(Duration::from_millis(50), 1);
        let wait = |ms| gather.wait(Duration::from_millis(ms)).as_millis();
        assert_eq!([wait(0), wait(1), wait(49), wait(50), wait(1_020)], [50, 49, 1, 50, 30]);
    }
}
