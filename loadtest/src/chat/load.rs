//! How much may be sent.

use super::WINDOW;
use super::pacer::Schedule;

/// What decides when a message is sent.
#[derive(Debug, Clone, Copy)]
pub enum Load {
    /// Nothing is.
    Quiet,
    /// As long as fewer than `size` are unanswered, until each flow has sent `each` or the clock reads `until_ns`.
    Window {
        /// Most unanswered messages.
        size: u32,
        /// Messages of each flow.
        each: u32,
        /// The end.
        until_ns: u64,
    },
    /// When a schedule says so, but never more unanswered than the protocol allows.
    Rate {
        /// When.
        schedule: Schedule,
        /// Arrivals of all flows that are due.
        due: u64,
    },
}

impl Load {
    /// How many more a flow may send now, that sent `sent` under this load and waits for the answers of `unanswered`.
    /// It is the `flow`-th of `flows`.
    pub fn allows(&self, now_ns: u64, flow: u64, flows: u64, sent: u32, unanswered: u32) -> u32 {
        match *self {
            Self::Quiet => 0,
            Self::Window { until_ns, .. } if now_ns >= until_ns => 0,
            Self::Window { size, each, .. } => size.saturating_sub(unanswered).min(each.saturating_sub(sent)),
            Self::Rate { due, .. } => {
                let own = (due + flows - 1).saturating_sub(flow) / flows;
                let waiting = own.saturating_sub(u64::from(sent));
                WINDOW.saturating_sub(unanswered).min(waiting.try_into().unwrap_or(u32::MAX))
            }
        }
    }

    /// When a flow's message was to be sent, of which it had sent `sent` before.
    pub fn intended_ns(&self, now_ns: u64, flow: u64, flows: u64, sent: u32) -> u64 {
        match self {
            Self::Rate { schedule, .. } => schedule.intended_ns(flow + u64::from(sent) * flows),
            Self::Quiet | Self::Window { .. } => now_ns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_filled_up_to_the_end() {
        let load = Load::Window { size: 16, each: 100, until_ns: 1_000 };
        assert_eq!(load.allows(0, 0, 1, 0, 0), 16);
        assert_eq!(load.allows(0, 0, 1, 20, 10), 6);
        assert_eq!(load.allows(0, 0, 1, 20, 16), 0);
        assert_eq!(load.allows(0, 0, 1, 98, 0), 2);
        assert_eq!(load.allows(1_000, 0, 1, 0, 0), 0);
    }

    #[test]
    fn arrivals_go_round_and_each_is_sent_once() {
        let flows = 7;
        for due in 0..60 {
            let load = Load::Rate { schedule: Schedule::new(0, 10), due };
            let allowed: u64 = (0..flows).map(|flow| u64::from(load.allows(0, flow, flows, 0, 0))).sum();
            assert_eq!(allowed, due);
        }
        let load = Load::Rate { schedule: Schedule::new(0, 10), due: 600 };
        assert_eq!(load.allows(0, 3, 1, 0, 0), WINDOW, "the protocol's window");
        assert_eq!(load.allows(0, 0, 1, 599, 31), 1);
    }

    #[test]
    fn a_late_message_keeps_its_time() {
        let load = Load::Rate { schedule: Schedule::new(1_000, 1_000), due: 100 };
        assert_eq!(load.intended_ns(u64::MAX, 3, 10, 2), 1_000 + 23 * 1_000_000);
        assert_eq!(Load::Quiet.intended_ns(5, 0, 1, 0), 5);
    }
}
