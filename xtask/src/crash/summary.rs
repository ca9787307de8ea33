//! What a round was like, in numbers.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::journal::{Counts, SharedJournal};
use super::round::{Kill, Outcome};
use super::target::Harm;

/// The numbers of a round.
pub struct Summary {
    counts: Counts,
    pauses: Vec<Pause>,
}

/// What a kill meant to the clients.
struct Pause {
    harm: Harm,
    ready_after: Duration,
    /// The longest time without a delivery that touches it, over all visitors that saw something on both sides.
    longest: Duration,
}

impl Summary {
    /// Adds up; pauses are those of visitors, who never stop writing.
    pub fn of(journals: &[SharedJournal], visitors: &[SharedJournal], kills: &[Kill]) -> Self {
        let mut counts = Counts::default();
        journals.iter().for_each(|journal| counts.add(journal.lock().counts));
        let pauses = kills.iter().map(|kill| Pause {
            harm: kill.harm,
            ready_after: kill.ready_after,
            longest: longest(visitors, kill.at, kill.at + kill.ready_after),
        });
        Self { counts, pauses: pauses.collect() }
    }
}

fn longest(journals: &[SharedJournal], from: Instant, until: Instant) -> Duration {
    journals.iter().map(|journal| pause(&journal.lock().deliveries, from, until)).max().unwrap_or_default()
}

/// The longest time between two deliveries that touches a stretch of time.
fn pause(deliveries: &[Instant], from: Instant, until: Instant) -> Duration {
    let touching = deliveries.windows(2).filter(|pair| pair[1] > from && pair[0] <= until);
    touching.map(|pair| pair[1].duration_since(pair[0])).max().unwrap_or_default()
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
    let mut harms: BTreeMap<Harm, Vec<&Pause>> = BTreeMap::new();
    for pause in &summary.pauses {
        harms.entry(pause.harm).or_default().push(pause);
    }
    for (harm, pauses) in harms {
        let most =
            |of: fn(&Pause) -> Duration| pauses.iter().map(|pause| of(pause)).max().unwrap_or_default().as_millis();
        println!(
            "{} x {harm}: ready after at most {} ms, longest pause of a visitor's deliveries {} ms",
            pauses.len(),
            most(|pause| pause.ready_after),
            most(|pause| pause.longest),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_touches_the_harm() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let deliveries = [at(10), at(20), at(300), at(310)];
        assert_eq!(pause(&deliveries, at(25), at(30)), Duration::from_millis(280));
        assert_eq!(pause(&deliveries, at(5), at(15)), Duration::from_millis(10));
        assert_eq!(pause(&deliveries, at(5), at(305)), Duration::from_millis(280));
        assert_eq!(pause(&deliveries, at(400), at(500)), Duration::ZERO);
    }
}
