//! Commands, their numbers and their answers.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Client, Up};

/// Commands that may be unanswered.
const WINDOW: usize = 32;
/// How long a client waits before it sends again what was refused for now.
const BACKOFF: Duration = Duration::from_millis(50);

impl Client {
    /// Sends again what was not answered, in order.
    pub fn send_unanswered(&mut self) {
        let answered = self.look(|view| view.answers.keys().cloned().collect::<Vec<_>>());
        let again: Vec<_> = self.outbox.iter().filter(|(key, _)| !answered.contains(key)).collect();
        for ((conversation, n), body) in again {
            self.send(json!({"t": "command", "conversation": conversation, "n": n, "body": body}));
        }
    }

    /// Sends a command under the next number, and answers the number.
    pub fn command(&mut self, conversation: &str, body: Value) -> u64 {
        let n = self.outbox.range(range_of(conversation)).count() as u64 + 1;
        self.outbox.insert((conversation.to_owned(), n), body.clone());
        if !matches!(self.up, Up::Nowhere) {
            self.send(json!({"t": "command", "conversation": conversation, "n": n, "body": body}));
        }
        n
    }

    /// Sends a command under a number of the caller's choice and waits for its answer.
    pub async fn command_as(&mut self, conversation: &str, n: u64, body: Value) -> Value {
        let key = (conversation.to_owned(), n);
        self.shared.update(|view| {
            view.answers.remove(&key);
        });
        self.send(json!({"t": "command", "conversation": conversation, "n": n, "body": body}));
        self.answer(conversation, n).await
    }

    /// The answer to a command: `ack` or `rejected`.
    pub async fn answer(&self, conversation: &str, n: u64) -> Value {
        let key = (conversation.to_owned(), n);
        self.until("an answer", |view| view.answers.get(&key).cloned()).await
    }

    /// Sends a command and waits for its answer.
    pub async fn ask(&mut self, conversation: &str, body: Value) -> Value {
        let n = self.command(conversation, body);
        self.answer(conversation, n).await
    }

    /// Says something and waits for the `ack`.
    pub async fn say(&mut self, conversation: &str, text: &str) -> Value {
        let answer = self.ask(conversation, message(text)).await;
        assert_eq!(answer["t"], "ack", "{answer}");
        answer
    }

    /// Waits until there is room for one more unanswered command.
    pub async fn until_room(&mut self) {
        self.until_settled(WINDOW - 1).await;
    }

    /// Waits until every command was answered for good.
    pub async fn until_answered(&mut self) {
        self.until_settled(0).await;
    }

    /// Waits until at most so many commands are not answered for good. What was refused for now is sent again under the
    /// same number, and with it what came behind and was refused for the hole before it.
    async fn until_settled(&mut self, open: usize) {
        loop {
            let sent = self.outbox.len();
            let done = self
                .until("answers", |view| {
                    let refused = view.answers.values().filter(|answer| is_for_now(answer)).count();
                    let settled = view.answers.len() - refused;
                    (sent <= settled + open).then_some(true).or((refused > 0).then_some(false))
                })
                .await;
            if done {
                return;
            }
            tokio::time::sleep(BACKOFF).await;
            self.shared.update(|view| view.answers.retain(|_, answer| !is_for_now(answer)));
            self.send_unanswered();
        }
    }

    /// Everything this client ever sent, with the answers it has.
    pub fn answered(&self) -> Vec<(String, Value, Option<Value>)> {
        let answers = self.look(|view| view.answers.clone());
        let entry = |(key, body): (&(String, u64), &Value)| (key.0.clone(), body.clone(), answers.get(key).cloned());
        self.outbox.iter().map(entry).collect()
    }
}

/// A text message.
pub fn message(text: &str) -> Value {
    json!({"type": "message", "content": {"type": "text", "text": text}})
}

/// A private note.
pub fn note(text: &str) -> Value {
    json!({"type": "message", "content": {"type": "text", "text": text}, "audience": "staff"})
}

fn is_for_now(answer: &Value) -> bool {
    answer["retryable"] == true || answer["code"] == 1001
}

fn range_of(conversation: &str) -> std::ops::RangeInclusive<(String, u64)> {
    (conversation.to_owned(), 0)..=(conversation.to_owned(), u64::MAX)
}
