//! The events of a conversation as a client got them: dense, or the test fails.

use std::fmt;

use serde_json::Value;

/// What a client knows of a conversation.
#[derive(Debug, Clone, Default)]
pub struct Transcript {
    pub epoch: u64,
    /// The `rev` before the first event.
    base: u64,
    pub events: Vec<Value>,
    /// The last answer to an attach.
    pub state: Value,
    /// How often what was missed could not be told.
    pub lost: usize,
}

impl Transcript {
    /// Begins behind an answer to an attach.
    pub fn begin(state: &Value) -> Self {
        Self { base: number(state, "rev"), ..Self::from_start(state) }
    }

    /// Begins before the first event.
    pub fn from_start(state: &Value) -> Self {
        Self { epoch: number(state, "epoch"), state: state.clone(), ..Self::default() }
    }

    /// What a history has, up to the `rev` of a page that was read before it. What it leaves out is hidden.
    pub fn from_history(page: &Value, items: &[Value], lost: usize) -> Self {
        let rev_of = |item: &Value| number(item, "rev");
        let shown = |rev: u64| items.iter().find(|item| rev_of(item) == rev).cloned();
        let hidden = |rev: u64| serde_json::json!({"rev": rev, "type": "hidden"});
        let events = (1..=number(page, "rev")).map(|rev| shown(rev).unwrap_or_else(|| hidden(rev))).collect();
        Self { events, lost, ..Self::from_start(page) }
    }

    /// The cursor.
    pub fn rev(&self) -> u64 {
        self.base + self.events.len() as u64
    }

    /// Attached again.
    pub fn attached(&mut self, state: &Value) {
        if state["recovered"] == true {
            self.state = state.clone();
        } else {
            let lost = self.lost + 1;
            *self = Self { lost, ..Self::begin(state) };
        }
    }

    /// New events; what is wrong with them.
    pub fn deliver(&mut self, frame: &Value) -> Result<(), String> {
        if number(frame, "epoch") != self.epoch {
            return Err(format!("epoch {} after {}", frame["epoch"], self.epoch));
        }
        for event in frame["events"].as_array().map_or(&[][..], Vec::as_slice) {
            let (rev, last) = (number(event, "rev"), self.rev());
            if rev != last + 1 {
                return Err(format!("rev {rev} after {last}"));
            }
            self.events.push(event.clone());
        }
        Ok(())
    }

    /// Events of a type.
    pub fn of_type(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.events.iter().filter(move |event| event["type"] == kind)
    }

    /// The types of the events.
    pub fn types(&self) -> Vec<&str> {
        self.events.iter().filter_map(|event| event["type"].as_str()).collect()
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (epoch, base, rev, lost) = (self.epoch, self.base, self.rev(), self.lost);
        write!(f, "epoch {epoch}, events {base} to {rev}, lost {lost} times")
    }
}

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or(u64::MAX)
}
