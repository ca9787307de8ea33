//! One message on its way.

use kefu_model::command::Parties;
use kefu_model::conversation::{Decision, Prior, decide};
use kefu_model::{
    Actor, At, Audience, Body, Command, CommandHash, Content, Conversation, ConversationId, DeviceId, Identity, Name,
    Outcome, Role, TenantId, User, UserId, Verdict,
};

/// A visitor's message.
pub(crate) fn command() -> Command {
    let tenant = TenantId::new("default").expect("a tenant");
    let customer = User::customer(UserId::new("visitor-1").expect("a user"));
    Command {
        conversation: ConversationId::support(&tenant, &customer.id),
        tenant,
        actor: Actor::User { user: customer.clone(), role: Role::Customer, name: Name::new("访客").ok() },
        identity: Some(Identity::Device { device: DeviceId::new("device-1").expect("a device"), n: 17 }),
        hash: CommandHash([7; 16]),
        parties: Some(Parties::Support { customer, name: Name::new("访客").ok() }),
        body: Body::Message { content: Content::Text("where is my order?".repeat(4)), audience: Audience::All },
    }
}

/// What becomes of it.
pub(crate) fn outcome(command: &Command) -> Outcome {
    let state = Conversation::absent(command.tenant.clone(), command.conversation);
    let Decision::Record(mut outcome) = decide(&state, Prior::None, command, At(1_700_000_000_000)) else {
        panic!("it is accepted")
    };
    // Only the message itself: what a hot conversation writes.
    if let Verdict::Accepted(events) = &mut outcome.verdict {
        events.drain(..events.len() - 1);
    }
    outcome
}
