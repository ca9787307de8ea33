//! What a client says.

use std::time::Instant;

use anyhow::Result;
use rand::RngExt as _;
use serde_json::{Value, json};

use super::{Client, Habit};
use crate::crash::event;
use crate::crash::observed::{Command, History, Wanted};
use crate::crash::outbox::Due;

/// Commands without an answer beyond which a client waits; the server allows 32.
const IN_FLIGHT: usize = 16;
/// Commands that are written at once.
const BURST: std::ops::Range<u32> = 1..6;
const NOTES: f64 = 0.15;
const ENDS: f64 = 0.004;
const ASKED_AGAIN: f64 = 0.03;

impl Client {
    /// Cursors of conversations to attach.
    pub(super) fn attaches(&mut self) -> Vec<Value> {
        let now = Instant::now();
        let due = self.places.iter_mut().filter_map(|(name, place)| place.due(now).map(|cursor| (name, cursor)));
        let items: Vec<_> = due
            .map(|(name, cursor)| match cursor {
                Some((epoch, rev)) => json!({"conversation": name, "epoch": epoch, "rev": rev}),
                None => json!({"conversation": name}),
            })
            .collect();
        if items.is_empty() {
            return Vec::new();
        }
        self.attaches += 1;
        vec![json!({"t": "attach", "id": self.attaches, "items": items})]
    }

    /// Loads the last page of conversations that could not be resumed.
    pub(super) async fn load_pages(&mut self) -> Result<()> {
        let lost: Vec<_> =
            self.places.iter().filter(|(_, place)| place.is_lost()).map(|(name, _)| name.clone()).collect();
        for conversation in lost {
            let page = self.rest.last_page(&conversation).await?;
            if let Some(place) = self.places.get_mut(&conversation) {
                place.loaded(page.epoch, page.rev);
            }
            let source = format!("{} (last page)", self.name);
            let staff = self.habit == Habit::Agent;
            let (rev, seq, entries) = (page.rev, page.seq, page.entries);
            let mut journal = self.journal.lock();
            journal.counts.pages_loaded += 1;
            journal.note_deliveries(entries.iter().filter_map(|entry| entry.text.clone()));
            journal.pages.push(History { source, conversation, staff, rev, seq, entries, complete: false });
        }
        Ok(())
    }

    /// Thinks of something to say.
    pub(super) fn write(&mut self) {
        match self.pace {
            _ if !matches!(self.habit, Habit::Visitor | Habit::Agent) => {}
            Some(_) => self.write_what_is_owed(Instant::now()),
            None => self.write_now_and_then(),
        }
    }

    fn write_now_and_then(&mut self) {
        if !self.timers.is_time_to_write(self.habit, &mut self.rng) {
            return;
        }
        let Some(conversation) = self.somewhere() else { return };
        for _ in 0..self.rng.random_range(BURST) {
            if self.has_room(&conversation) {
                self.write_one(&conversation, Instant::now());
            }
        }
    }

    /// Until there is no room where it would write next.
    fn write_what_is_owed(&mut self, now: Instant) {
        while let Some(conversation) = self.somewhere().filter(|conversation| self.has_room(conversation)) {
            let Some(due) = self.pace.as_mut().and_then(|pace| pace.owed(now)) else { return };
            self.write_one(&conversation, due);
        }
    }

    fn has_room(&self, conversation: &str) -> bool {
        self.outboxes.get(conversation).is_none_or(|outbox| outbox.unanswered() < IN_FLIGHT)
    }

    fn write_one(&mut self, conversation: &str, due: Instant) {
        self.written += 1;
        let wanted = self.wish();
        let command = Command {
            conversation: conversation.to_owned(),
            sender: self.person.user(),
            lane: self.device.clone(),
            order: self.written,
            wanted,
            answers: Vec::new(),
        };
        let index = self.journal.lock().note_command(command, due);
        self.outboxes.entry(conversation.to_owned()).or_default().push(index);
    }

    fn somewhere(&mut self) -> Option<String> {
        if let Some(own) = &self.person.conversation {
            return Some(own.clone());
        }
        let count = self.serving.len();
        if count == 0 {
            return None;
        }
        self.serving.iter().nth(self.rng.random_range(0..count)).cloned()
    }

    fn wish(&mut self) -> Wanted {
        let text = format!("{}/{}", self.device, self.written);
        if self.habit != Habit::Agent {
            return Wanted::Message { text };
        }
        match self.rng.random::<f64>() {
            roll if roll < ENDS => Wanted::End,
            roll if roll < NOTES => Wanted::Note { text },
            _ => Wanted::Message { text },
        }
    }

    /// Commands that are to be sent now.
    pub(super) fn commands(&mut self, now: Instant) -> Vec<Value> {
        let mut frames = Vec::new();
        for (conversation, outbox) in &mut self.outboxes {
            let due = outbox.due(now);
            let mut journal = self.journal.lock();
            journal.counts.resent += due.iter().map(|due| u64::from(due.again)).sum::<u64>();
            due.iter().for_each(|due| journal.note_sent(due.command, now));
            frames.extend(due.iter().filter_map(|due| command_frame(conversation, due, &journal.commands)));
        }
        frames
    }

    /// Now and then something that was answered already.
    pub(super) fn ask_again(&mut self) -> Option<Value> {
        if !self.rng.random_bool(ASKED_AGAIN) {
            return None;
        }
        let pick = self.rng.random_range(0..64_usize);
        let (conversation, outbox) = self.outboxes.iter().nth(pick % self.outboxes.len().max(1))?;
        let due = outbox.recent(pick)?;
        let mut journal = self.journal.lock();
        journal.counts.asked_again += 1;
        command_frame(conversation, &due, &journal.commands)
    }

    /// Now and then a read mark, at the last message or a little before.
    pub(super) fn marks(&mut self) -> Option<Value> {
        let marks = matches!(self.habit, Habit::Visitor | Habit::Agent);
        if !marks || !self.timers.is_time_to_mark(&mut self.rng) {
            return None;
        }
        let conversation = self.somewhere()?;
        let seq = self.places.get(&conversation)?.seq();
        let read = seq.checked_sub(self.rng.random_range(0..3)).filter(|read| *read > 0)?;
        Some(json!({"t": "mark", "conversation": conversation, "read": read, "delivered": seq}))
    }
}

fn command_frame(conversation: &str, due: &Due, commands: &[Command]) -> Option<Value> {
    let body = match &commands.get(due.command)?.wanted {
        Wanted::Message { text } => json!({"type": "message", "content": event::text(text)}),
        Wanted::Note { text } => json!({"type": "message", "content": event::text(text), "audience": "staff"}),
        Wanted::End => json!({"type": "end_session", "reason": "done"}),
    };
    Some(json!({"t": "command", "conversation": conversation, "n": due.n, "body": body}))
}
