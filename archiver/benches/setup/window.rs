//! A window of the log: visitors' messages, in turn.

use kefu_archiver::batch::{Fold, Record};
use kefu_model::command::Parties;
use kefu_model::conversation::{Decision, DeviceLog, Prior, decide};
use kefu_model::{
    Actor, At, Audience, Body, Command, CommandHash, Content, Conversation, ConversationId, DeviceId, Identity,
    Outcome, Role, TenantId, User, UserId,
};

/// Outcomes in one record.
const RECORD: usize = 50;

/// So many outcomes from the beginning of the log, each of the next conversation in turn.
pub(crate) fn outcomes(count: usize, conversations: usize) -> Vec<Outcome> {
    let tenant = TenantId::new("default").expect("a tenant");
    let customers: Vec<User> = (0..conversations)
        .map(|number| User::customer(UserId::new(&format!("visitor-{number}")).expect("a user")))
        .collect();
    let mut states: Vec<(Conversation, DeviceLog)> = customers
        .iter()
        .map(|customer| ConversationId::support(&tenant, &customer.id))
        .map(|id| (Conversation::absent(tenant.clone(), id), DeviceLog::default()))
        .collect();
    let device = DeviceId::new("device-1").expect("a device");
    let mut log = Vec::with_capacity(count);
    for number in 0..count {
        let customer = customers[number % conversations].clone();
        let (state, answers) = &mut states[number % conversations];
        let n = answers.last_n + 1;
        let command = Command {
            tenant: tenant.clone(),
            conversation: state.id,
            actor: Actor::User { user: customer.clone(), role: Role::Customer, name: None },
            identity: Some(Identity::Device { device: device.clone(), n }),
            hash: CommandHash([7; 16]),
            parties: Some(Parties::Support { customer, name: None }),
            body: Body::Message { content: Content::Text("where is my order?".repeat(4)), audience: Audience::All },
        };
        let now = At(1_700_000_000_000 + n);
        let Decision::Record(outcome) = decide(state, Prior::Device(answers), &command, now) else {
            panic!("it is accepted")
        };
        state.apply(&outcome).expect("it follows");
        answers.remember(n, outcome.hash, outcome.answer());
        log.push(outcome);
    }
    log
}

/// A fold that has been given what these outcomes need.
pub(crate) fn ready(outcomes: &[Outcome]) -> Fold {
    let mut fold = Fold::default();
    let needs = fold.needs(outcomes);
    for key in needs.conversations {
        fold.supply_conversation(key, None);
    }
    for key in needs.devices {
        fold.supply_device(key, None);
    }
    fold
}

/// Folds outcomes, record by record, from that position.
pub(crate) fn fold(fold: &mut Fold, first_position: u64, outcomes: &[Outcome]) {
    for (position, outcomes) in (first_position..).zip(outcomes.chunks(RECORD)) {
        fold.fold(Record { epoch: 1, position, outcomes }).expect("it folds");
    }
}
