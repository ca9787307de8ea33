//! A visitor's messages, on their way in and in history.

use kefu_edge::frame::{Audience, ClientFrame, CommandBody, Content};
use kefu_model::command::Parties;
use kefu_model::conversation::{Decision, Prior, decide};
use kefu_model::{
    Actor, At, Body, Command, CommandHash, Conversation, ConversationId, Outcome, Role, TenantId, User, UserId,
};
use kefu_store::{HistoryPage, Item, ItemKey};

const TEXT: &str = "你好, where is my order? ";

/// What the visitor wants.
pub(crate) fn body() -> CommandBody {
    CommandBody::Message { content: Content::Text { text: TEXT.repeat(4) }, audience: Audience::All }
}

/// The frame that says so.
pub(crate) fn frame(n: u64) -> ClientFrame {
    ClientFrame::Command { conversation: absent().id.to_string(), n, body: body() }
}

/// The conversation after so many messages, and what was decided.
pub(crate) fn conversation(messages: u64) -> (Conversation, Vec<Outcome>) {
    let mut state = absent();
    let outcomes = (0..messages).map(|number| {
        let decision = decide(&state, Prior::None, &command(&state), At(1_700_000_000_000 + number));
        let Decision::Record(outcome) = decision else { panic!("it is accepted") };
        state.apply(&outcome).expect("it follows");
        outcome
    });
    let outcomes = outcomes.collect();
    (state, outcomes)
}

/// The messages of these outcomes as a page of history.
pub(crate) fn page(outcomes: &[Outcome]) -> HistoryPage {
    let messages = outcomes.iter().flat_map(|outcome| {
        let messages = outcome.events().iter().filter(|numbered| numbered.event.takes_seq());
        messages.map(|numbered| Item {
            key: ItemKey::message(numbered.seq),
            rev: numbered.rev,
            at: outcome.at,
            event: numbered.event.clone(),
            edited: None,
            recalled: None,
        })
    });
    HistoryPage { items: messages.collect(), has_older: true, has_newer: false }
}

fn absent() -> Conversation {
    let tenant = TenantId::new("default").expect("a tenant");
    let id = ConversationId::support(&tenant, &visitor().id);
    Conversation::absent(tenant, id)
}

fn visitor() -> User {
    User::customer(UserId::new("visitor-1").expect("a user"))
}

fn command(state: &Conversation) -> Command {
    Command {
        tenant: state.tenant.clone(),
        conversation: state.id,
        actor: Actor::User { user: visitor(), role: Role::Customer, name: None },
        identity: None,
        hash: CommandHash([7; 16]),
        parties: Some(Parties::Support { customer: visitor(), name: None }),
        body: Body::from(body()),
    }
}
