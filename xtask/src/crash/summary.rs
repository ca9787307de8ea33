//! What a round was like, in numbers.

use std::time::{Duration, Instant};

use super::journal::{Counts, SharedJournal};
use super::round::{Kill, Outcome};

/// The numbers of a round.
pub struct Summary {
    counts: Counts,
    pauses: Vec<Pause>,
}

/// What a kill meant to the clients.
struct Pause {
    ready_after: Duration,
    /// The longest time without a delivery around the kill, over all clients that saw something on both sides of it.
    longest: Duration,
}

impl Summary {
    /// Adds up.
    pub fn of(journals: &[SharedJournal], kills: &[Kill]) -> Self {
        let mut counts = Counts::default();
        journals.iter().for_each(|journal| counts.add(journal.lock().counts));
        let pauses =
            kills.iter().map(|kill| Pause { ready_after: kill.ready_after, longest: longest(journals, kill.at) });
        Self { counts, pauses: pauses.collect() }
    }
}

fn longest(journals: &[SharedJournal], kill: Instant) -> Duration {
    journals.iter().filter_map(|journal| pause(&journal.lock().deliveries, kill)).max().unwrap_or_default()
}

/// The time between the last delivery before a moment and the first after it.
fn pause(deliveries: &[Instant], kill: Instant) -> Option<Duration> {
    let after = deliveries.partition_point(|at| *at <= kill);
    let (before, next) = (deliveries.get(after.checked_sub(1)?)?, deliveries.get(after)?);
    Some(next.duration_since(*before))
}

/// Prints it.
pub fn print(outcome: &Outcome) {
    let Outcome { observations, summary } = outcome;
    let accepted = observations.commands.iter().filter(|command| command.accepted().is_some()).count();
    let answers: usize = observations.commands.iter().map(|command| command.answers.len()).sum();
    let entries: usize = observations.transcripts.iter().map(|transcript| transcript.entries.len()).sum();
    let rows: usize = observations.histories.iter().map(|history| history.entries.len()).sum();
    let counts = &summary.counts;
    println!("commands:  {} sent, {accepted} accepted, {answers} answers", observations.commands.len());
    println!(
        "sent again: {} unanswered, {} answered, {} not next",
        counts.resent, counts.asked_again, counts.renumbered
    );
    println!(
        "seen:      {entries} events in {} transcripts, {} came twice",
        observations.transcripts.len(),
        counts.repeats
    );
    println!("resumed:   {} connections, {} gaps, {} last pages", counts.connections, counts.gaps, counts.pages_loaded);
    println!("read:      {rows} items in {} histories", observations.histories.len());
    if counts.stalls > 0 {
        println!("stalls:    {} connections given up because a command had no answer", counts.stalls);
    }
    for (number, pause) in summary.pauses.iter().enumerate() {
        println!(
            "kill {:3}:  ready after {:4} ms, longest pause of a client's deliveries {:5} ms",
            number + 1,
            pause.ready_after.as_millis(),
            pause.longest.as_millis()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_spans_the_kill() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let deliveries = [at(10), at(20), at(300), at(310)];
        assert_eq!(pause(&deliveries, at(25)), Some(Duration::from_millis(280)));
        assert_eq!(pause(&deliveries, at(5)), None);
        assert_eq!(pause(&deliveries, at(400)), None);
    }
}
