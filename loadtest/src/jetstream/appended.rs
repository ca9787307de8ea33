//! What a deployment appended.

use async_nats::jetstream::stream::Info;

use crate::clock;
use crate::report::{Report, grouped};

/// Messages ever appended to the streams of conversations, as of a moment.
#[derive(Debug, Clone, Copy)]
pub struct Appended {
    at_ns: u64,
    inbox: u64,
    log: u64,
}

/// Appends a second.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rates {
    inbox: f64,
    log: f64,
}

impl Appended {
    /// By these streams.
    pub(super) fn of(streams: &[Info]) -> Self {
        let last = |which: fn(&str) -> bool| {
            let those = streams.iter().filter(|info| which(&info.config.name));
            those.map(|info| info.state.last_sequence).sum()
        };
        Self { at_ns: clock::now_ns(), inbox: last(is_inbox), log: last(is_log) }
    }

    /// What was published since `earlier`, and how much that is for each of so many chat messages a second.
    pub fn report(self, earlier: Self, messages_per_second: f64, report: &mut Report) {
        let rates = self.since(earlier);
        for (name, rate, what) in
            [("inbox publishes", rates.inbox, "commands"), ("log publishes", rates.log, "outcomes")]
        {
            let each = rate / messages_per_second.max(f64::MIN_POSITIVE);
            let json = serde_json::json!({"per_second": rate, "per_message": each});
            report.number(name, json, format!("{}/s, {each:.3} a message ({what})", grouped(rate)));
        }
    }

    fn since(self, earlier: Self) -> Rates {
        let seconds = clock::seconds(earlier.at_ns, self.at_ns);
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        Rates { inbox: rate(self.inbox, earlier.inbox), log: rate(self.log, earlier.log) }
    }
}

/// Whether a stream has the outcomes of conversations: `<prefix>_LOG-chat-<partition>`.
pub(super) fn is_log(name: &str) -> bool {
    name.contains("_LOG-chat-")
}

/// Whether a stream has the commands to conversations.
fn is_inbox(name: &str) -> bool {
    name.contains("_IN-chat-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_told_apart() {
        assert!(is_log("kefu_LOG-chat-3") && !is_inbox("kefu_LOG-chat-3"));
        assert!(is_inbox("kefu_IN-chat-3") && !is_log("kefu_IN-chat-3"));
        assert!(!is_log("kefu_LOG-allocation-0") && !is_inbox("kefu_IN-allocation-0"));
        assert!(!is_log("plain-1"));
    }

    #[test]
    fn rates_are_of_the_time_between() {
        let earlier = Appended { at_ns: 1_000_000_000, inbox: 100, log: 40 };
        let later = Appended { at_ns: 3_000_000_000, inbox: 300, log: 90 };
        assert_eq!(later.since(earlier), Rates { inbox: 100.0, log: 25.0 });
    }
}
