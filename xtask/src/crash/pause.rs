//! How long deliveries paused: from when a message was due until the observer had it, not from one delivery to the next,
//! since nobody may have written in between.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use super::journal::{Delivery, Journal};
use super::observed::Wanted;

/// One message on its way to one observer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The message.
    pub text: String,
    /// Its conversation.
    pub conversation: String,
    /// When it was due to be sent.
    pub due: Instant,
    /// When the observer had it.
    pub until: Instant,
}

/// A message that was accepted.
#[derive(Debug, Clone)]
pub struct Due {
    at: Instant,
    conversation: String,
}

/// When each message that was accepted was due, by its text.
pub fn dues(journal: &Journal) -> impl Iterator<Item = (String, Due)> + '_ {
    let written = journal.commands.iter().zip(&journal.times);
    written.filter_map(|(command, times)| match &command.wanted {
        Wanted::Message { text } if command.accepted().is_some() => {
            Some((text.clone(), Due { at: times.due, conversation: command.conversation.clone() }))
        }
        _ => None,
    })
}

/// What one observer waited for. What came again counts as it came first.
pub fn waits(dues: &HashMap<String, Due>, deliveries: &[Delivery]) -> Vec<Wait> {
    let mut seen = HashSet::new();
    let first = deliveries.iter().filter(|delivery| seen.insert(delivery.text.as_str()));
    let wait = |delivery: &Delivery| {
        let Due { at, conversation } = dues.get(&delivery.text)?.clone();
        Some(Wait { text: delivery.text.clone(), conversation, due: at, until: delivery.at })
    };
    first.filter_map(wait).collect()
}

/// The longest wait of each stretch of time. The stretches follow one another: each ends where the next one begins, the
/// last one never. A wait belongs to the stretch in which most of it passed, if that is not the time before all of them.
pub fn longest<'a>(waits: &'a [Wait], begins: &[Instant]) -> Vec<Option<&'a Wait>> {
    let mut longest: Vec<Option<&Wait>> = vec![None; begins.len()];
    for wait in waits {
        let Some(longest) = stretch(wait, begins).and_then(|index| longest.get_mut(index)) else { continue };
        if longest.is_none_or(|known| known.length() < wait.length()) {
            *longest = Some(wait);
        }
    }
    longest
}

fn stretch(wait: &Wait, begins: &[Instant]) -> Option<usize> {
    let before = begins.first()?.min(&wait.until).saturating_duration_since(wait.due);
    let within = |index: usize| {
        let from = begins.get(index).map_or(wait.until, |begin| *begin.max(&wait.due));
        let until = begins.get(index + 1).map_or(wait.until, |end| *end.min(&wait.until));
        until.saturating_duration_since(from)
    };
    let most = (0..begins.len()).max_by_key(|index| within(*index))?;
    (within(most) > before).then_some(most)
}

impl Wait {
    /// How long it took.
    pub fn length(&self) -> Duration {
        self.until.saturating_duration_since(self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_wait_belongs_to_the_stretch_in_which_most_of_it_passed() {
        let start = Instant::now();
        let begins = [start + ms(100), start + ms(2_000)];
        let longest = |due, until| {
            let wait = Wait {
                text: String::new(),
                conversation: String::new(),
                due: start + ms(due),
                until: start + ms(until),
            };
            longest(&[wait], &begins).into_iter().map(|wait| wait.map_or(ms(0), Wait::length)).collect::<Vec<_>>()
        };
        assert_eq!(longest(90, 1_090), [ms(1_000), ms(0)], "due just before the harm");
        assert_eq!(longest(1_000, 2_100), [ms(1_100), ms(0)], "over just after the next one");
        assert_eq!(longest(1_990, 3_000), [ms(0), ms(1_010)], "due just before the next one");
        assert_eq!(longest(0, 90), [ms(0), ms(0)], "over before all harm");
        assert_eq!(longest(10, 120), [ms(0), ms(0)], "it passed before all harm, most of it");
    }

    #[test]
    fn only_the_first_delivery_of_a_known_message_counts() {
        let start = Instant::now();
        let delivery = |text: &str, at| Delivery { at: start + ms(at), text: text.to_owned() };
        let due = |at| Due { at: start + ms(at), conversation: "s1".to_owned() };
        let dues = HashMap::from([("a".to_owned(), due(0)), ("b".to_owned(), due(5))]);
        let deliveries = [delivery("a", 10), delivery("a", 900), delivery("b", 25), delivery("unknown", 800)];
        let lengths: Vec<_> = waits(&dues, &deliveries).iter().map(Wait::length).collect();
        assert_eq!(lengths, [ms(10), ms(20)]);
    }
}
