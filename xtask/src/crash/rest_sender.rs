//! A visitor who sends by REST: each message again with its `client_msg_id` until it is answered, sometimes once more.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::sleep;

use super::client::Phase;
use super::event;
use super::journal::SharedJournal;
use super::observed::{Answer, Command, Wanted};
use super::people::Person;
use super::rest::Rest;

const BETWEEN_MS: std::ops::Range<u64> = 120..320;
const RETRY: Duration = Duration::from_millis(150);

/// Sends one message after the other.
pub struct RestSender {
    pub lane: String,
    pub person: Person,
    pub rest: Rest,
    pub journal: SharedJournal,
    pub phase: watch::Receiver<Phase>,
    pub seed: u64,
}

impl RestSender {
    /// Sends until the load ends.
    pub async fn run(self) {
        let mut rng = StdRng::seed_from_u64(self.seed);
        for order in 1.. {
            if *self.phase.borrow() != Phase::Busy {
                return;
            }
            self.send_one(order, rng.random_bool(0.1)).await;
            sleep(Duration::from_millis(rng.random_range(BETWEEN_MS))).await;
        }
    }

    async fn send_one(&self, order: u64, twice: bool) {
        let conversation = self.person.conversation.clone().unwrap_or_default();
        let text = format!("{}/{order}", self.lane);
        let body = json!({"conversation_id": conversation, "content": event::text(&text), "client_msg_id": text});
        let command = Command {
            conversation,
            sender: self.person.user(),
            lane: self.lane.clone(),
            order,
            wanted: Wanted::Message { text },
            answers: Vec::new(),
        };
        let index = {
            let mut journal = self.journal.lock();
            journal.unanswered = 1;
            let now = Instant::now();
            let index = journal.note_command(command, now);
            journal.note_sent(index, now);
            index
        };
        for _ in 0..=u8::from(twice) {
            let Some(answer) = self.until_answered(&body).await else { return };
            self.journal.lock().note_answer(index, answer);
        }
        self.journal.lock().unanswered = 0;
    }

    /// None if the round ended first.
    async fn until_answered(&self, body: &Value) -> Option<Answer> {
        while *self.phase.borrow() != Phase::Stop {
            match self.rest.call(Method::POST, "/api/messages/send", Some(body)).await {
                Ok((status, answer)) => match final_answer(status, &answer) {
                    Some(answer) => return Some(answer),
                    None => self.journal.lock().trouble = format!("{status} {answer}"),
                },
                Err(error) => self.journal.lock().trouble = format!("{error:#}"),
            }
            self.journal.lock().counts.resent += 1;
            sleep(RETRY).await;
        }
        None
    }
}

/// None if the message has to be sent again.
fn final_answer(status: StatusCode, answer: &Value) -> Option<Answer> {
    let code = answer["code"].as_u64().unwrap_or_default();
    match status {
        StatusCode::CREATED | StatusCode::OK => {
            Some(Answer::Accepted { rev: answer["rev"].as_u64()?, seq: answer["seq"].as_u64() })
        }
        StatusCode::ACCEPTED | StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => None,
        _ if status.is_server_error() || (1400..1500).contains(&code) => None,
        _ => Some(Answer::Refused { code }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_final_answers_count() {
        let accepted = json!({"rev": 4, "seq": 3});
        assert_eq!(final_answer(StatusCode::CREATED, &accepted), Some(Answer::Accepted { rev: 4, seq: Some(3) }));
        assert_eq!(final_answer(StatusCode::ACCEPTED, &json!({"client_msg_id": "a"})), None);
        assert_eq!(final_answer(StatusCode::SERVICE_UNAVAILABLE, &json!({"code": 1401})), None);
        let refused = Some(Answer::Refused { code: 1302 });
        assert_eq!(final_answer(StatusCode::UNPROCESSABLE_ENTITY, &json!({"code": 1302})), refused);
    }
}
