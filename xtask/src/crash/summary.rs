//! What a round was like, in numbers.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, ensure};

use super::checker;
use super::continuity::Continuity;
use super::harm::Harm;
use super::journal::{Counts, SharedJournal};
use super::observed::{Change, Observations, Planned};
use super::pause::{self, Wait};
use super::rate::Reached;
use super::round::{Incident, Outcome};

/// The numbers of a round.
pub struct Summary {
    counts: Counts,
    connections: u64,
    pauses: Vec<Pause>,
    /// What the load was, and messages per second that were asked for, if it was.
    pub load: Option<(Reached, u32)>,
}

/// What an incident meant to the visitors.
#[derive(Debug, Clone)]
struct Pause {
    harm: Harm,
    ready_after: Duration,
    /// The longest time that any of them waited for a message that was due, who it was, and for which message.
    longest: Duration,
    whose: Option<(String, Wait)>,
}

impl Summary {
    /// Adds up; pauses are those of visitors.
    pub fn of(journals: &[SharedJournal], visitors: &[(String, SharedJournal)], incidents: &[Incident]) -> Self {
        let mut counts = Counts::default();
        journals.iter().for_each(|journal| counts.add(journal.lock().counts));
        let connections = journals.iter().map(|journal| journal.lock().continuity.connections).sum();
        Self { counts, connections, pauses: pauses(journals, visitors, incidents), load: None }
    }

    /// An error if clients wrote much less than was asked for.
    pub fn is_load_enough(&self) -> Result<()> {
        let Some((reached, asked)) = self.load else { return Ok(()) };
        ensure!(reached.is_enough(asked), "{asked} messages/s were asked for, but the load was {reached}");
        Ok(())
    }
}

fn pauses(journals: &[SharedJournal], visitors: &[(String, SharedJournal)], incidents: &[Incident]) -> Vec<Pause> {
    let dues: HashMap<_, _> =
        journals.iter().flat_map(|journal| pause::dues(&journal.lock()).collect::<Vec<_>>()).collect();
    let begins: Vec<_> = incidents.iter().map(|incident| incident.at).collect();
    let mut longest: Vec<Option<(String, Wait)>> = vec![None; incidents.len()];
    for (name, visitor) in visitors {
        let waits = pause::waits(&dues, &visitor.lock().deliveries);
        for (longest, own) in longest.iter_mut().zip(pause::longest(&waits, &begins)) {
            let Some(own) = own else { continue };
            if longest.as_ref().is_none_or(|(_, known)| known.length() < own.length()) {
                *longest = Some((name.clone(), own.clone()));
            }
        }
    }
    let pause = |(incident, whose): (&Incident, Option<(String, Wait)>)| {
        let Incident { harm, ready_after, .. } = *incident;
        let longest = whose.as_ref().map(|(_, wait)| wait.length()).unwrap_or_default();
        Pause { harm, ready_after, longest, whose }
    };
    incidents.iter().zip(longest).map(pause).collect()
}

/// Prints it.
pub fn print(outcome: &Outcome) {
    let Outcome { observations, summary } = outcome;
    let accepted = observations.commands.iter().filter(|command| command.accepted().is_some()).count();
    let answers: usize = observations.commands.iter().map(|command| command.answers.len()).sum();
    let entries: usize = observations.transcripts.iter().map(|transcript| transcript.entries.len()).sum();
    let rows: usize = observations.histories.iter().map(|history| history.entries.len()).sum();
    let (counts, connections) = (&summary.counts, summary.connections);
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
    println!("resumed:   {connections} connections, {} gaps, {} last pages", counts.gaps, counts.pages_loaded);
    println!("read:      {rows} items in {} histories", observations.histories.len());
    print_sessions(observations);
    if counts.stalls > 0 {
        println!("stalls:    {} connections given up because a command had no answer", counts.stalls);
    }
    if let Some((reached, asked)) = &summary.load {
        println!("load:      {reached}; {asked} asked for");
    }
    if let Some(planned) = &observations.planned {
        print_planned(planned);
    }
    print_pauses(&summary.pauses);
}

