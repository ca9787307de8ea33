//! Sends what allocation owes to conversations until its outcome is read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use kefu_model::allocation::{Allocation, AllocationCommand, Owed};
use kefu_model::command::Answer;
use kefu_model::ids::CommandKey;
use kefu_model::{Actor, Command, CommandHash, ConversationId, Identity, TenantId};
use kefu_nats::Link;
use kefu_nats::engine::Route;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::domain::Ask;

type Number = (TenantId, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// No answer yet.
    Waiting,
    /// Accepted: its outcome will be read.
    Accepted,
    /// Not now: to be sent again.
    Again,
}

/// What was sent and how it stands.
#[derive(Clone)]
pub(crate) struct Debts {
    link: Link,
    commands: mpsc::Sender<(Route, Ask)>,
    sent: Arc<Mutex<HashMap<Number, Sent>>>,
}

impl Debts {
    pub(crate) fn new(link: Link, commands: mpsc::Sender<(Route, Ask)>) -> Self {
        Self { link, commands, sent: Arc::default() }
    }

    /// Sends what is owed up to a number and was not sent yet, and forgets what is owed no more.
    pub(crate) fn settle(&self, state: &Allocation, until: u64) {
        let due = due(&mut self.sent.lock(), state, until);
        for owed in due {
            self.send(&state.tenant, owed);
        }
    }

    fn send(&self, tenant: &TenantId, owed: Owed) {
        let Ok(key) = CommandKey::new(&format!("match:{}", owed.number)) else { return };
        let command = Command {
            tenant: tenant.clone(),
            conversation: owed.conversation,
            actor: Actor::Worker,
            identity: Some(Identity::Key(key)),
            hash: hash(owed.number),
            parties: None,
            body: owed.body,
        };
        let (debts, tenant) = (self.clone(), tenant.clone());
        let (conversation, number) = (owed.conversation, owed.number);
        self.link.submit(&command, Box::new(move |answer| debts.answered(tenant, conversation, number, answer)));
    }

    fn answered(&self, tenant: TenantId, conversation: ConversationId, number: u64, answer: Answer) {
        let stands = match answer {
            Answer::Accepted { .. } => Sent::Accepted,
            Answer::Refused { refusal, .. } if refusal.is_retryable() => Sent::Again,
            Answer::Refused { refusal, .. } => {
                tracing::info!(number, refusal = refusal.code(), "a conversation declined an assignment");
                let declined = AllocationCommand::Declined { conversation, number };
                let told = self.commands.try_send((Route::Nobody, Ask::Write(tenant.clone(), declined)));
                if told.is_ok() { Sent::Accepted } else { Sent::Again }
            }
        };
        if let Some(sent) = self.sent.lock().get_mut(&(tenant, number)) {
            *sent = stands;
        }
    }
}

/// What is owed up to a number and is to be sent now, as it was decided; it is noted as sent. What is owed no more is forgotten.
fn due(sent: &mut HashMap<Number, Sent>, state: &Allocation, until: u64) -> Vec<Owed> {
    let owed: BTreeMap<u64, Owed> = state.owed().map(|owed| (owed.number, owed)).collect();
    sent.retain(|(tenant, number), _| tenant != &state.tenant || owed.contains_key(number));
    let is_due = |owed: &Owed| {
        let place = sent.get(&(state.tenant.clone(), owed.number));
        owed.number <= until && place.is_none_or(|sent| *sent == Sent::Again)
    };
    let due: Vec<Owed> = owed.into_values().filter(is_due).collect();
    sent.extend(due.iter().map(|owed| ((state.tenant.clone(), owed.number), Sent::Waiting)));
    due
}

/// Hash of a worker's command. Its number says all of what is wanted; what may change meanwhile (an agent's display name)
/// does not make it another command.
fn hash(number: u64) -> CommandHash {
    let digest = Sha256::digest(number.to_be_bytes());
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest[..16]);
    CommandHash(hash)
}

#[cfg(test)]
mod tests;
