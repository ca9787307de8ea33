//! Reading a log in windows: what is done once for many records costs once, and a reader that sleeps meanwhile is not woken
//! for each of them.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::reader::{LogReader, ReadError, ReadRecord};

/// Records that are enough for a window, whatever is in them: a reader that is behind does not wait for more.
const RECORDS: usize = 256;

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

    fn is_enough(&self, outcomes: usize) -> bool {
        self.outcomes >= outcomes || self.records.len() >= RECORDS
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
        let begun = tokio::time::Instant::now();
        self.take_what_is_there(gather.outcomes).await?;
        while !self.gathered.is_enough(gather.outcomes) {
            let before = self.gathered.outcomes;
            let left = gather.at_most.saturating_sub(begun.elapsed());
            tokio::time::sleep(gather.wait(moment()).min(left)).await;
            self.take_what_is_there(gather.outcomes).await?;
            if self.gathered.outcomes - before < gather.busy || begun.elapsed() >= gather.at_most {
                break;
            }
        }
        Ok(std::mem::take(&mut self.gathered).records)
    }

    async fn take_what_is_there(&mut self, enough: usize) -> Result<(), ReadError> {
        while !self.gathered.is_enough(enough)
            && let Some(record) = self.next_known().await?
        {
            self.gathered.push(record);
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
