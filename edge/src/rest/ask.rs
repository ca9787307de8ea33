//! What handlers ask of owners and of the store.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kefu_model::command::Answer;
use kefu_model::conversation::View;
use kefu_model::ids::CommandKey;
use kefu_model::{
    At, Body, Command, CommandHash, Conversation, ConversationId, ConversationKind, Identity, Parties, Refusal, User,
    UserKind,
};
use sha2::{Digest, Sha256};

use crate::auth::Caller;
use crate::config::millis;
use crate::http::Problem;
use crate::services::Services;

/// An accepted command's numbers.
pub(super) struct Accepted {
    pub(super) rev: u64,
    pub(super) seq: Option<u64>,
    pub(super) at: At,
}

/// A command to be asked.
pub(super) struct Asking {
    pub(super) conversation: ConversationId,
    pub(super) parties: Option<Parties>,
    /// The client's key; a random one if it named none.
    pub(super) key: Option<String>,
    pub(super) hash: CommandHash,
    pub(super) body: Body,
}

/// Asks and waits. [`Refusal::NoAnswer`] when the outcome is not known in time; the command goes on.
pub(super) async fn ask(services: &Services, caller: &Caller, asking: Asking) -> Result<Accepted, Refusal> {
    let marks = matches!(asking.body, Body::Mark { .. });
    let command = Command {
        tenant: caller.tenant.clone(),
        conversation: asking.conversation,
        actor: caller.actor(),
        identity: (!marks).then(|| Identity::Key(key_of(&caller.user, asking.key.as_deref()))),
        hash: asking.hash,
        parties: asking.parties,
        body: asking.body,
    };
    match services.upstream.ask(&command, millis(services.config.outcome_wait_ms)).await {
        Answer::Accepted { rev, seq, at } => Ok(Accepted { rev, seq, at }),
        Answer::Refused { refusal, .. } => Err(refusal),
    }
}

/// A key bound to its user, so that two users' keys never meet.
fn key_of(user: &User, key: Option<&str>) -> CommandKey {
    let random;
    let key = match key {
        Some(key) => key,
        None => {
            random = uuid::Uuid::new_v4().to_string();
            &random
        }
    };
    let mut hasher = Sha256::new();
    for part in [user.kind.as_str(), user.id.as_str(), key] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let text = format!("c:{}", URL_SAFE_NO_PAD.encode(&hasher.finalize()[..24]));
    CommandKey::new(&text).expect("33 plain characters are a key")
}

/// A conversation's id from a request.
pub(super) fn conversation_id(text: &str) -> Result<ConversationId, Problem> {
    ConversationId::parse(text).map_err(|_| Problem::refusal(Refusal::NoConversation))
}

/// A conversation as the store has it: its epoch and state. An absent one has rev 0.
pub(super) async fn stored(
    services: &Services,
    caller: &Caller,
    conversation: ConversationId,
) -> Result<(u64, Conversation), Problem> {
    let found = services.store.load_conversation(&caller.tenant, conversation).await?;
    Ok(match found {
        Some(stored) => (services.epoch_of(stored.stamp), stored.value),
        None => (0, Conversation::absent(caller.tenant.clone(), conversation)),
    })
}

/// A conversation as its owner has it now.
pub(super) async fn current(
    services: &Services,
    caller: &Caller,
    conversation: ConversationId,
) -> Result<(u64, Conversation), Problem> {
    let snapshot = services.upstream.snapshot(&caller.tenant, conversation).await?;
    Ok((snapshot.epoch, snapshot.conversation.clone()))
}

/// Whether the caller may look into a conversation. Who may not does not learn whether it exists; a customer's own
/// support conversation is always theirs.
pub(super) fn may_look(caller: &Caller, conversation: &Conversation) -> Result<(), Refusal> {
    let own = caller.user.kind == UserKind::Customer
        && conversation.id == ConversationId::support(&caller.tenant, &caller.user.id);
    let sees = conversation.exists() && View::of(conversation, &caller.user, caller.role).any();
    if own || sees { Ok(()) } else { Err(Refusal::NoConversation) }
}

/// The conversation with another party; a customer's is always their support conversation.
pub(super) fn conversation_with(caller: &Caller, other: &User) -> ConversationId {
    match (caller.user.kind, other.kind) {
        (UserKind::Customer, _) => ConversationId::support(&caller.tenant, &caller.user.id),
        (UserKind::Agent, UserKind::Customer) => ConversationId::support(&caller.tenant, &other.id),
        (UserKind::Agent, UserKind::Agent) => ConversationId::direct(&caller.tenant, &caller.user, other),
    }
}

/// What opens a conversation that does not exist yet, if the caller may.
pub(super) fn parties_of(caller: &Caller, conversation: ConversationId, other: Option<&User>) -> Option<Parties> {
    if caller.user.kind == UserKind::Customer {
        let own = conversation == ConversationId::support(&caller.tenant, &caller.user.id);
        return own.then(|| Parties::Support { customer: caller.user.clone(), name: caller.name.clone() });
    }
    let other = other?;
    let direct = conversation.kind() == ConversationKind::Direct && other.kind == UserKind::Agent;
    direct.then(|| Parties::Direct(caller.user.clone(), other.clone()))
}

/// Where a page starts and how long it is.
pub(super) struct Paging {
    pub(super) skip: u32,
    pub(super) limit: u32,
}

/// `page` from 1 and `page_size` (= `limit`), 50 unless given, at most 200.
pub(super) fn paging(page: Option<u32>, size: Option<u32>, limit: Option<u32>) -> Result<Paging, Problem> {
    let limit = size.or(limit).unwrap_or(50);
    if !(1..=kefu_store::limits::PAGE_ITEMS).contains(&limit) {
        return Err(Problem::field("page_size", "is 1 to 200"));
    }
    let page = page.unwrap_or(1);
    let skip = page.checked_sub(1).and_then(|before| before.checked_mul(limit));
    let skip = skip.filter(|skip| *skip <= kefu_store::limits::SKIP_ROWS);
    let skip = skip.ok_or_else(|| Problem::field("page", "is from 1, within 10000 items; beyond it use cursors"))?;
    Ok(Paging { skip, limit })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kefu_model::UserId;

    #[test]
    fn keys_are_bound_to_their_user() {
        let a = User::agent(UserId::new("x").unwrap());
        let b = User::customer(UserId::new("x").unwrap());
        assert_eq!(key_of(&a, Some("1")), key_of(&a, Some("1")));
        assert_ne!(key_of(&a, Some("1")), key_of(&b, Some("1")));
        assert_ne!(key_of(&a, None), key_of(&a, None));
    }

    #[test]
    fn pages_are_bounded() {
        assert!(paging(None, None, None).is_ok_and(|paging| paging.skip == 0 && paging.limit == 50));
        assert!(paging(Some(3), Some(20), None).is_ok_and(|paging| paging.skip == 40));
        for (page, size) in [(0, 50), (1, 0), (1, 201), (1_000, 200), (u32::MAX, 200)] {
            assert!(paging(Some(page), Some(size), None).is_err());
        }
    }
}
