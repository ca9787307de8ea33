//! A session has at most one agent, no agent has more sessions than their capacity, and who stays connected keeps theirs
//! (G6).
//!
//! Each conversation has an order of its own; between them the stamps of the owners say what came first. That is exact:
//! a place is free for allocation only once it has read the event that freed it, the assignment that fills it is decided
//! after that, and all owners of a run go by the clock of one machine. Within a millisecond leaving comes first.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::reference::{Known, Reference};
use crate::crash::observed::{Agent, Change, Observations, Span, Turn};

/// An agent who comes back within this was never gone, in milliseconds. An edge waits 5 s after the last connection before
/// it says so (less here, since it may notice the end before the client does); if it cannot say so, the lease holds for
/// 30 s and was renewed every 10 s, but for the 6 s for which an edge is held; and a memory that was lost is not believed
/// for as long as a lease.
const RECONNECTED_MS: u64 = 3_000;
/// A session may be given back so much later than it was decided, in milliseconds: its conversation may be without owner.
const DECIDED_BEFORE_MS: u64 = 30_000;

/// A session that an agent has from one moment on until another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holding<'a> {
    conversation: &'a str,
    agent: &'a str,
    span: Span,
}

pub fn check(observed: &Observations, reference: &Reference<'_>, faults: &mut Vec<Fault>) {
    let holdings = holdings(observed, reference, faults);
    for agent in &observed.agents {
        faults.extend(above_capacity(agent, &holdings));
    }
    let disputed = observed.disputed.iter().cloned();
    faults.extend(disputed.map(Fault::Disputed));
}

/// How many sessions each agent had at most at a time, beside their capacity.
pub fn most_at_once(observed: &Observations) -> Vec<(usize, usize)> {
    let holdings = holdings(observed, &Reference::of(observed), &mut Vec::new());
    let most =
        |agent: &Agent| loads(&agent.user, &holdings).into_iter().map(|(_, held)| held.len()).max().unwrap_or_default();
    observed.agents.iter().map(|agent| (most(agent), agent.capacity)).collect()
}

fn holdings<'a>(observed: &Observations, reference: &Reference<'a>, faults: &mut Vec<Fault>) -> Vec<Holding<'a>> {
    let mut holdings = Vec::new();
    for (conversation, known) in reference.iter() {
        let mut fold = Fold { conversation, observed, holder: None, holdings: &mut holdings, faults };
        fold.all(known);
    }
    holdings
}

/// One conversation, event by event.
struct Fold<'a, 'b> {
    conversation: &'a str,
    observed: &'b Observations,
    /// Who has the session, and since when.
    holder: Option<(&'a str, u64)>,
    holdings: &'b mut Vec<Holding<'a>>,
    faults: &'b mut Vec<Fault>,
}

impl<'a> Fold<'a, '_> {
    fn all(&mut self, known: &Known<'a>) {
        for (rev, (entry, _)) in &known.by_rev {
            if let Some(Turn { at_ms, change }) = &entry.turn {
                self.take(*rev, *at_ms, change);
            }
        }
        self.leaves(None);
    }

    fn take(&mut self, rev: u64, at_ms: u64, change: &'a Change) {
        match change {
            Change::Assigned { agent } => {
                if let Some((holder, _)) = self.holder {
                    self.two_agents(rev, holder, agent);
                    self.leaves(Some(at_ms));
                }
                self.holder = Some((agent, at_ms));
            }
            Change::Transferred { from, agent } => {
                if let Some((holder, _)) = self.holder.filter(|(holder, _)| holder != from) {
                    self.two_agents(rev, holder, from);
                }
                // Its place is the next agent's from the reservation on, of which nobody is told when it was: whether the
                // one who had it had room for another one meanwhile cannot be said.
                self.holder = Some((agent, at_ms));
            }
            Change::Requeued { gone } => {
                if let Some((holder, _)) = self.holder.filter(|_| *gone) {
                    self.check_gone(rev, at_ms, holder);
                }
                self.leaves(Some(at_ms));
            }
            Change::Ended => self.leaves(Some(at_ms)),
        }
    }

    fn two_agents(&mut self, rev: u64, one: &str, other: &str) {
        let conversation = self.conversation.to_owned();
        self.faults.push(Fault::TwoAgents { conversation, rev, one: one.to_owned(), other: other.to_owned() });
    }

    fn leaves(&mut self, until_ms: Option<u64>) {
        if let Some((agent, from_ms)) = self.holder.take() {
            self.holdings.push(Holding { conversation: self.conversation, agent, span: Span { from_ms, until_ms } });
        }
    }

    fn check_gone(&mut self, rev: u64, at_ms: u64, holder: &str) {
        let since_ms = at_ms.saturating_sub(self.observed.grace_ms + DECIDED_BEFORE_MS);
        let agent = self.observed.agents.iter().find(|agent| agent.user == holder);
        if agent.is_some_and(|agent| stayed(&agent.connected, since_ms, at_ms)) {
            let (conversation, agent) = (self.conversation.to_owned(), holder.to_owned());
            self.faults.push(Fault::TakenForGone { conversation, rev, agent });
        }
    }
}

/// Whether an agent was never away for long between two moments, as their own client saw it.
fn stayed(connected: &[Span], since_ms: u64, until_ms: u64) -> bool {
    let end = Span { from_ms: until_ms, until_ms: None };
    let mut left_ms = 0;
    for span in connected.iter().filter(|span| span.from_ms < until_ms).chain([&end]) {
        let away_ms = span.from_ms.saturating_sub(left_ms);
        if away_ms >= RECONNECTED_MS && span.from_ms > since_ms {
            return false;
        }
        left_ms = span.until_ms.unwrap_or(until_ms);
    }
    true
}

fn above_capacity(agent: &Agent, holdings: &[Holding<'_>]) -> Option<Fault> {
    let (at_ms, held) = loads(&agent.user, holdings).into_iter().find(|(_, held)| held.len() > agent.capacity)?;
    let conversations = held.into_iter().map(str::to_owned).collect();
    Some(Fault::AboveCapacity { agent: agent.user.clone(), capacity: agent.capacity, at_ms, conversations })
}

/// What an agent has at each moment at which they get something.
fn loads<'a>(agent: &str, holdings: &[Holding<'a>]) -> Vec<(u64, Vec<&'a str>)> {
    let mut own: Vec<_> = holdings.iter().filter(|holding| holding.agent == agent).collect();
    own.sort_by_key(|holding| holding.conversation);
    let at = |at_ms: u64| {
        let covers = |span: Span| span.from_ms <= at_ms && span.until_ms.is_none_or(|until| at_ms < until);
        own.iter().filter(|holding| covers(holding.span)).map(|holding| holding.conversation).collect()
    };
    let moments: BTreeMap<u64, Vec<&str>> =
        own.iter().map(|holding| holding.span.from_ms).map(|at_ms| (at_ms, at(at_ms))).collect();
    moments.into_iter().collect()
}