/// Whether capacity was at stake.
fn print_sessions(observed: &Observations) {
    let entries = observed
        .histories
        .iter()
        .filter(|history| history.complete)
        .map(|history| history.entries.iter().map(move |entry| (&history.conversation, entry)));
    let turns: BTreeMap<_, _> = entries
        .flatten()
        .filter_map(|(conversation, entry)| Some(((conversation, entry.rev), &entry.turn.as_ref()?.change)))
        .collect();
    let count = |is_it: fn(&Change) -> bool| turns.values().filter(|change| is_it(change)).count();
    println!(
        "sessions:  {} given to an agent, {} back because the agent was gone; at a time an agent had at most {}",
        count(|change| matches!(change, Change::Assigned { .. })),
        count(|change| matches!(change, Change::Requeued { gone: true })),
        most_at_once(observed),
    );
}

fn most_at_once(observed: &Observations) -> String {
    let of_one = |(most, capacity): &(usize, usize)| format!("{most} of {capacity}");
    checker::most_at_once(observed).iter().map(of_one).collect::<Vec<_>>().join(", ")
}

fn print_planned(planned: &Planned) {
    let sum = |of: fn(&Continuity) -> u64| planned.clients.iter().map(|(_, client)| of(client)).sum::<u64>();
    println!(
        "told to go: {} times, {} connections ended after it, {} without",
        sum(|client| client.goaways),
        sum(|client| client.told),
        sum(|client| client.untold.len() as u64),
    );
    let mut failed: BTreeMap<&str, u64> = BTreeMap::new();
    for (why, count) in planned.clients.iter().flat_map(|(_, client)| &client.failed) {
        *failed.entry(why).or_default() += count;
    }
    for (why, count) in failed {
        println!("{count} attempts to connect failed: {why}");
    }
    let most = planned.clients.iter().map(|(_, client)| client.reconnects()).max().unwrap_or_default();
    println!(
        "went on:   {} conversations resumed, {} reloaded; at most {most} reconnects of a client, {} edges stopped",
        sum(|client| client.resumed),
        sum(|client| client.reloads),
        planned.edges_stopped,
    );
}

/// By kind of harm.
fn print_pauses(pauses: &[Pause]) {
    let mut kinds: BTreeMap<Harm, Vec<&Pause>> = BTreeMap::new();
    for pause in pauses {
        kinds.entry(pause.harm).or_default().push(pause);
    }
    for (harm, pauses) in kinds {
        let mut longest: Vec<_> = pauses.iter().map(|pause| pause.longest.as_millis()).collect();
        longest.sort_unstable();
        let ready_ms = pauses.iter().map(|pause| pause.ready_after.as_millis()).max().unwrap_or_default();
        println!(
            "{} x {harm}: a visitor waited for a message for at most {} ms, in the median case {} ms; ready after at most {ready_ms} ms",
            pauses.len(),
            longest.last().copied().unwrap_or_default(),
            median(&longest),
        );
        let worst = pauses.iter().max_by_key(|pause| pause.longest).and_then(|pause| pause.whose.as_ref());
        if let Some((observer, wait)) = worst {
            let (text, due, conversation) = (&wait.text, time_of_day(wait.due), &wait.conversation);
            println!("    {observer} waited longest, for {text:?} in {conversation}, due at {due} UTC");
        }
    }
}

/// A moment of this run as logs tell it, to look for it there.
fn time_of_day(at: Instant) -> String {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    clock((since_epoch.saturating_sub(at.elapsed())).as_millis())
}

fn clock(since_epoch_ms: u128) -> String {
    let (ms, s) = (since_epoch_ms % 1_000, since_epoch_ms / 1_000 % 86_400);
    format!("{:02}:{:02}:{:02}.{ms:03}", s / 3_600, s / 60 % 60, s % 60)
}

/// The middle one of sorted numbers, the lower one of two.
fn median(sorted: &[u128]) -> u128 {
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_as_in_logs() {
        assert_eq!(clock(1_763_767_082_045), "23:18:02.045");
    }

    #[test]
    fn the_median_is_the_lower_middle() {
        assert_eq!([median(&[]), median(&[4]), median(&[1, 9]), median(&[1, 2, 9])], [0, 4, 1, 2]);
    }
}
