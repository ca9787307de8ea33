//! What a client is told.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Client, Habit};
use crate::crash::cursor::Attached;
use crate::crash::event;
use crate::crash::observed::Answer;

const NOT_NEXT: u64 = 1001;
const TOO_MANY_UNANSWERED: u64 = 1004;
const NOT_A_MEMBER: u64 = 1101;
const EDGE_STOPS: u64 = 4101;

impl Client {
    /// Takes in a frame.
    pub(super) fn hear(&mut self, frame: &Value) {
        match frame["t"].as_str().unwrap_or_default() {
            "ack" => self.hear_ack(frame),
            "rejected" => self.hear_rejected(frame),
            "attached" => frame["items"].as_array().into_iter().flatten().for_each(|item| self.hear_attached(item)),
            "deliver" => self.hear_deliver(frame),
            "marks" => self.hear_marks(frame),
            "added" => self.hear_added(frame),
            "goaway" => self.hear_goaway(frame),
            // Who stays on an edge that stops is told so once more before the close, which says whether that was announced.
            "error" if frame["code"] == EDGE_STOPS => {}
            "error" => self.complain(&format!("was told of an error: {frame}")),
            _ => {}
        }
    }

    fn hear_ack(&mut self, frame: &Value) {
        let answer = frame["rev"].as_u64().map(|rev| Answer::Accepted { rev, seq: frame["seq"].as_u64() });
        let Some(answer) = answer else { return self.complain(&format!("got an ack without rev: {frame}")) };
        self.answered(frame, answer);
    }

    fn hear_rejected(&mut self, frame: &Value) {
        let code = frame["code"].as_u64().unwrap_or_default();
        let n = frame["n"].as_u64().unwrap_or_default();
        let Some(outbox) = outbox_of(self, frame) else { return };
        if code == NOT_NEXT {
            let expected = frame["expected_n"].as_u64().unwrap_or_default();
            if outbox.not_next(n, expected, Instant::now()) {
                self.complain(&format!("is asked for a number that was accepted: {frame}"));
            }
            self.journal.lock().counts.renumbered += 1;
        } else if code == TOO_MANY_UNANSWERED || frame["retryable"] == true {
            outbox.postponed(n, Instant::now());
        } else {
            self.answered(frame, Answer::Refused { code });
            self.serving.remove(frame["conversation"].as_str().unwrap_or_default());
        }
    }

    fn answered(&mut self, frame: &Value, answer: Answer) {
        let n = frame["n"].as_u64().unwrap_or_default();
        let accepted = matches!(answer, Answer::Accepted { .. });
        let Some(outbox) = outbox_of(self, frame) else { return };
        if let Some(command) = outbox.answered(n, accepted) {
            self.journal.lock().note_answer(command, answer);
        }
    }

    fn hear_goaway(&mut self, frame: &Value) {
        self.journal.lock().continuity.goaways += 1;
        let after = Duration::from_millis(frame["reconnect_after_ms"].as_u64().unwrap_or_default());
        self.told_to_go = Some(Instant::now() + after);
    }

    fn hear_attached(&mut self, item: &Value) {
        let Some(conversation) = item["conversation"].as_str() else { return };
        self.hear_members(conversation, item);
        self.hear_session(conversation, &item["session"]);
        let Some(place) = self.places.get_mut(conversation) else { return };
        let Attached { over, resumed } = match (item["epoch"].as_u64(), item["rev"].as_u64(), item["error"].as_u64()) {
            (Some(epoch), Some(rev), _) => place.attached(epoch, rev, item["recovered"] == true),
            (_, _, Some(NOT_A_MEMBER)) if self.habit == Habit::Agent => Attached { over: place.leave(), resumed: None },
            _ => {
                place.attach_again(false);
                Attached::default()
            }
        };
        let mut journal = self.journal.lock();
        journal.transcripts.extend(over);
        resumed.into_iter().for_each(|resumed| journal.continuity.attached(resumed));
        if let Some(error) = item["error"].as_u64() {
            journal.trouble = format!("attach of {conversation} was answered with {error}");
        }
    }

    fn hear_members(&self, conversation: &str, item: &Value) {
        for member in item["members"].as_array().into_iter().flatten() {
            if let (Some(user), Some(read)) = (event::user(&member["user"]), member["read"].as_u64()) {
                self.journal.lock().note_mark(conversation, user, read);
            }
        }
    }

    fn hear_session(&mut self, conversation: &str, session: &Value) {
        if self.habit == Habit::Agent && session.is_object() {
            self.serves(conversation, session["status"] == "active" && self.is_me(&session["agent"]));
        }
    }

    fn hear_deliver(&mut self, frame: &Value) {
        let Some(conversation) = frame["conversation"].as_str() else { return };
        let events = frame["events"].as_array().map_or(&[][..], Vec::as_slice);
        let Some(place) = self.places.get_mut(conversation) else { return };
        let entries: Vec<_> = events.iter().filter_map(event::entry).collect();
        let is_whole = entries.len() == events.len();
        let taken = place.take(frame["epoch"].as_u64().unwrap_or_default(), entries);
        {
            let mut journal = self.journal.lock();
            journal.counts.repeats += taken.repeats;
            journal.counts.gaps += u64::from(taken.gap);
            journal.transcripts.extend(taken.contradictions);
            journal.note_deliveries(taken.texts);
        }
        if !is_whole {
            self.complain(&format!("got an event without rev or type: {frame}"));
        }
        if self.habit == Habit::Agent {
            events.iter().for_each(|event| self.hear_of_session(conversation, event));
        }
    }

    fn hear_of_session(&mut self, conversation: &str, event: &Value) {
        match event["type"].as_str().unwrap_or_default() {
            "session_assigned" | "session_transferred" => self.serves(conversation, self.is_me(&event["agent"])),
            "session_ended" | "session_requeued" => self.serves(conversation, false),
            _ => {}
        }
    }

    fn serves(&mut self, conversation: &str, yes: bool) {
        if yes {
            self.serving.insert(conversation.to_owned());
        } else {
            self.serving.remove(conversation);
        }
    }

    fn is_me(&self, user: &Value) -> bool {
        event::user(user).is_some_and(|user| user == self.person.user())
    }

    fn hear_marks(&self, frame: &Value) {
        let conversation = frame["conversation"].as_str().unwrap_or_default();
        if let (Some(user), Some(read)) = (event::user(&frame["user"]), frame["read"].as_u64()) {
            self.journal.lock().note_mark(conversation, user, read);
        }
    }

    fn hear_added(&mut self, frame: &Value) {
        if let (Habit::Agent, Some(conversation)) = (self.habit, frame["conversation"].as_str()) {
            self.follow(conversation);
        }
    }
}

fn outbox_of<'a>(client: &'a mut Client, frame: &Value) -> Option<&'a mut crate::crash::outbox::Outbox> {
    client.outboxes.get_mut(frame["conversation"].as_str()?)
}
